/* COMMAND and its subcommands but DOCS, and HELP of all commands; everything comes from the table. */
#include <stdio.h>
#include <string.h>

#include "cmd-command.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"

static const char *const flag_names[COMMAND_SHOWN_FLAGS] = { "admin",    "pubsub",       "noscript", "loading",
	                                                     "stale",    "skip_slowlog", "fast",     "no_auth",
	                                                     "no_multi", "allow_busy" };

/* The categories of access rules, in Redis's order. */
#define CATEGORIES_MAX 6

static size_t
list_categories(const struct command *row, const char *names[CATEGORIES_MAX])
{
	size_t n = 0;

	if (row->flags & COMMAND_PUBSUB)
		names[n++] = "@pubsub";
	if (row->flags & COMMAND_ADMIN)
		names[n++] = "@admin";
	names[n++] = row->flags & COMMAND_FAST ? "@fast" : "@slow";
	if (row->flags & (COMMAND_ADMIN | COMMAND_DANGEROUS))
		names[n++] = "@dangerous";
	if (row->flags & COMMAND_CONNECTION)
		names[n++] = "@connection";
	if (row->flags & COMMAND_TRANSACTION)
		names[n++] = "@transaction";
	return n;
}

static void
reply_flags(struct bus *bus, struct session *s, const struct command *row)
{
	reply_set(bus, s, (size_t)__builtin_popcount(row->flags & ((1U << COMMAND_SHOWN_FLAGS) - 1)));
	for (int i = 0; i < COMMAND_SHOWN_FLAGS; i++)
		if (row->flags & 1U << i)
			reply_status(bus, s, flag_names[i]);
}

static void
reply_categories(struct bus *bus, struct session *s, const struct command *row)
{
	const char *names[CATEGORIES_MAX];
	size_t n = list_categories(row, names);

	reply_set(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_status(bus, s, names[i]);
}

/* The n-th of the words of a text, or NULL. */
static const char *
word(const char *text, size_t n, size_t *ret_len)
{
	for (; *text; n--) {
		*ret_len = strcspn(text, " ");
		if (n == 0)
			return text;
		text += *ret_len;
		text += strspn(text, " ");
	}
	return NULL;
}

static void
reply_tips(struct bus *bus, struct session *s, const struct command *row)
{
	const char *tip;
	size_t n = 0, len;

	while (word(row->tips, n, &len))
		n++;
	reply_set(bus, s, n);
	for (size_t i = 0; i < n; i++) {
		tip = word(row->tips, i, &len);
		reply_bulk(bus, s, (struct slice){ (const uint8_t *)tip, len });
	}
}

/* Where the keys stand, in the two ways in which Redis says it; shard channels are all that it calls keys here. */
static void
reply_key_specs(struct bus *bus, struct session *s, const struct command *row)
{
	bool is_shard = row->flags & (COMMAND_SHARD_ONE | COMMAND_SHARD_ALL);

	reply_set(bus, s, is_shard);
	if (!is_shard)
		return;
	reply_map(bus, s, 3);
	reply_text(bus, s, "flags");
	reply_set(bus, s, 1);
	reply_status(bus, s, "not_key");
	reply_text(bus, s, "begin_search");
	reply_map(bus, s, 2);
	reply_text(bus, s, "type");
	reply_text(bus, s, "index");
	reply_text(bus, s, "spec");
	reply_map(bus, s, 1);
	reply_text(bus, s, "index");
	reply_integer(bus, s, 1);
	reply_text(bus, s, "find_keys");
	reply_map(bus, s, 2);
	reply_text(bus, s, "type");
	reply_text(bus, s, "range");
	reply_text(bus, s, "spec");
	reply_map(bus, s, 3);
	reply_text(bus, s, "lastkey");
	reply_integer_signed(bus, s, row->flags & COMMAND_SHARD_ALL ? -1 : 0);
	reply_text(bus, s, "keystep");
	reply_integer(bus, s, 1);
	reply_text(bus, s, "limit");
	reply_integer(bus, s, 0);
}

size_t
cmd_command_count_subs(const struct command *row)
{
	size_t n = 0;

	for (const struct command *sub = rows_first_sub(row); sub; sub = rows_next_sub(sub))
		n++;
	return n;
}

/* Redis's ten fields of a command. */
static void
reply_row(struct bus *bus, struct session *s, const struct command *row)
{
	bool is_shard = row->flags & (COMMAND_SHARD_ONE | COMMAND_SHARD_ALL);
	size_t n_subs;

	reply_array(bus, s, 10);
	reply_text(bus, s, row->name);
	reply_integer_signed(bus, s, row->arity);
	reply_flags(bus, s, row);
	reply_integer(bus, s, is_shard); /* first key, last key, step */
	reply_integer_signed(bus, s, row->flags & COMMAND_SHARD_ALL ? -1 : is_shard);
	reply_integer(bus, s, is_shard);
	reply_categories(bus, s, row);
	reply_tips(bus, s, row);
	reply_key_specs(bus, s, row);
	n_subs = cmd_command_count_subs(row);
	if (n_subs > 0)
		reply_array(bus, s, n_subs);
	else
		reply_set(bus, s, 0); /* so it is in Redis */
	for (const struct command *sub = rows_first_sub(row); sub; sub = rows_next_sub(sub))
		reply_row(bus, s, sub);
}

const struct command *
cmd_command_next(const struct command *row)
{
	const struct command *sub = rows_first_sub(row);

	for (; sub; sub = rows_next_sub(sub))
		row = sub;
	return row[1].name ? row + 1 : NULL;
}

size_t
cmd_command_count_all(const struct bus *bus)
{
	size_t n = 0;

	for (const struct command *row = sessions_of_const(bus)->table; row; row = cmd_command_next(row))
		n++;
	return n;
}

enum command_result
cmd_command(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
            size_t argc __attribute__((unused)))
{
	reply_array(bus, s, cmd_command_count_all(bus));
	for (const struct command *row = sessions_of_const(bus)->table; row; row = cmd_command_next(row))
		reply_row(bus, s, row);
	return COMMAND_DONE;
}

enum command_result
cmd_command_count(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                  size_t argc __attribute__((unused)))
{
	reply_integer(bus, s, cmd_command_count_all(bus));
	return COMMAND_DONE;
}

/* What COMMAND LIST FILTERBY asks for. */
enum filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN };

