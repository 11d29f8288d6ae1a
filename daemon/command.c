#include "command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bus.h"
#include "command-list.h"
#include "reply.h"
#include "session.h"

#define IN_SUBSCRIBE COMMAND_IN_SUBSCRIBE
#define FAST COMMAND_FAST
#define PUBSUB COMMAND_PUBSUB

static const struct command client_table[] = {
	{ "getname", 2, FAST, "2.6.9", "Returns the name of the connection.", cmd_client_getname, NULL },
	{ "help", 2, 0, "5.0.0", "Prints this help.", cmd_help, NULL },
	{ "id", 2, FAST, "5.0.0", "Returns the unique client ID of the connection.", cmd_client_id, NULL },
	{ "setinfo", 4, FAST, "7.2.0", "Sets what the client's library says of itself.", cmd_client_setinfo, NULL },
	{ "setname", 3, FAST, "2.6.9", "Sets the name of the connection.", cmd_client_setname, NULL },
	{ 0 },
};

static const struct command command_subtable[] = {
	{ "count", 2, FAST, "2.8.13", "Returns the number of commands.", cmd_command_count, NULL },
	{ "docs", -2, 0, "7.0.0", "Returns documentation of commands.", cmd_command_docs, NULL },
	{ "help", 2, 0, "5.0.0", "Prints this help.", cmd_help, NULL },
	{ "info", -2, 0, "2.8.13", "Returns details of commands.", cmd_command_info, NULL },
	{ "list", -2, 0, "7.0.0", "Returns the names of all commands.", cmd_command_list, NULL },
	{ 0 },
};

static const struct command pubsub_table[] = {
	{ "channels", -2, PUBSUB, "2.8.0", "Returns the channels that have subscribers.", cmd_pubsub_channels, NULL },
	{ "help", 2, 0, "5.0.0", "Prints this help.", cmd_help, NULL },
	{ "numpat", 2, PUBSUB, "2.8.0", "Returns the number of patterns subscribed to.", cmd_pubsub_numpat, NULL },
	{ "numsub", -2, PUBSUB, "2.8.0", "Returns the number of subscribers of channels.", cmd_pubsub_numsub, NULL },
	{ 0 },
};

static const struct command udsd_table[] = {
	{ "help", 2, 0, "5.0.0", "Prints this help.", cmd_help, NULL },
	{ "waitreceiver", 3, FAST, "7.2.0", "Makes PUBLISH wait until the channel has a receiver.",
	  cmd_udsd_waitreceiver, NULL },
	{ 0 },
};

const struct command command_table[] = {
	{ "client", -2, 0, "2.4.0", "Commands about the connection.", NULL, client_table },
	{ "command", -1, 0, "2.8.13", "Returns details of all commands.", cmd_command, command_subtable },
	{ "echo", 2, FAST, "1.0.0", "Returns the given string.", cmd_echo, NULL },
	{ "hello", -1, FAST, "6.0.0", "Chooses the version of the protocol.", cmd_hello, NULL },
	{ "info", -1, 0, "1.0.0", "Returns information and statistics about the server.", cmd_info, NULL },
	{ "ping", -1, FAST | IN_SUBSCRIBE, "1.0.0", "Returns PONG, or the given string.", cmd_ping, NULL },
	{ "psubscribe", -2, PUBSUB | IN_SUBSCRIBE, "2.0.0", "Receives the messages of channels that match patterns.",
	  cmd_psubscribe, NULL },
	{ "publish", 3, PUBSUB | FAST, "2.0.0", "Sends a message to a channel.", cmd_publish, NULL },
	{ "pubsub", -2, 0, "2.8.0", "Commands about subscriptions.", NULL, pubsub_table },
	{ "punsubscribe", -1, PUBSUB | IN_SUBSCRIBE, "2.0.0", "Ends subscriptions to patterns.", cmd_punsubscribe,
	  NULL },
	{ "quit", -1, FAST | IN_SUBSCRIBE, "1.0.0", "Closes the connection.", cmd_quit, NULL },
	{ "reset", 1, FAST | IN_SUBSCRIBE, "6.2.0", "Puts the connection back to its first state.", cmd_reset, NULL },
	{ "select", 2, FAST, "1.0.0", "Accepts database 0, the only one.", cmd_select, NULL },
	{ "subscribe", -2, PUBSUB | IN_SUBSCRIBE, "2.0.0", "Receives the messages of channels.", cmd_subscribe, NULL },
	{ "udsd", -2, 0, "7.2.0", "Commands that only udsd has.", NULL, udsd_table },
	{ "unsubscribe", -1, PUBSUB | IN_SUBSCRIBE, "2.0.0", "Ends subscriptions to channels.", cmd_unsubscribe, NULL },
	{ 0 },
};

