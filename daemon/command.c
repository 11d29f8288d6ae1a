#include "command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "bus.h"
#include "cmd-publish.h"
#include "command-foreign.h"
#include "command-list.h"
#include "glob.h"
#include "log.h"
#include "monitor.h"
#include "quota.h"
#include "reply.h"
#include "session.h"
#include "transaction.h"

#define ADMIN COMMAND_ADMIN
#define PUBSUB COMMAND_PUBSUB
#define NOSCRIPT COMMAND_NOSCRIPT
#define LS (COMMAND_LOADING | COMMAND_STALE)
#define FAST COMMAND_FAST
#define CONN COMMAND_CONNECTION
#define TRANS (COMMAND_TRANSACTION | NOSCRIPT | LS)
#define ALWAYS (NOSCRIPT | LS | FAST | COMMAND_NO_AUTH | COMMAND_ALLOW_BUSY)
#define SUBSCRIBING (PUBSUB | LINEAR | NOSCRIPT | LS | COMMAND_IN_SUBSCRIBE)
#define SENDING (PUBSUB | LINEAR | LS | FAST | COMMAND_MAY_WAIT)
#define UNQUEUED COMMAND_UNQUEUED
/* Never wait for a later pass, or only where there is need. */
#define PROMPT (COMMAND_IN_SUBSCRIBE | COMMAND_MAY_WAIT)
#define LINEAR COMMAND_LINEAR

