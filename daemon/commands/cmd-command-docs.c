/*
 * COMMAND DOCS. Its "arguments", of which redis-cli makes its hints, are read from the syntax in the table:
 *
 *     syntax = item *( " " item )
 *     item   = ( name / TOKEN / "[" syntax "]" / "(" syntax *( "|" syntax ) ")" ) [ "..." ]
 *
 * where names are in small letters, and tokens are not. Parentheses with one alternative are a block. The syntax is
 * ours and always well-formed: nothing is checked.
 */
#include <ctype.h>
#include <string.h>

#include "cmd-command.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"

/* Takes what stands before the next separator outside of brackets. Returns false at the end. */
static bool
docs_take(struct slice *text, char separator, struct slice *ret_part)
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
docs_count(struct slice text, char separator)
{
	struct slice part;
	size_t n = 0;

	while (docs_take(&text, separator, &part))
		n++;
	return n;
}

static void docs_reply_item(struct bus *bus, struct session *s, struct slice item);

static void
docs_reply_items(struct bus *bus, struct session *s, struct slice syntax)
{
	struct slice item;

	reply_text(bus, s, "arguments");
	reply_array(bus, s, docs_count(syntax, ' '));
	while (docs_take(&syntax, ' ', &item))
		docs_reply_item(bus, s, item);
}

/* Each alternative is an argument that contains the items of its syntax. */
static void
docs_reply_choice(struct bus *bus, struct session *s, struct slice text)
{
	struct slice syntax;

	reply_text(bus, s, "arguments");
	reply_array(bus, s, docs_count(text, '|'));
	while (docs_take(&text, '|', &syntax)) {
		reply_map(bus, s, 3);
		reply_pair(bus, s, "name", "option");
		reply_pair(bus, s, "type", "block");
		docs_reply_items(bus, s, syntax);
	}
}

static void
docs_reply_item(struct bus *bus, struct session *s, struct slice item)
{
	enum { NAME, TOKEN, BLOCK, CHOICE } kind;
	static const char *const types[] = { "string", "pure-token", "block", "oneof" };
	bool is_optional = false, is_multiple = false;
	char name[32] = "options";

	for (;;) { /* one item in brackets is that item, optional; several are a block */
		if (item.len > 3 && memcmp(item.p + item.len - 3, "...", 3) == 0) {
			is_multiple = true;
			item.len -= 3;
		}
		kind = item.p[0] == '(' ? CHOICE : islower(item.p[0]) ? NAME : TOKEN;
		if (item.p[0] != '[' && item.p[0] != '(')
			break;
		item = (struct slice){ item.p + 1, item.len - 2 };
		if (kind == CHOICE && docs_count(item, '|') > 1)
			break;
		is_optional = is_optional || kind != CHOICE;
		kind = BLOCK;
		if (docs_count(item, ' ') > 1)
			break;
	}
	if (kind == NAME || kind == TOKEN) {
		size_t n = 0;

		for (; n < item.len && n < sizeof(name) - 1; n++)
			name[n] = (char)tolower(item.p[n]);
		name[n] = '\0';
	}
	reply_map(bus, s, 2 + (kind != NAME) + (is_optional || is_multiple));
	reply_pair(bus, s, "name", name);
	reply_pair(bus, s, "type", types[kind]);
	if (kind == TOKEN) {
		reply_text(bus, s, "token");
		reply_bulk(bus, s, item);
	}
	if (is_optional || is_multiple) {
		reply_text(bus, s, "flags");
		reply_set(bus, s, (size_t)is_optional + is_multiple);
		if (is_optional)
			reply_status(bus, s, "optional");
		if (is_multiple)
			reply_status(bus, s, "multiple");
	}
	if (kind == BLOCK)
		docs_reply_items(bus, s, item);
	else if (kind == CHOICE)
		docs_reply_choice(bus, s, item);
}

static void
docs_reply_row(struct bus *bus, struct session *s, const struct command *row)
{
	struct slice syntax = slice_of(row->syntax);
	size_t n = cmd_command_count_subs(row);

	reply_text(bus, s, row->name);
	reply_map(bus, s, 4 + (syntax.len > 0) + (n > 0));
	reply_pair(bus, s, "summary", row->summary);
	reply_pair(bus, s, "since", row->since);
	reply_pair(bus, s, "group", row->group);
	reply_pair(bus, s, "complexity", row->flags & COMMAND_LINEAR ? "O(N)" : "O(1)");
	if (syntax.len > 0)
		docs_reply_items(bus, s, syntax);
	if (n == 0)
		return;
	reply_text(bus, s, "subcommands");
	reply_map(bus, s, n);
	for (const struct command *sub = command_first_sub(row); sub; sub = command_next_sub(sub))
		docs_reply_row(bus, s, sub);
}

enum command_result
cmd_command_docs(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *table = sessions_of_const(bus)->table, *row;
	size_t n = 0;

	if (argc == 2) {
		reply_map(bus, s, cmd_command_count_all(bus));
		for (row = table; row; row = cmd_command_next(row))
			docs_reply_row(bus, s, row);
		return COMMAND_DONE;
	}
	if (!cmd_command_require_count(bus, s, argc))
		return COMMAND_DONE;
	for (size_t i = 2; i < argc; i++)
		n += command_find(table, argv[i]) != NULL;
	reply_map(bus, s, n);
	for (size_t i = 2; i < argc; i++)
		if ((row = command_find(table, argv[i])))
			docs_reply_row(bus, s, row);
	return COMMAND_DONE;
}
