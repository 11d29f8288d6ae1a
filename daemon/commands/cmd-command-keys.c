/* What COMMAND INFO says about the keys of a command, and COMMAND GETKEYS. */
#include <stdio.h>
#include <string.h>

#include "cmd-command.h"
#include "command-keys.h"
#include "command-names.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"

static void
cmd_command_reply_words(struct bus *bus, struct session *s, struct slice words)
{
	const uint8_t *p = words.p, *end = words.p + words.len, *next;
	size_t n = words.len > 0;

	for (size_t i = 0; i < words.len; i++)
		n += words.p[i] == ' ';
	reply_set(bus, s, n);
	for (; p < end; p = next + 1) {
		char text[32];

		next = memchr(p, ' ', (size_t)(end - p));
		if (!next)
			next = end;
		snprintf(text, sizeof(text), "%.*s", (int)(next - p), (const char *)p);
		reply_status(bus, s, text);
	}
}

/* One specification of keys, as Redis writes them. */
static void
cmd_command_reply_spec(struct bus *bus, struct session *s, const struct command_keys *keys)
{
	bool is_keyword = keys->keyword.len > 0;

	reply_map(bus, s, 3 + (keys->notes.len > 0));
	if (keys->notes.len > 0) {
		reply_text(bus, s, "notes");
		reply_bulk(bus, s, keys->notes);
	}
	reply_text(bus, s, "flags");
	cmd_command_reply_words(bus, s, keys->flags);
	reply_text(bus, s, "begin_search");
	reply_map(bus, s, 2);
	reply_pair(bus, s, "type", is_keyword ? "keyword" : "index");
	reply_text(bus, s, "spec");
	reply_map(bus, s, 1 + is_keyword);
	if (is_keyword) {
		reply_text(bus, s, "keyword");
		reply_bulk(bus, s, keys->keyword);
	}
	reply_pair_integer(bus, s, is_keyword ? "startfrom" : "index", (int64_t)keys->index);
	reply_text(bus, s, "find_keys");
	reply_map(bus, s, 2);
	reply_pair(bus, s, "type", "range");
	reply_text(bus, s, "spec");
	reply_map(bus, s, 3);
	reply_pair_integer(bus, s, "lastkey", is_keyword || keys->is_open ? -1 : 0);
	reply_pair_integer(bus, s, "keystep", 1);
	reply_pair_integer(bus, s, "limit", is_keyword ? 2 : 0);
}

void
cmd_command_reply_specs(struct bus *bus, struct session *s, const struct command *row)
{
	const char *text = row->keys;
	struct command_keys keys;
	size_t n = 0;

	while (command_keys_next(&text, &keys))
		n++;
	reply_set(bus, s, n);
	text = row->keys;
	while (command_keys_next(&text, &keys))
		cmd_command_reply_spec(bus, s, &keys);
}

void
cmd_command_reply_range(struct bus *bus, struct session *s, const struct command *row)
{
	const char *text = row->keys;
	struct command_keys keys;
	int64_t first = 0, last = 0;

	while (command_keys_next(&text, &keys)) {
		if (keys.keyword.len > 0)
			continue;
		first = first ? first : (int64_t)keys.index;
		last = keys.is_open ? -1 : (int64_t)keys.index;
	}
	reply_integer_signed(bus, s, first);
	reply_integer_signed(bus, s, last);
	reply_integer_signed(bus, s, first > 0);
}

/* Shard channels have specifications too, as clients of a cluster need them, but are no keys. */
static bool
cmd_command_next_keys(const char **text, struct command_keys *ret_keys)
{
	while (command_keys_next(text, ret_keys))
		if (!slice_is_word(ret_keys->flags, "not_key"))
			return true;
	return false;
}

/* Whether the command that COMMAND GETKEYS names exists and could have these arguments; otherwise replies an error. */
static const struct command *
cmd_command_require_call(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = command_find(sessions_of(bus)->table, argv[0]);
	const char *mistake = NULL, *text;
	struct command_keys keys;

	if (row && argc > 1 && command_first_sub(row))
		row = command_find_sub(row, argv[1]);
	bus->flow.work.done += 2 * WORK_LOOKUP;
	text = row ? row->keys : NULL;
	if (!row)
		mistake = "ERR Invalid command specified";
	else if (!cmd_command_next_keys(&text, &keys))
		mistake = "ERR The command has no key arguments";
	else if (row->arity > 0 ? argc != (size_t)row->arity : argc < (size_t)-row->arity)
		mistake = "ERR Invalid number of arguments specified for command";
	if (mistake)
		reply_error(bus, s, "%s", mistake);
	return mistake ? NULL : row;
}

enum command_result
cmd_command_getkeys(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = cmd_command_require_call(bus, s, argv + 2, argc - 2);
	const char *text = row ? row->keys : NULL;
	struct command_keys keys;
	size_t n = 0, first;

	while (cmd_command_next_keys(&text, &keys))
		n += command_keys_find(&keys, argv + 2, argc - 2, &first);
	if (row && n == 0)
		reply_error(bus, s, "ERR Invalid arguments specified for command");
	if (n == 0)
		return COMMAND_DONE;
	reply_array(bus, s, n);
	text = row->keys;
	while (cmd_command_next_keys(&text, &keys)) {
		n = command_keys_find(&keys, argv + 2, argc - 2, &first);
		for (size_t i = first; i < first + n; i++)
			reply_bulk(bus, s, argv[2 + i]);
	}
	return COMMAND_DONE;
}