/* clang-format off: one row, one command */
const struct command command_table[] = {
	{ "auth", -2, ALWAYS | CONN, "connection", "1.0.0", "", "[username] password",
	  "Says that the kernel tells who a client is, and takes the user 'default'.", cmd_auth },
	{ "client", -2, 0, "connection", "2.4.0", "", "", "Commands about connections.", NULL },
	{ "client|getname", 2, NOSCRIPT | LS | CONN, "connection", "2.6.9", "", "",
	  "Returns the name of the connection.", cmd_client_getname },
	{ "client|help", 2, LS | CONN, "connection", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "client|id", 2, NOSCRIPT | LS | CONN, "connection", "5.0.0", "", "",
	  "Returns the ID of the connection, a number that is not used again.", cmd_client_id },
	{ "client|info", 2, NOSCRIPT | LS | CONN, "connection", "6.2.0", "nondeterministic_output", "",
	  "Describes the connection.", cmd_client_info },
	{ "client|kill", -3, LINEAR | ADMIN | NOSCRIPT | LS | CONN, "connection", "2.4.0", "",
	  "(address|[ID id] [TYPE (NORMAL|PUBSUB)] [ADDR address] [LADDR address] [USER username] [UID uid] [MAXAGE "
	  "seconds] [SKIPME (YES|NO)])",
	  "Closes the connections that fit all of the filters.", cmd_client_kill },
	{ "client|list", -2, LINEAR | ADMIN | NOSCRIPT | LS | CONN, "connection", "2.4.0", "nondeterministic_output",
	  "[(TYPE (NORMAL|PUBSUB)|ID id...)]", "Describes connections, one in a line.", cmd_client_list },
	{ "client|no-evict", 3, ADMIN | NOSCRIPT | LS | CONN, "connection", "7.0.0", "", "(ON|OFF)",
	  "Is noted in CLIENT LIST; udsd evicts no clients.", cmd_client_no_evict },
	{ "client|no-touch", 3, NOSCRIPT | LS | CONN, "connection", "7.2.0", "", "(ON|OFF)",
	  "Is noted in CLIENT LIST; udsd has no keys to touch.", cmd_client_no_touch },
	{ "client|reply", 3, NOSCRIPT | LS | CONN, "connection", "3.2.0", "", "(ON|OFF|SKIP)",
	  "Chooses whether commands are answered.", cmd_client_reply },
	{ "client|setinfo", 4, NOSCRIPT | LS | CONN, "connection", "7.2.0",
	  "request_policy:all_nodes response_policy:all_succeeded", "(LIB-NAME libname|LIB-VER libver)",
	  "Says which library the client uses.", cmd_client_setinfo },
	{ "client|setname", 3, NOSCRIPT | LS | CONN, "connection", "2.6.9", "", "name",
	  "Sets the name of the connection.", cmd_client_setname },
	{ "cluster", -2, 0, "cluster", "3.0.0", "", "subcommand [argument...]", "Is refused: udsd serves one host.",
	  cmd_cluster },
	{ "command", -1, LINEAR | LS | CONN, "server", "2.8.13", "nondeterministic_output_order", "",
	  "Describes all commands.", cmd_command },
	{ "command|count", 2, LS | CONN, "server", "2.8.13", "", "", "Returns the number of commands.",
	  cmd_command_count },
	{ "command|docs", -2, LINEAR | LS | CONN, "server", "7.0.0", "nondeterministic_output_order", "[command...]",
	  "Returns the documentation of commands.", cmd_command_docs },
	{ "command|help", 2, LS | CONN, "server", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "command|info", -2, LINEAR | LS | CONN, "server", "2.8.13", "nondeterministic_output_order", "[command...]",
	  "Describes the named commands.", cmd_command_info },
	{ "command|list", -2, LINEAR | LS | CONN, "server", "7.0.0", "nondeterministic_output_order",
	  "[FILTERBY (MODULE module|ACLCAT category|PATTERN pattern)]", "Returns the names of commands.",
	  cmd_command_list },
	{ "config", -2, 0, "server", "2.0.0", "", "", "Commands about the configuration.", NULL },
	{ "config|get", -3, LINEAR | ADMIN | NOSCRIPT | LS, "server", "2.0.0", "", "parameter...",
	  "Returns the parameters that match glob patterns.", cmd_config_get },
	{ "config|help", 2, LS, "server", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "discard", 1, LINEAR | TRANS | FAST | UNQUEUED | COMMAND_ALLOW_BUSY, "transactions", "2.0.0", "", "",
	  "Forgets the commands since MULTI.", cmd_discard },
	{ "echo", 2, LS | FAST | CONN, "connection", "1.0.0", "", "message", "Returns the message.", cmd_echo },
	{ "exec", 1, LINEAR | TRANS | UNQUEUED | COMMAND_SKIP_SLOWLOG, "transactions", "1.2.0", "", "",
	  "Runs the commands since MULTI, with nothing in between.", cmd_exec },
	{ "hello", -1, ALWAYS | CONN, "connection", "6.0.0", "",
	  "[protover [AUTH username password] [SETNAME clientname]]", "Chooses the version of the protocol.",
	  cmd_hello },
	{ "info", -1, LINEAR | LS | COMMAND_DANGEROUS, "server", "1.0.0",
	  "nondeterministic_output request_policy:all_shards response_policy:special", "[section...]",
	  "Returns figures about the daemon.", cmd_info },
	{ "monitor", 1, ADMIN | NOSCRIPT | LS | COMMAND_NEEDS_ADMIN, "server", "1.0.0", "", "",
	  "Shows all commands from now on.", cmd_monitor },
	{ "multi", 1, TRANS | FAST | UNQUEUED | COMMAND_ALLOW_BUSY, "transactions", "1.2.0", "", "",
	  "Keeps the commands that follow until EXEC.", cmd_multi },
	{ "ping", -1, FAST | CONN | COMMAND_IN_SUBSCRIBE, "connection", "1.0.0",
	  "request_policy:all_shards response_policy:all_succeeded", "[message]", "Returns PONG, or the message.",
	  cmd_ping },
	{ "psubscribe", -2, SUBSCRIBING, "pubsub", "2.0.0", "", "pattern...",
	  "Receives the messages of channels that match patterns.", cmd_psubscribe },
	{ "publish", 3, SENDING, "pubsub", "2.0.0", "", "channel message",
	  "Sends a message to a channel, and returns to how many receivers.", cmd_publish },
	{ "pubsub", -2, 0, "pubsub", "2.8.0", "", "", "Commands about subscriptions.", NULL },
	{ "pubsub|channels", -2, LINEAR | PUBSUB | LS, "pubsub", "2.8.0", "", "[pattern]",
	  "Returns the channels that have subscribers.", cmd_pubsub_channels },
	{ "pubsub|help", 2, LS, "pubsub", "6.2.0", "", "", "Prints this help.", cmd_help },
	{ "pubsub|numpat", 2, PUBSUB | LS, "pubsub", "2.8.0", "", "",
	  "Returns the number of patterns that are subscribed to.", cmd_pubsub_numpat },
	{ "pubsub|numsub", -2, LINEAR | PUBSUB | LS, "pubsub", "2.8.0", "", "[channel...]",
	  "Returns the numbers of subscribers of channels.", cmd_pubsub_numsub },
	{ "pubsub|shardchannels", -2, LINEAR | PUBSUB | LS, "pubsub", "7.0.0", "", "[pattern]",
	  "Returns the shard channels that have subscribers.", cmd_pubsub_shardchannels },
	{ "pubsub|shardnumsub", -2, LINEAR | PUBSUB | LS, "pubsub", "7.0.0", "", "[shardchannel...]",
	  "Returns the numbers of subscribers of shard channels.", cmd_pubsub_shardnumsub },
	{ "punsubscribe", -1, SUBSCRIBING, "pubsub", "2.0.0", "", "[pattern...]",
	  "Ends subscriptions to patterns: to these, or to all.", cmd_punsubscribe },
	{ "quit", -1, ALWAYS | CONN | UNQUEUED | COMMAND_IN_SUBSCRIBE, "connection", "1.0.0", "", "",
	  "Closes the connection.", cmd_quit },
	{ "reset", 1, ALWAYS | CONN | UNQUEUED | COMMAND_IN_SUBSCRIBE, "connection", "6.2.0", "", "",
	  "Puts the connection back to its first state.", cmd_reset },
	{ "select", 2, LS | FAST | CONN, "connection", "1.0.0", "", "index", "Accepts database 0, the only one.",
	  cmd_select },
	{ "shutdown", -1, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_ALLOW_BUSY | COMMAND_NEEDS_ADMIN, "server",
	  "1.0.0", "", "[(NOSAVE|SAVE)] [NOW] [FORCE] [ABORT]", "Stops the daemon as SIGTERM does.", cmd_shutdown },
	{ "spublish", 3, SENDING | COMMAND_SHARD_ONE, "pubsub", "7.0.0", "", "shardchannel message",
	  "Sends a message to a shard channel.", cmd_spublish },
	{ "ssubscribe", -2, SUBSCRIBING | COMMAND_SHARD_ALL, "pubsub", "7.0.0", "", "shardchannel...",
	  "Receives the messages of shard channels.", cmd_ssubscribe },
	{ "subscribe", -2, SUBSCRIBING, "pubsub", "2.0.0", "", "channel...", "Receives the messages of channels.",
	  cmd_subscribe },
	{ "sunsubscribe", -1, SUBSCRIBING | COMMAND_SHARD_ALL, "pubsub", "7.0.0", "", "[shardchannel...]",
	  "Ends subscriptions to shard channels: to these, or to all.", cmd_sunsubscribe },
	{ "time", 1, LS | FAST, "server", "2.6.0", "nondeterministic_output", "",
	  "Returns the time: seconds since 1970, and microseconds.", cmd_time },
	{ "udsd", -2, 0, "pubsub", "7.2.0", "", "", "Commands that only udsd has.", NULL },
	{ "udsd|channels", -2, LINEAR | LS, "pubsub", "7.2.0", "nondeterministic_output", "[pattern]",
	  "Describes channels, one in a map.", cmd_udsd_channels },
	{ "udsd|help", 2, LS, "pubsub", "7.2.0", "", "", "Prints this help.", cmd_help },
	{ "udsd|monitor", -2, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN, "pubsub", "7.2.0", "",
	  "[pattern]", "Tells of all messages from now on: who sent what to how many.", cmd_udsd_monitor },
	{ "udsd|reload", 2, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN | COMMAND_MAY_WAIT, "pubsub",
	  "7.2.0", "", "", "Reads the configuration again, as SIGHUP does.", cmd_udsd_reload },
	{ "udsd|waitreceiver", 3, LS | FAST, "pubsub", "7.2.0", "", "(ON|OFF)",
	  "Makes PUBLISH wait until the channel has a receiver.", cmd_udsd_waitreceiver },
	{ "unsubscribe", -1, SUBSCRIBING, "pubsub", "2.0.0", "", "[channel...]",
	  "Ends subscriptions to channels: to these, or to all.", cmd_unsubscribe },
	{ 0 },
};
/* clang-format on */

