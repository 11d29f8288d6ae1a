/* COMMAND and its subcommands except DOCS, and HELP of all commands: all made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cmd-command.h"
#include "cmd-pubsub.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"

static const char *const flag_names[COMMAND_SHOWN_FLAGS] = { "write",    "readonly",     "denyoom",   "admin",
	                                                     "pubsub",   "noscript",     "blocking",  "loading",
	                                                     "stale",    "skip_slowlog", "fast",      "no_auth",
	                                                     "no_multi", "movablekeys",  "allow_busy" };

/* The categories of access rules, in Redis's order: each with the flags of which a row has one. "@slow" is the rest. */
static const struct {
	const char *name;
	unsigned int flags;
	enum { ANY_GROUP, STREAM_GROUP, OTHER_GROUP } group; /* which ones are in it */
} categories[] = {
	{ "@keyspace", COMMAND_READONLY | COMMAND_WRITE, OTHER_GROUP },
	{ "@read", COMMAND_READONLY },
	{ "@write", COMMAND_WRITE },
	{ "@stream", ~0U, STREAM_GROUP },
	{ "@pubsub", COMMAND_PUBSUB },
	{ "@admin", COMMAND_ADMIN },
	{ "@fast", COMMAND_FAST },
	{ "@slow", 0 },
	{ "@blocking", COMMAND_BLOCKING },
	{ "@dangerous", COMMAND_ADMIN | COMMAND_DANGEROUS },
	{ "@connection", COMMAND_CONNECTION },
	{ "@transaction", COMMAND_TRANSACTION },
};

#define N_CATEGORIES (sizeof(categories) / sizeof(categories[0]))

static bool
cmd_command_is_of(const struct command *row, size_t category)
{
	unsigned int flags = categories[category].flags;

	if (categories[category].group != ANY_GROUP &&
	    (categories[category].group == STREAM_GROUP) != (strcmp(row->group, "stream") == 0))
		return false;
	return flags ? row->flags & flags : !(row->flags & COMMAND_FAST);
}

static void
cmd_command_reply_flags(struct bus *bus, struct session *s, const struct command *row)
{
	reply_set(bus, s, (size_t)__builtin_popcount(row->flags & ((1U << COMMAND_SHOWN_FLAGS) - 1)));
	for (int i = 0; i < COMMAND_SHOWN_FLAGS; i++)
		if (row->flags & 1U << i)
			reply_status(bus, s, flag_names[i]);
}

static void
cmd_command_reply_categories(struct bus *bus, struct session *s, const struct command *row)
{
	size_t n = 0;

	for (size_t i = 0; i < N_CATEGORIES; i++)
		n += cmd_command_is_of(row, i);
	reply_set(bus, s, n);
	for (size_t i = 0; i < N_CATEGORIES; i++)
		if (cmd_command_is_of(row, i))
			reply_status(bus, s, categories[i].name);
}

static void
cmd_command_reply_tips(struct bus *bus, struct session *s, const struct command *row)
{
	size_t n = row->tips[0] != '\0', len;

	for (const char *p = row->tips; *p; p++)
		n += *p == ' ';
	reply_set(bus, s, n);
	for (const char *p = row->tips; *p; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		reply_bulk(bus, s, (struct slice){ (const uint8_t *)p, len });
	}
}

size_t
cmd_command_count_subs(const struct command *row)
{
	size_t n = 0;

	for (const struct command *sub = command_first_sub(row); sub; sub = command_next_sub(sub))
		n++;
	return n;
}

/* The ten fields that Redis has for a command. */
static void
cmd_command_reply_row(struct bus *bus, struct session *s, const struct command *row)
{
	size_t n_subs = cmd_command_count_subs(row);

	reply_array(bus, s, 10);
	reply_text(bus, s, row->name);
	reply_integer_signed(bus, s, row->arity);
	cmd_command_reply_flags(bus, s, row);
	cmd_command_reply_range(bus, s, row);
	cmd_command_reply_categories(bus, s, row);
	cmd_command_reply_tips(bus, s, row);
	cmd_command_reply_specs(bus, s, row);
	if (n_subs > 0)
		reply_array(bus, s, n_subs);
	else
		reply_set(bus, s, 0); /* as in Redis */
	for (const struct command *sub = command_first_sub(row); sub; sub = command_next_sub(sub))
		cmd_command_reply_row(bus, s, sub);
}

