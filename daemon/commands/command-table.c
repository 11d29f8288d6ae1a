/* One row is one command; handlers.h says what else a new one needs. See struct command for the fields. */
#include "command-table.h"

#include "handlers.h"

#define ADMIN COMMAND_ADMIN
#define PUBSUB COMMAND_PUBSUB
#define NOSCRIPT COMMAND_NOSCRIPT
#define LS (COMMAND_LOADING | COMMAND_STALE)
#define FAST COMMAND_FAST
#define CONN COMMAND_CONNECTION
#define TRANS (COMMAND_TRANSACTION | NOSCRIPT | LS)
#define ALWAYS (NOSCRIPT | LS | FAST | COMMAND_NO_AUTH | COMMAND_ALLOW_BUSY)
#define SUBSCRIBING (PUBSUB | LINEAR | NOSCRIPT | LS | COMMAND_IN_SUBSCRIBE)
#define SENDING (PUBSUB | LINEAR | LS | FAST | COMMAND_MAY_WAIT | COMMAND_PUBLISHES)
#define UNQUEUED COMMAND_UNQUEUED
#define LINEAR COMMAND_LINEAR
#define BLIND COMMAND_BLIND
#define WRITE COMMAND_WRITE
#define READ COMMAND_READONLY
#define DENYOOM COMMAND_DENYOOM
#define ADMINS COMMAND_NEEDS_ADMIN
#define KEY_ADD (COMMAND_KEY_ADD | COMMAND_MAY_WAIT)
#define KEY_READ COMMAND_KEY_READ
#define KEY_SEE COMMAND_KEY_SEE

