/*
 * COMMAND DOCS. Its "arguments", of which redis-cli makes its hints, are read from the syntax in the table:
 *
 *     syntax = item *( " " item )
 *     item   = ( name / TOKEN / "[" syntax "]" / "(" syntax *( "|" syntax ) ")" ) [ "..." ]
 *
 * where names are in small and tokens in capital letters.
 */
#include <ctype.h>
#include <string.h>

#include "cmd-command.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"

enum item_kind { ITEM_NAME, ITEM_TOKEN, ITEM_BLOCK, ITEM_CHOICE };

struct item {
	enum item_kind kind;
	bool is_optional, is_multiple;
	struct slice text; /* the word, or what stands between the brackets */
};

static bool take_item(struct slice *text, struct item *ret_item);

/* Takes what stands before the next separator outside of brackets. Returns false at the end. */
static bool
take(struct slice *text, char separator, struct slice *ret_part)
{
	int depth = 0;
	size_t i = 0;

	if (text->len == 0)
		return false;
	for (; i < text->len && (depth > 0 || text->p[i] != separator); i++) {
		depth += text->p[i] == '[' || text->p[i] == '(';
		depth -= text->p[i] == ']' || text->p[i] == ')';
	}
	*ret_part = (struct slice){ text->p, i };
	i += i < text->len;
	*text = (struct slice){ text->p + i, text->len - i };
	return true;
}

static size_t
count(struct slice text, char separator)
{
	struct slice part;
	size_t n = 0;

	while (take(&text, separator, &part))
		n++;
	return n;
}

/* What "[...]" holds: one item that is optional, or several. */
static struct item
optional(struct slice text)
{
	struct item item = { .kind = ITEM_BLOCK, .text = text };

	if (count(text, ' ') == 1)
		take_item(&text, &item);
	item.is_optional = true;
	return item;
}

static bool
take_item(struct slice *text, struct item *ret_item)
{
	struct slice part;
	bool is_multiple;

	if (!take(text, ' ', &part))
		return false;
	is_multiple = part.len > 3 && memcmp(part.p + part.len - 3, "...", 3) == 0;
	if (is_multiple)
		part.len -= 3;
	if (part.p[0] == '[')
		*ret_item = optional((struct slice){ part.p + 1, part.len - 2 });
	else if (part.p[0] == '(')
		*ret_item = (struct item){ .kind = ITEM_CHOICE, .text = { part.p + 1, part.len - 2 } };
	else
		*ret_item = (struct item){ .kind = isupper(part.p[0]) ? ITEM_TOKEN : ITEM_NAME, .text = part };
	ret_item->is_multiple |= is_multiple;
	return true;
}

static void
reply_pair(struct bus *bus, struct session *s, const char *key, const char *value)
{
	reply_text(bus, s, key);
	reply_text(bus, s, value);
}

static void reply_items(struct bus *bus, struct session *s, struct slice syntax);

/* One of a choice, as an argument that holds what belongs to it. */
static void
reply_alternative(struct bus *bus, struct session *s, struct slice syntax)
{
	reply_map(bus, s, 3);
	reply_pair(bus, s, "name", "option");
	reply_pair(bus, s, "type", "block");
	reply_items(bus, s, syntax);
}

static void
reply_choice(struct bus *bus, struct session *s, struct slice text)
{
	struct slice syntax;

	reply_text(bus, s, "arguments");
	reply_array(bus, s, count(text, '|'));
	while (take(&text, '|', &syntax))
		reply_alternative(bus, s, syntax);
}

/* The word in small letters, or what brackets are called. */
static void
reply_name(struct bus *bus, struct session *s, const struct item *item)
{
	uint8_t name[32];
	size_t len = item->text.len < sizeof(name) ? item->text.len : sizeof(name);

	reply_text(bus, s, "name");
	for (size_t i = 0; i < len; i++)
		name[i] = (uint8_t)tolower(item->text.p[i]);
	if (item->kind == ITEM_NAME || item->kind == ITEM_TOKEN)
		reply_bulk(bus, s, (struct slice){ name, len });
	else
		reply_text(bus, s, "options");
}

static void
reply_item(struct bus *bus, struct session *s, const struct item *item)
{
	static const char *const types[] = { "string", "pure-token", "block", "oneof" };
	size_t n_flags = (size_t)item->is_optional + item->is_multiple;

	reply_map(bus, s, 2 + (size_t)(item->kind != ITEM_NAME) + (n_flags > 0));
	reply_name(bus, s, item);
	reply_pair(bus, s, "type", types[item->kind]);
	if (item->kind == ITEM_TOKEN) {
		reply_text(bus, s, "token");
		reply_bulk(bus, s, item->text);
	}
	if (n_flags > 0) {
		reply_text(bus, s, "flags");
		reply_set(bus, s, n_flags);
		if (item->is_optional)
			reply_status(bus, s, "optional");
		if (item->is_multiple)
			reply_status(bus, s, "multiple");
	}
	if (item->kind == ITEM_BLOCK)
		reply_items(bus, s, item->text);
	else if (item->kind == ITEM_CHOICE)
		reply_choice(bus, s, item->text);
}

static void
reply_items(struct bus *bus, struct session *s, struct slice syntax)
{
	struct item item;

	reply_text(bus, s, "arguments");
	reply_array(bus, s, count(syntax, ' '));
	while (take_item(&syntax, &item))
		reply_item(bus, s, &item);
}

static void
reply_docs(struct bus *bus, struct session *s, const struct command *row)
{
	struct slice syntax = { (const uint8_t *)row->syntax, strlen(row->syntax) };
	size_t n = cmd_command_count_subs(row);

	reply_text(bus, s, row->name);
	reply_map(bus, s, 4 + (syntax.len > 0) + (n > 0));
	reply_pair(bus, s, "summary", row->summary);
	reply_pair(bus, s, "since", row->since);
	reply_pair(bus, s, "group", row->group);
	reply_pair(bus, s, "complexity", row->flags & COMMAND_LINEAR ? "O(N)" : "O(1)");
	if (syntax.len > 0)
		reply_items(bus, s, syntax);
	if (n == 0)
		return;
	reply_text(bus, s, "subcommands");
	reply_map(bus, s, n);
	for (const struct command *sub = rows_first_sub(row); sub; sub = rows_next_sub(sub))
		reply_docs(bus, s, sub);
}

enum command_result
cmd_command_docs(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	size_t n = 0;

	if (argc == 2) {
		reply_map(bus, s, cmd_command_count_all(bus));
		for (const struct command *row = sessions_of_const(bus)->table; row; row = cmd_command_next(row))
			reply_docs(bus, s, row);
		return COMMAND_DONE;
	}
	if (!cmd_command_check_count(bus, s, argc))
		return COMMAND_DONE;
	for (size_t i = 2; i < argc; i++)
		n += rows_find(sessions_of(bus)->table, argv[i]) != NULL;
	reply_map(bus, s, n);
	for (size_t i = 2; i < argc; i++) {
		const struct command *row = rows_find(sessions_of(bus)->table, argv[i]);

		if (row)
			reply_docs(bus, s, row);
	}
	return COMMAND_DONE;
}