const struct command *
cmd_command_next(const struct command *row)
{
	const struct command *sub = command_first_sub(row);

	for (; sub; sub = command_next_sub(sub))
		row = sub;
	return row[1].name ? row + 1 : NULL;
}

size_t
cmd_command_count_all(struct bus *bus)
{
	size_t n = 0;

	bus->flow.work.done += COMMAND_ROWS_MAX * WORK_VISIT;

	for (const struct command *row = sessions_of_const(bus)->table; row; row = cmd_command_next(row))
		n++;
	return n;
}

enum command_result
cmd_command(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_array(bus, s, cmd_command_count_all(bus));
	for (const struct command *row = sessions_of_const(bus)->table; row; row = cmd_command_next(row))
		cmd_command_reply_row(bus, s, row);
	return COMMAND_DONE;
}

enum command_result
cmd_command_count(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_integer(bus, s, cmd_command_count_all(bus));
	return COMMAND_DONE;
}

static bool
cmd_command_is_of_category(const struct command *row, struct slice name)
{
	for (size_t i = 0; i < N_CATEGORIES; i++)
		if (slice_is_word(name, categories[i].name + 1))
			return cmd_command_is_of(row, i);
	return false;
}

static bool
cmd_command_is_of_module(const struct command *row, struct slice name)
{
	return false; /* udsd has none */
}

static bool
cmd_command_fits_pattern(const struct command *row, struct slice pattern)
{
	return command_name_matches(pattern, row->name);
}

/* The filters of COMMAND LIST. */
static const struct {
	const char *name;
	bool (*fits)(const struct command *row, struct slice value);
} filters[] = {
	{ "MODULE", cmd_command_is_of_module },
	{ "ACLCAT", cmd_command_is_of_category },
	{ "PATTERN", cmd_command_fits_pattern },
};

enum command_result
cmd_command_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *table = sessions_of_const(bus)->table, *row;
	bool (*fits)(const struct command *row, struct slice value) = NULL;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (argc == 5 && slice_is_word(argv[2], "FILTERBY") && slice_is_word(argv[3], filters[i].name))
			fits = filters[i].fits;
	if (argc > 2 && !fits) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (argc > 4 && !cmd_require_name(bus, s, argv[4]))
		return COMMAND_DONE;
	bus->flow.work.done += COMMAND_ROWS_MAX * (WORK_LOOKUP + (argc > 4 ? argv[4].len : 0));
	for (row = table; row->name; row++)
		n += !fits || fits(row, argv[4]);
	reply_array(bus, s, n);
	for (row = table; row->name; row++)
		if (!fits || fits(row, argv[4]))
			reply_text(bus, s, row->name);
	return COMMAND_DONE;
}

bool
cmd_command_require_count(struct bus *bus, struct session *s, size_t argc)
{
	bus->flow.work.done += WORK_LOOKUP;
	if (argc - 2 <= CMD_COMMAND_NAMES_MAX) {
		bus->flow.work.done += (argc - 2) * 2 * WORK_LOOKUP; /* COMMAND DOCS looks twice */
		return true;
	}
	reply_error(bus, s, "ERR too many commands asked for at once; the limit is %d", CMD_COMMAND_NAMES_MAX);
	return false;
}

enum command_result
cmd_command_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc == 2)
		return cmd_command(bus, s, argv, argc);
	if (!cmd_command_require_count(bus, s, argc))
		return COMMAND_DONE;
	reply_array(bus, s, argc - 2);
	for (size_t i = 2; i < argc; i++) {
		const struct command *row = command_find(sessions_of(bus)->table, argv[i]);

		if (row)
			cmd_command_reply_row(bus, s, row);
		else
			reply_null(bus, s);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_help(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *parent = command_find(sessions_of(bus)->table, argv[0]), *row;
	char line[256];

	bus->flow.work.done += (1 + cmd_command_count_subs(parent)) * 2 * WORK_ERROR;
	reply_array(bus, s, 1 + 2 * cmd_command_count_subs(parent));
	snprintf(line, sizeof(line),
	         "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", command_name_upper(parent->name).text);
	reply_status(bus, s, line);
	for (row = command_first_sub(parent); row; row = command_next_sub(row)) {
		snprintf(line, sizeof(line), "%s%s%s", command_name_upper(command_sub_name(row)).text,
		         row->syntax[0] ? " " : "", row->syntax);
		reply_status(bus, s, line);
		snprintf(line, sizeof(line), "    %s", row->summary);
		reply_status(bus, s, line);
	}
	return COMMAND_DONE;
}