static bool
is_of_category(const struct command *row, struct slice category)
{
	const char *names[CATEGORIES_MAX];
	size_t n = list_categories(row, names);

	for (size_t i = 0; i < n; i++)
		if (slice_is_word(category, names[i] + 1))
			return true;
	return false;
}

static bool
is_listed(const struct command *row, enum filter filter, struct slice value)
{
	switch (filter) {
	case FILTER_NONE:
		return true;
	case FILTER_MODULE:
		return false;
	case FILTER_CATEGORY:
		return is_of_category(row, value);
	case FILTER_PATTERN:
		return rows_is_match(value, row->name);
	}
	return false;
}

enum command_result
cmd_command_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	enum filter filter = FILTER_NONE;
	struct slice value = argc == 5 ? argv[4] : (struct slice){ 0 };
	size_t n = 0;

	if (argc == 5 && slice_is_word(argv[2], "FILTERBY")) {
		if (slice_is_word(argv[3], "MODULE"))
			filter = FILTER_MODULE;
		else if (slice_is_word(argv[3], "ACLCAT"))
			filter = FILTER_CATEGORY;
		else if (slice_is_word(argv[3], "PATTERN"))
			filter = FILTER_PATTERN;
	}
	if (argc > 2 && (filter == FILTER_NONE)) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	for (const struct command *row = sessions_of_const(bus)->table; row->name; row++)
		n += is_listed(row, filter, value);
	reply_array(bus, s, n);
	for (const struct command *row = sessions_of_const(bus)->table; row->name; row++)
		if (is_listed(row, filter, value))
			reply_text(bus, s, row->name);
	return COMMAND_DONE;
}

bool
cmd_command_check_count(struct bus *bus, struct session *s, size_t argc)
{
	if (argc - 2 <= CMD_COMMAND_NAMES_MAX)
		return true;
	reply_error(bus, s, "ERR too many commands asked for at once; the limit is %d", CMD_COMMAND_NAMES_MAX);
	return false;
}

enum command_result
cmd_command_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc == 2)
		return cmd_command(bus, s, argv, argc);
	if (!cmd_command_check_count(bus, s, argc))
		return COMMAND_DONE;
	reply_array(bus, s, argc - 2);
	for (size_t i = 2; i < argc; i++) {
		const struct command *row = rows_find(sessions_of(bus)->table, argv[i]);

		if (row)
			reply_row(bus, s, row);
		else
			reply_null(bus, s);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_help(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	const struct command *parent = rows_find(sessions_of(bus)->table, argv[0]), *row;
	char line[256];

	reply_array(bus, s, 1 + 2 * cmd_command_count_subs(parent));
	snprintf(line, sizeof(line),
	         "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", rows_upper(parent->name).text);
	reply_status(bus, s, line);
	for (row = rows_first_sub(parent); row; row = rows_next_sub(row)) {
		snprintf(line, sizeof(line), "%s%s%s", rows_upper(rows_sub_name(row)).text, row->syntax[0] ? " " : "",
		         row->syntax);
		reply_status(bus, s, line);
		snprintf(line, sizeof(line), "    %s", row->summary);
		reply_status(bus, s, line);
	}
	return COMMAND_DONE;
}
