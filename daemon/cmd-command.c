/* COMMAND and its subcommands, all made from the table. */
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "command-list.h"
#include "reply.h"
#include "session.h"

/* Commands that COMMAND INFO and DOCS tell of in one answer. */
#define NAMES_MAX 256

static size_t
count_rows(const struct command *table)
{
	size_t n = 0;

	while (table && table[n].name)
		n++;
	return n;
}

/* "client|id" for a subcommand, else the name. */
static void
reply_full_name(struct bus *bus, struct session *s, const struct command *row, const struct command *parent)
{
	char name[64];

	name[0] = '\0';
	if (parent) {
		strncat(name, parent->name, 31);
		strcat(name, "|");
	}
	strncat(name, row->name, 31);
	reply_text(bus, s, name);
}

static void
reply_flags(struct bus *bus, struct session *s, const struct command *row)
{
	reply_set(bus, s, 3 + !!(row->flags & COMMAND_PUBSUB) + !!(row->flags & COMMAND_FAST));
	if (row->flags & COMMAND_PUBSUB)
		reply_status(bus, s, "pubsub");
	reply_status(bus, s, "noscript");
	reply_status(bus, s, "loading");
	reply_status(bus, s, "stale");
	if (row->flags & COMMAND_FAST)
		reply_status(bus, s, "fast");
}

/* Redis's ten fields of a command; commands of a bus have no keys. */
static void
reply_row(struct bus *bus, struct session *s, const struct command *row, const struct command *parent)
{
	size_t n = count_rows(row->subcommands);

	reply_array(bus, s, 10);
	reply_full_name(bus, s, row, parent);
	if (row->arity < 0) {
		char text[16] = ":-";

		text[2] = (char)('0' - row->arity); /* no row has an arity below -9 */
		memcpy(text + 3, "\r\n", 2);
		reply_raw(bus, s, text, 5);
	} else {
		reply_integer(bus, s, (uint64_t)row->arity);
	}
	reply_flags(bus, s, row);
	for (int i = 0; i < 3; i++)
		reply_integer(bus, s, 0); /* first key, last key, step */
	reply_set(bus, s, 2);
	reply_status(bus, s, row->flags & COMMAND_PUBSUB ? "@pubsub" : "@connection");
	reply_status(bus, s, row->flags & COMMAND_FAST ? "@fast" : "@slow");
	reply_set(bus, s, 0); /* tips */
	reply_set(bus, s, 0); /* key specifications */
	reply_set(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_row(bus, s, &row->subcommands[i], row);
}

static void
reply_docs(struct bus *bus, struct session *s, const struct command *row, const struct command *parent)
{
	size_t n = count_rows(row->subcommands);

	reply_full_name(bus, s, row, parent);
	reply_map(bus, s, n > 0 ? 5 : 4);
	reply_text(bus, s, "summary");
	reply_text(bus, s, row->summary);
	reply_text(bus, s, "since");
	reply_text(bus, s, row->since);
	reply_text(bus, s, "group");
	reply_text(bus, s, row->flags & COMMAND_PUBSUB ? "pubsub" : "connection");
	reply_text(bus, s, "complexity");
	reply_text(bus, s, row->flags & COMMAND_FAST ? "O(1)" : "O(N)");
	if (n == 0)
		return;
	reply_text(bus, s, "subcommands");
	reply_map(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_docs(bus, s, &row->subcommands[i], row);
}

enum command_result
cmd_command(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
            size_t argc __attribute__((unused)))
{
	size_t n = count_rows(command_table);

	reply_array(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_row(bus, s, &command_table[i], NULL);
	return COMMAND_DONE;
}

enum command_result
cmd_command_count(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                  size_t argc __attribute__((unused)))
{
	reply_integer(bus, s, count_rows(command_table));
	return COMMAND_DONE;
}

enum command_result
cmd_command_list(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)), size_t argc)
{
	size_t n = count_rows(command_table);

	if (argc > 2) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	reply_array(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_text(bus, s, command_table[i].name);
	return COMMAND_DONE;
}

/* The row of "name" or "name|subcommand", or NULL. */
static const struct command *
find_full_name(struct slice name, const struct command **ret_parent)
{
	const uint8_t *bar = memchr(name.p, '|', name.len);
	size_t len = bar ? (size_t)(bar - name.p) : name.len;
	const struct command *row = command_find(command_table, (struct slice){ name.p, len });

	*ret_parent = NULL;
	if (!bar || !row)
		return row;
	*ret_parent = row;
	return row->subcommands ? command_find(row->subcommands, (struct slice){ bar + 1, name.len - len - 1 }) : NULL;
}

/* Whether so few commands are asked for that the answer stays small; else an error is replied. */
static bool
check_count(struct bus *bus, struct session *s, size_t argc)
{
	if (argc <= NAMES_MAX)
		return true;
	reply_error(bus, s, "ERR too many commands asked for at once; the limit is %d", NAMES_MAX);
	return false;
}

enum command_result
cmd_command_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *parent;

	if (argc == 2)
		return cmd_command(bus, s, argv, argc);
	if (!check_count(bus, s, argc))
		return COMMAND_DONE;
	reply_array(bus, s, argc - 2);
	for (size_t i = 2; i < argc; i++) {
		const struct command *row = find_full_name(argv[i], &parent);

		if (row)
			reply_row(bus, s, row, parent);
		else
			reply_null(bus, s);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_command_docs(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *parent;
	size_t n = 0;

	if (argc == 2) {
		n = count_rows(command_table);
		reply_map(bus, s, n);
		for (size_t i = 0; i < n; i++)
			reply_docs(bus, s, &command_table[i], NULL);
		return COMMAND_DONE;
	}
	if (!check_count(bus, s, argc))
		return COMMAND_DONE;
	for (size_t i = 2; i < argc; i++)
		n += find_full_name(argv[i], &parent) != NULL;
	reply_map(bus, s, n);
	for (size_t i = 2; i < argc; i++) {
		const struct command *row = find_full_name(argv[i], &parent);

		if (row)
			reply_docs(bus, s, row, parent);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_help(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	const struct command *parent = command_find(command_table, argv[0]), *row;
	char line[128];

	reply_array(bus, s, 1 + 2 * count_rows(parent->subcommands));
	snprintf(line, sizeof(line),
	         "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", command_upper_name(parent).text);
	reply_status(bus, s, line);
	for (row = parent->subcommands; row->name; row++) {
		reply_status(bus, s, command_upper_name(row).text);
		snprintf(line, sizeof(line), "    %s", row->summary);
		reply_status(bus, s, line);
	}
	return COMMAND_DONE;
}