bool
command_is_word(struct slice arg, const char *word)
{
	return strlen(word) == arg.len && strncasecmp((const char *)arg.p, word, arg.len) == 0;
}

const struct command *
command_find(const struct command *table, struct slice name)
{
	for (; table->name; table++)
		if (command_is_word(name, table->name))
			return table;
	return NULL;
}

static void
unknown_command(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	char args[160];
	int len = 0;

	args[0] = '\0';
	for (size_t i = 1; i < argc && len < 128; i++) {
		int most = 128 - len, given = argv[i].len < 128 ? (int)argv[i].len : 128;

		len += snprintf(args + len, sizeof(args) - (size_t)len, "'%.*s' ", given < most ? given : most,
		                (const char *)argv[i].p);
	}
	reply_error(bus, s, "ERR unknown command '%.*s', with args beginning with: %s",
	            argv[0].len < 128 ? (int)argv[0].len : 128, (const char *)argv[0].p, args);
}

struct command_text
command_upper_name(const struct command *row)
{
	struct command_text name;
	size_t i = 0;

	for (; row->name[i] && i + 1 < sizeof(name.text); i++)
		name.text[i] = (char)toupper((unsigned char)row->name[i]);
	name.text[i] = '\0';
	return name;
}

/* "client|id" for a subcommand, else the name: what errors call it. */
static struct command_text
full_name(const struct command *row, const struct command *parent)
{
	struct command_text name;

	if (row == parent)
		snprintf(name.text, sizeof(name.text), "%s", row->name);
	else
		snprintf(name.text, sizeof(name.text), "%s|%s", parent->name, row->name);
	return name;
}

/* Whether the session may run the row with so many arguments; else an error is replied. */
static bool
check(struct bus *bus, struct session *s, const struct command *row, const struct command *parent, size_t argc)
{
	if ((row->arity > 0 && argc != (size_t)row->arity) || (row->arity < 0 && argc < (size_t)-row->arity)) {
		reply_error(bus, s, "ERR wrong number of arguments for '%s' command", full_name(row, parent).text);
		return false;
	}
	if (!s->resp3 && session_is_subscribed(s) && !(row->flags & COMMAND_IN_SUBSCRIBE)) {
		reply_error(bus, s,
		            "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
		            "allowed in this context",
		            full_name(row, parent).text);
		return false;
	}
	return true;
}

/* The row of a name. What ran last most likely runs again, and needs no search. */
static const struct command *
look_up(struct bus *bus, struct slice name)
{
	const struct command *row;

	if (name.len == bus->recent.len && memcmp(name.p, bus->recent.name, name.len) == 0)
		return bus->recent.row;
	row = command_find(command_table, name);
	if (row && name.len <= sizeof(bus->recent.name)) {
		memcpy(bus->recent.name, name.p, name.len);
		bus->recent.len = name.len;
		bus->recent.row = row;
	}
	return row;
}

enum command_result
command_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *parent = look_up(bus, argv[0]), *row = parent;

	if (row && row->subcommands && argc > 1)
		row = command_find(row->subcommands, argv[1]);
	if (!parent) {
		unknown_command(bus, s, argv, argc);
	} else if (!row) {
		reply_error(bus, s, "ERR unknown subcommand '%.*s'. Try %s HELP.",
		            argv[1].len < 128 ? (int)argv[1].len : 128, (const char *)argv[1].p,
		            command_upper_name(parent).text);
	} else if (check(bus, s, row, parent, argc) && row->run(bus, s, argv, argc) == COMMAND_WAIT) {
		return COMMAND_WAIT;
	}
	bus->stats.commands++;
	return COMMAND_DONE;
}