/* clang-format off: one row, one command */
const struct command command_table[] = {
	{ "auth", -2, ALWAYS | CONN | BLIND, "connection", "1.0.0", "", "[username] password",
	  "Says that the kernel tells who a client is, and takes the user 'default'.", cmd_auth },
	{ "client", -2, 0, "connection", "2.4.0", "", "", "Commands about connections.", NULL },
	{ "client|getname", 2, NOSCRIPT | LS | CONN | BLIND, "connection", "2.6.9", "", "",
	  "Returns the name of the connection.", cmd_client_getname },
	{ "client|help", 2, LS | CONN | BLIND, "connection", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "client|id", 2, NOSCRIPT | LS | CONN | BLIND, "connection", "5.0.0", "", "",
	  "Returns the ID of the connection, a number that is not used again.", cmd_client_id },
	{ "client|info", 2, NOSCRIPT | LS | CONN, "connection", "6.2.0", "nondeterministic_output", "",
	  "Describes the connection.", cmd_client_info },
	{ "client|kill", -3, LINEAR | ADMIN | NOSCRIPT | LS | CONN, "connection", "2.4.0", "",
	  "(address|[ID id] [TYPE (NORMAL|PUBSUB)] [ADDR address] [LADDR address] [USER username] [UID uid] [MAXAGE "
	  "seconds] [SKIPME (YES|NO)])",
	  "Closes the connections that fit all of the filters.", cmd_client_kill },
	{ "client|list", -2, LINEAR | ADMIN | NOSCRIPT | LS | CONN, "connection", "2.4.0", "nondeterministic_output",
	  "[(TYPE (NORMAL|PUBSUB)|ID id...)]", "Describes connections, one in a line.", cmd_client_list },
	{ "client|no-evict", 3, ADMIN | NOSCRIPT | LS | CONN | BLIND, "connection", "7.0.0", "", "(ON|OFF)",
	  "Is noted in CLIENT LIST; udsd evicts no clients.", cmd_client_no_evict },
	{ "client|no-touch", 3, NOSCRIPT | LS | CONN | BLIND, "connection", "7.2.0", "", "(ON|OFF)",
	  "Is noted in CLIENT LIST; udsd has no keys to touch.", cmd_client_no_touch },
	{ "client|reply", 3, NOSCRIPT | LS | CONN | BLIND, "connection", "3.2.0", "", "(ON|OFF|SKIP)",
	  "Chooses whether commands are answered.", cmd_client_reply },
	{ "client|setinfo", 4, NOSCRIPT | LS | CONN | BLIND, "connection", "7.2.0",
	  "request_policy:all_nodes response_policy:all_succeeded", "(LIB-NAME libname|LIB-VER libver)",
	  "Says which library the client uses.", cmd_client_setinfo },
	{ "client|setname", 3, NOSCRIPT | LS | CONN | BLIND, "connection", "2.6.9", "", "name",
	  "Sets the name of the connection.", cmd_client_setname },
	{ "cluster", -2, BLIND, "cluster", "3.0.0", "", "subcommand [argument...]", "Is refused: udsd serves one host.",
	  cmd_cluster },
	{ "command", -1, LINEAR | LS | CONN | BLIND, "server", "2.8.13", "nondeterministic_output_order", "",
	  "Describes all commands.", cmd_command },
	{ "command|count", 2, LS | CONN | BLIND, "server", "2.8.13", "", "", "Returns the number of commands.",
	  cmd_command_count },
	{ "command|docs", -2, LINEAR | LS | CONN | BLIND, "server", "7.0.0", "nondeterministic_output_order",
	  "[command...]", "Returns the documentation of commands.", cmd_command_docs },
	{ "command|help", 2, LS | CONN | BLIND, "server", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "command|info", -2, LINEAR | LS | CONN | BLIND, "server", "2.8.13", "nondeterministic_output_order",
	  "[command...]", "Describes the named commands.", cmd_command_info },
	{ "command|list", -2, LINEAR | LS | CONN | BLIND, "server", "7.0.0", "nondeterministic_output_order",
	  "[FILTERBY (MODULE module|ACLCAT category|PATTERN pattern)]", "Returns the names of commands.",
	  cmd_command_list },
	{ "config", -2, 0, "server", "2.0.0", "", "", "Commands about the configuration.", NULL },
	{ "config|get", -3, LINEAR | ADMIN | NOSCRIPT | LS, "server", "2.0.0", "", "parameter...",
	  "Returns the parameters that match glob patterns.", cmd_config_get },
	{ "config|help", 2, LS | BLIND, "server", "5.0.0", "", "", "Prints this help.", cmd_help },
	{ "discard", 1, LINEAR | TRANS | FAST | UNQUEUED | COMMAND_ALLOW_BUSY | BLIND, "transactions", "2.0.0", "", "",
	  "Forgets the commands since MULTI.", cmd_discard },
	{ "echo", 2, LS | FAST | CONN | BLIND, "connection", "1.0.0", "", "message", "Returns the message.", cmd_echo },
	{ "exec", 1, LINEAR | TRANS | UNQUEUED | COMMAND_SKIP_SLOWLOG, "transactions", "1.2.0", "", "",
	  "Runs the commands since MULTI, with nothing in between.", cmd_exec },
	{ "hello", -1, ALWAYS | CONN | BLIND, "connection", "6.0.0", "",
	  "[protover [AUTH username password] [SETNAME clientname]]", "Chooses the version of the protocol.",
	  cmd_hello },
	{ "info", -1, LINEAR | LS | COMMAND_DANGEROUS, "server", "1.0.0",
	  "nondeterministic_output request_policy:all_shards response_policy:special", "[section...]",
	  "Returns figures about the daemon.", cmd_info },
	{ "monitor", 1, ADMIN | NOSCRIPT | LS | COMMAND_NEEDS_ADMIN, "server", "1.0.0", "", "",
	  "Shows all commands from now on.", cmd_monitor },
	{ "multi", 1, TRANS | FAST | UNQUEUED | COMMAND_ALLOW_BUSY | BLIND, "transactions", "1.2.0", "", "",
	  "Keeps the commands that follow until EXEC.", cmd_multi },
	{ "ping", -1, FAST | CONN | COMMAND_IN_SUBSCRIBE | BLIND, "connection", "1.0.0",
	  "request_policy:all_shards response_policy:all_succeeded", "[message]", "Returns PONG, or the message.",
	  cmd_ping },
	{ "psubscribe", -2, SUBSCRIBING, "pubsub", "2.0.0", "", "pattern...",
	  "Receives the messages of channels that match patterns.", cmd_psubscribe },
	{ "publish", 3, SENDING, "pubsub", "2.0.0", "", "channel message",
	  "Sends a message to a channel, and returns to how many receivers.", cmd_publish },
	{ "pubsub", -2, 0, "pubsub", "2.8.0", "", "", "Commands about subscriptions.", NULL },
	{ "pubsub|channels", -2, LINEAR | PUBSUB | LS, "pubsub", "2.8.0", "", "[pattern]",
	  "Returns the channels that have subscribers.", cmd_pubsub_channels },
	{ "pubsub|help", 2, LS | BLIND, "pubsub", "6.2.0", "", "", "Prints this help.", cmd_help },
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
	{ "quit", -1, ALWAYS | CONN | UNQUEUED | COMMAND_IN_SUBSCRIBE | BLIND, "connection", "1.0.0", "", "",
	  "Closes the connection.", cmd_quit },
	{ "reset", 1, ALWAYS | CONN | UNQUEUED | COMMAND_IN_SUBSCRIBE, "connection", "6.2.0", "", "",
	  "Puts the connection back to its first state.", cmd_reset },
	{ "select", 2, LS | FAST | CONN | BLIND, "connection", "1.0.0", "", "index",
	  "Accepts databases 0 to 15; channels are the same in all.", cmd_select },
	{ "shutdown", -1, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_ALLOW_BUSY | COMMAND_NEEDS_ADMIN, "server",
	  "1.0.0", "", "[(NOSAVE|SAVE)] [NOW] [FORCE] [ABORT]", "Stops the daemon as SIGTERM does.", cmd_shutdown },
	{ "spublish", 3, SENDING, "pubsub", "7.0.0", "", "shardchannel message", "Sends a message to a shard channel.",
	  cmd_spublish, "1 not_key" },
	{ "ssubscribe", -2, SUBSCRIBING, "pubsub", "7.0.0", "", "shardchannel...",
	  "Receives the messages of shard channels.", cmd_ssubscribe, "1.. not_key" },
	{ "subscribe", -2, SUBSCRIBING, "pubsub", "2.0.0", "", "channel...", "Receives the messages of channels.",
	  cmd_subscribe },
	{ "sunsubscribe", -1, SUBSCRIBING, "pubsub", "7.0.0", "", "[shardchannel...]",
	  "Ends subscriptions to shard channels: to these, or to all.", cmd_sunsubscribe, "1.. not_key" },
	{ "time", 1, LS | FAST | BLIND, "server", "2.6.0", "nondeterministic_output", "",
	  "Returns the time: seconds since 1970, and microseconds.", cmd_time },
	{ "udsd", -2, 0, "pubsub", "7.2.0", "", "", "Commands that only udsd has.", NULL },
	{ "udsd|channels", -2, LINEAR | LS, "pubsub", "7.2.0", "nondeterministic_output", "[pattern]",
	  "Describes channels, one in a map.", cmd_udsd_channels },
	{ "udsd|clients", -2, LINEAR | LS, "pubsub", "7.2.0", "nondeterministic_output",
	  "[(TYPE (NORMAL|PUBSUB)|ID id...|CHANNEL channel)]",
	  "Describes connections, one in a line, with more fields than CLIENT LIST.", cmd_udsd_clients },
	{ "udsd|help", 2, LS | BLIND, "pubsub", "7.2.0", "", "", "Prints this help.", cmd_help },
	{ "udsd|monitor", -2, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN, "pubsub", "7.2.0", "",
	  "[pattern]", "Tells of all messages from now on: who sent what to how many.", cmd_udsd_monitor },
	{ "udsd|reload", 2, ADMIN | NOSCRIPT | LS | COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN | COMMAND_MAY_WAIT, "pubsub",
	  "7.2.0", "", "", "Reads the configuration again, as SIGHUP does.", cmd_udsd_reload },
	{ "udsd|waitown", 3, LS | FAST | BLIND, "pubsub", "7.2.0", "", "(ON|OFF)",
	  "Whether replies to PUBLISH wait for receivers of the client's own process.", cmd_udsd_waitown },
	{ "udsd|waitreceiver", -3, LS | FAST, "pubsub", "7.2.0", "", "(ON|OFF|receivers) [TIMEOUT milliseconds]",
	  "Makes PUBLISH wait until the channel has a receiver, or so many.", cmd_udsd_waitreceiver },
	{ "unsubscribe", -1, SUBSCRIBING, "pubsub", "2.0.0", "", "[channel...]",
	  "Ends subscriptions to channels: to these, or to all.", cmd_unsubscribe },
	{ 0 },
};
/* clang-format on */

_Static_assert(sizeof(command_table) / sizeof(command_table[0]) <= COMMAND_ROWS_MAX + 1,
               "COMMAND_ROWS_MAX is too small");