#define N_ROWS (sizeof(command_table) / sizeof(command_table[0]) - 1)

_Static_assert(N_ROWS <= COMMAND_ROWS_MAX, "COMMAND_ROWS_MAX is too small");

#define NOT_IN_SUBSCRIBE                                                                                               \
	"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "    \
	"context"

/* The time is taken of one call in so many. */
#define TIMED_ONE_IN 128

bool
command_is_word(struct slice arg, const char *word)
{
	return strlen(word) == arg.len && strncasecmp((const char *)arg.p, word, arg.len) == 0;
}

bool
command_is_match(struct slice pattern, const char *name)
{
	uint8_t small[PROTOCOL_NAME_MAX];

	if (pattern.len > sizeof(small))
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		small[i] = (uint8_t)tolower(pattern.p[i]);
	return glob_match(small, pattern.len, (const uint8_t *)name, strlen(name));
}

static int
compare(struct slice name, const char *row_name)
{
	size_t len = strlen(row_name), common = name.len < len ? name.len : len;
	int r = strncasecmp((const char *)name.p, row_name, common);

	return r != 0 ? r : (name.len > len) - (name.len < len);
}

const struct command *
command_find(struct slice name)
{
	size_t low = 0, high = N_ROWS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = compare(name, command_table[middle].name);

		if (r == 0)
			return &command_table[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool
is_sub(const struct command *row)
{
	return row->name && strchr(row->name, '|');
}

const struct command *
command_first_sub(const struct command *row)
{
	return !is_sub(row) && is_sub(row + 1) ? row + 1 : NULL;
}

const struct command *
command_next_sub(const struct command *row)
{
	return is_sub(row + 1) ? row + 1 : NULL;
}

const char *
command_sub_name(const struct command *row)
{
	return strchr(row->name, '|') + 1;
}

static const struct command *
find_sub(const struct command *parent, struct slice name)
{
	const struct command *row = command_first_sub(parent);

	while (row && !command_is_word(name, command_sub_name(row)))
		row = command_next_sub(row);
	return row;
}

struct command_text
command_upper(const char *name)
{
	struct command_text upper;
	size_t i = 0;

	for (; name[i] && i + 1 < sizeof(upper.text); i++)
		upper.text[i] = (char)toupper((unsigned char)name[i]);
	upper.text[i] = '\0';
	return upper;
}

/* Whether it may take long, or answer with much, and can wait for a better time. */
static bool
is_costly(const struct command *row)
{
	return row->flags & LINEAR && !(row->flags & PROMPT);
}

/* Counted from 1. */
static uint8_t
number_of(const struct command *row)
{
	return (uint8_t)(row - command_table + 1);
}

static bool
is_recent(const struct bus *bus, struct slice name)
{
	return name.len == bus->recent.len && slice_is(name, bus->recent.name);
}

/* The row of a command. */
static const struct command *
look_up(const struct bus *bus, struct slice name)
{
	const struct command *row = is_recent(bus, name) ? bus->recent.row : command_find(name);

	return row && is_sub(row) ? NULL : row;
}

static bool
fits_arity(const struct command *row, size_t argc)
{
	return row->arity > 0 ? argc == (size_t)row->arity : argc >= (size_t)-row->arity;
}

/* Remembers a row for is_repeated(), if nothing that choose() and run_any() ask of a row speaks against it. */
static void
remember(struct bus *bus, struct slice name, const struct command *row)
{
	if (name.len > sizeof(bus->recent.name) || command_first_sub(row) || is_costly(row) ||
	    row->flags & (COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN))
		return;
	memcpy(bus->recent.name, name.p, name.len);
	bus->recent.len = name.len;
	bus->recent.row = row;
	bus->recent.number = number_of(row);
	bus->recent.stats = &bus->commands[row - command_table];
}

/*
 * Whether it is the command that was remembered last, and nothing else that choose() and run_any() ask speaks against
 * running it at once: what runs once most likely runs again.
 */
static bool
is_repeated(const struct bus *bus, const struct session *s, struct slice name, size_t argc)
{
	return is_recent(bus, name) && fits_arity(bus->recent.row, argc) && !s->in_transaction &&
	       s->reply_mode == REPLY_ON && bus->n_over == 0 && !session_is_subscribed(s);
}

static struct command_text
lower(struct slice name)
{
	struct command_text text;
	size_t i = 0;

	for (; i < name.len && i + 1 < sizeof(text.text); i++)
		text.text[i] = (char)tolower(name.p[i]);
	text.text[i] = '\0';
	return text;
}

static bool
is_confined(const struct session *s)
{
	return !session_is_resp3(s) && session_is_subscribed(s);
}

static void
refuse_unknown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	char args[160];
	int len = 0;

	if (command_is_foreign(argv[0])) {
		if (is_confined(s))
			reply_error(bus, s, NOT_IN_SUBSCRIBE, lower(argv[0]).text);
		else
			reply_error(bus, s, "ERR unknown command '%.*s': udsd routes messages and stores no keys",
			            COMMAND_SHOWN(argv[0]));
		return;
	}
	if (command_is_word(argv[0], "POST") || command_is_word(argv[0], "Host:")) {
		session_log(s, bus, LOG_LEVEL_WARNING, "speaks HTTP, closed");
		session_kill(s, bus); /* a browser that was tricked into it must not have the rest run */
		return;
	}
	args[0] = '\0';
	for (size_t i = 1; i < argc && len < 128; i++) {
		int most = 128 - len, given = argv[i].len < 128 ? (int)argv[i].len : 128;

		len += snprintf(args + len, sizeof(args) - (size_t)len, "'%.*s' ", given < most ? given : most,
		                (const char *)argv[i].p);
	}
	reply_error(bus, s, "ERR unknown command '%.*s', with args beginning with: %s", COMMAND_SHOWN(argv[0]), args);
}

/* Replies why a row is not run: "ERR text". What was wrong with EXEC ends its transaction. */
static void __attribute__((format(printf, 4, 5)))
refuse(struct bus *bus, struct session *s, const struct command *row, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (row->run == cmd_exec) {
		reply_error(bus, s, "EXECABORT Transaction discarded because of: %s", text + strlen("ERR "));
		transaction_end(s);
	} else {
		reply_error(bus, s, "%s", text);
	}
}

/* Whether the session may run the row with so many arguments; else an error is replied. */
static bool
check(struct bus *bus, struct session *s, const struct command *row, size_t argc)
{
	if (!fits_arity(row, argc)) {
		refuse(bus, s, row, "ERR wrong number of arguments for '%s' command", row->name);
		return false;
	}
	if (s->in_transaction && row->flags & COMMAND_NO_MULTI) {
		refuse(bus, s, row, "ERR Command not allowed inside a transaction");
		return false;
	}
	if (row->flags & COMMAND_NEEDS_ADMIN && !session_is_admin(s, bus)) {
		bus->stats.denied_commands++;
		refuse(bus, s, row, "NOPERM %s has no permissions to run the '%s' command: administrators only",
		       session_user(s).text, row->name);
		return false;
	}
	if (is_confined(s) && !(row->flags & COMMAND_IN_SUBSCRIBE)) {
		refuse(bus, s, row, NOT_IN_SUBSCRIBE, row->name);
		return false;
	}
	return true;
}

/* The row to run, or NULL after an error reply. */
static const struct command *
choose(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = look_up(bus, argv[0]), *sub;

	s->last_command = 0;
	if (!row) {
		refuse_unknown(bus, s, argv, argc);
		return NULL;
	}
	if (!is_recent(bus, argv[0]))
		remember(bus, argv[0], row);
	if (argc > 1 && command_first_sub(row)) {
		sub = find_sub(row, argv[1]);
		if (!sub) {
			reply_error(bus, s, "ERR unknown subcommand '%.*s'. Try %s HELP.", COMMAND_SHOWN(argv[1]),
			            command_upper(row->name).text);
			return NULL;
		}
		row = sub;
	}
	s->last_command = number_of(row);
	if (check(bus, s, row, argc))
		return row;
	bus->commands[row - command_table].rejected++;
	return NULL;
}

static uint64_t
nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static enum command_result __attribute__((noinline))
run_timed(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	uint64_t start = nanoseconds();
	enum command_result result = row->run(bus, s, argv, argc);
	struct command_stats *stats = &bus->commands[row - command_table];

	if (result == COMMAND_DONE) {
		stats->nanoseconds += nanoseconds() - start;
		stats->timed++;
	}
	return result;
}

static inline enum command_result
execute(struct bus *bus, struct session *s, const struct command *row, struct command_stats *stats,
        const struct slice *argv, size_t argc)
{
	uint64_t errors = bus->stats.errors;
	enum command_result result;

	if (stats->calls % TIMED_ONE_IN == 0)
		result = run_timed(bus, s, row, argv, argc);
	else
		result = row->run(bus, s, argv, argc);
	if (result == COMMAND_WAIT)
		return COMMAND_WAIT;
	stats->calls++;
	stats->failed += bus->stats.errors != errors;
	if (bus->monitors.n > 0)
		monitor_show(bus, s, row, argv, argc);
	return COMMAND_DONE;
}

enum command_result
command_execute(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	return execute(bus, s, row, &bus->commands[row - command_table], argv, argc);
}

/* Arguments in so many bytes or numbers make a reply large. */
#define LARGE_BYTES QUOTA_OVER_MIN
#define LARGE_NUMBER ((size_t)256)

/* Whether a command could make much output for a user who has too much unsent already. */
static bool
is_too_much(const struct bus *bus, const struct session *s, const struct command *row, const struct slice *argv,
            size_t argc)
{
	if (bus->n_over == 0 || !s->user->is_over || row->flags & (COMMAND_MAY_WAIT | COMMAND_UNQUEUED) ||
	    session_is_admin(s, bus))
		return false;
	return argc > LARGE_NUMBER || argv[argc - 1].len > LARGE_BYTES || is_costly(row);
}

static enum command_result __attribute__((noinline))
run_any(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = choose(bus, s, argv, argc);

	if (s->in_transaction && row && !(row->flags & COMMAND_UNQUEUED) &&
	    cmd_channels_allowed(bus, s, row, argv, argc))
		transaction_add(bus, s, row, argv, argc);
	else if (s->in_transaction && (!row || !(row->flags & COMMAND_UNQUEUED)))
		transaction_fail(s);
	else if (row && is_costly(row) && bus_has_worked(bus))
		return session_wait(s, bus, &bus->postponed) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row && is_too_much(bus, s, row, argv, argc))
		return session_wait(s, bus, &bus->throttled) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row && command_execute(bus, s, row, argv, argc) == COMMAND_WAIT)
		return COMMAND_WAIT;
	if (s->reply_mode != REPLY_ON)
		session_next_reply(s);
	return COMMAND_DONE;
}

enum command_result
command_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (!is_repeated(bus, s, argv[0], argc))
		return run_any(bus, s, argv, argc);
	s->last_command = bus->recent.number;
	return execute(bus, s, bus->recent.row, bus->recent.stats, argv, argc);
}
