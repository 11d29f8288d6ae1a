/* Conversations about the commands beside publishing: transactions, MONITOR, CLIENT, shard channels, SHUTDOWN. */
#include "command-names.h"
#include "command-table.h"
#include "hub.h"

#include <stdio.h>
#include <string.h>

#include "command.h"

#define QUEUED "+QUEUED\r\n"

/* Discards what the peer got. */
static void
ignore(struct peer *peer)
{
	peer->got.len = 0;
}

static struct peer *
peer_of_user(struct hub *hub, pid_t pid, uid_t uid)
{
	return peer_new_as(hub, &(struct identity){ .pid = pid, .uid = uid });
}

static void
rows_are_sorted(struct hub *hub __attribute__((unused)))
{
	for (size_t i = 0; command_table[i].name; i++) {
		assert_in_range(i, 0, COMMAND_ROWS_MAX - 1);
		assert_ptr_equal(command_find(command_table, slice_of(command_table[i].name)), &command_table[i]);
		assert_true(i == 0 || strcmp(command_table[i - 1].name, command_table[i].name) < 0);
		assert_true(strlen(command_table[i].name) < sizeof(struct command_name_text));
	}
	assert_null(command_find(command_table, slice_of("nonsense")));
	assert_null(command_find(command_table, slice_of("client|")));
}

static void
transaction(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);

	peer_ask(b, "SUBSCRIBE x\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_ask(a, "MULTI\r\nPUBLISH x 1\r\nPING\r\nPUBLISH x 2\r\n", "+OK\r\n" QUEUED QUEUED QUEUED);
	peer_expect_text(b, "");
	peer_ask(a, "EXEC\r\nPING\r\n", "*3\r\n:1\r\n+PONG\r\n:1\r\n+PONG\r\n");
	peer_expect_text(b, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n"
	                    "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n");
	peer_ask(a, "MULTI\r\nECHO\r\nPING\r\nEXEC\r\nEXEC\r\n",
	         "+OK\r\n-ERR wrong number of arguments for 'echo' command\r\n" QUEUED
	         "-EXECABORT Transaction discarded because of previous errors.\r\n-ERR EXEC without MULTI\r\n");
	peer_ask(a, "MULTI\r\nMULTI\r\nPING\r\nDISCARD\r\nDISCARD\r\n",
	         "+OK\r\n-ERR MULTI calls can not be nested\r\n" QUEUED "+OK\r\n-ERR DISCARD without MULTI\r\n");
	peer_ask(a, "MULTI\r\nPING\r\nRESET\r\nEXEC\r\n", "+OK\r\n" QUEUED "+RESET\r\n-ERR EXEC without MULTI\r\n");
	peer_say(a, "MULTI\r\nPING\r\n"); /* it goes away in the transaction: nothing may leak */
	hub_settle(hub);
	ignore(a);
}

/* A message that a client publishes to itself must not stand between the replies of its EXEC. */
static void
transaction_to_oneself(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_say(a, "HELLO 3\r\n");
	hub_settle(hub);
	ignore(a);
	peer_ask(a, "MULTI\r\nSUBSCRIBE x\r\nPUBLISH x 1\r\nPUBLISH y 0\r\nPUBLISH x 2\r\nPING\r\n",
	         "+OK\r\n" QUEUED QUEUED QUEUED QUEUED QUEUED);
	peer_ask(a, "EXEC\r\n",
	         "*5\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n:1\r\n:0\r\n:1\r\n+PONG\r\n"
	         ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n");
}

static void
transaction_too_large(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);
	uint8_t *payload = make_payload(900);

	hub->bus.flow.limits.max_message = 1024;
	peer_say(a, "MULTI\r\n");
	for (int i = 0; i < 1200; i++)
		peer_publish(a, "x", (struct slice){ payload, 900 });
	hub_settle(hub);
	assert_non_null(strstr((char *)a->got.data, "-ERR the transaction takes more than 1049600 bytes"));
	ignore(a);
	peer_ask(a, "EXEC\r\nPING\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n");
	free(payload);
}

/* A transaction waits for a receiver as a whole, and then runs as a whole. */
static void
transaction_waits(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *c = peer_new(hub, 3);

	peer_ask(a, "UDSD WAITRECEIVER ON\r\nMULTI\r\nPUBLISH x 1\r\nPING\r\nPUBLISH y 2\r\nEXEC\r\n",
	         "+OK\r\n+OK\r\n" QUEUED QUEUED QUEUED);
	peer_ask(b, "SUBSCRIBE x\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_expect_text(a, "");
	peer_ask(
	    c, "PSUBSCRIBE y*\r\n",
	    "*3\r\n$10\r\npsubscribe\r\n$2\r\ny*\r\n:1\r\n*4\r\n$8\r\npmessage\r\n$2\r\ny*\r\n$1\r\ny\r\n$1\r\n2\r\n");
	peer_expect_text(b, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n");
	peer_expect_text(a, "*3\r\n:1\r\n+PONG\r\n:1\r\n");
}

static void
shard_channels(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);

	peer_ask(b, "PSUBSCRIBE *\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n");
	peer_ask(b, "SSUBSCRIBE x\r\n", "*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_ask(a, "SPUBLISH x 1\r\nPUBLISH x 2\r\nSPUBLISH y 3\r\n", ":1\r\n:1\r\n:0\r\n");
	peer_expect_text(b, "*3\r\n$8\r\nsmessage\r\n$1\r\nx\r\n$1\r\n1\r\n"
	                    "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nx\r\n$1\r\n2\r\n");
	peer_ask(a, "PUBSUB CHANNELS\r\nPUBSUB SHARDCHANNELS\r\nPUBSUB SHARDNUMSUB x y\r\nPUBSUB NUMSUB x\r\n",
	         "*0\r\n*1\r\n$1\r\nx\r\n*4\r\n$1\r\nx\r\n:1\r\n$1\r\ny\r\n:0\r\n*2\r\n$1\r\nx\r\n:0\r\n");
	assert_int_equal(hub->bus.subscriptions.n_shards, 1);
	peer_ask(b, "SUNSUBSCRIBE\r\nSUNSUBSCRIBE\r\n",
	         "*3\r\n$12\r\nsunsubscribe\r\n$1\r\nx\r\n:0\r\n*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n");
	assert_int_equal(hub->bus.subscriptions.n_shards, 0);
}

static void
replies_off(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);

	peer_ask(b, "CLIENT REPLY OFF\r\nPING\r\nNONSENSE\r\nSUBSCRIBE x\r\n",
	         "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_ask(a, "PUBLISH x 1\r\n", ":1\r\n");
	peer_expect_text(b, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n");
	peer_ask(a, "CLIENT REPLY SKIP\r\nPING\r\nPING x\r\n", "$1\r\nx\r\n");
	peer_ask(a, "CLIENT REPLY SKIP\r\n\r\nPING x\r\n", "$1\r\nx\r\n");
	peer_ask(a, "CLIENT REPLY OFF\r\nPUBLISH x 2\r\nCLIENT REPLY ON\r\n", "+OK\r\n");
	peer_expect_text(b, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n");
	peer_say(b, "QUIT\r\n");
	hub_settle(hub);
	assert_true(b->is_closed);
}

/* The lines of MONITOR, without times and addresses. */
static void
expect_monitored(struct peer *peer, const char *expected)
{
	struct buf rest = { 0 };
	char *line = (char *)peer->got.data, *end = line + peer->got.len;

	while (line < end) {
		char *next = (char *)memchr(line, '\n', (size_t)(end - line)) + 1, *bracket;

		bracket = *line == '+' ? memchr(line, ']', (size_t)(next - line)) : NULL;
		if (bracket)
			line = bracket + 2;
		assert_int_equal(buf_append(&rest, line, (size_t)(next - line)), 0);
		line = next;
	}
	ignore(peer);
	assert_int_equal(buf_append(&rest, "", 1), 0);
	assert_string_equal((char *)rest.data, expected);
	buf_deinit(&rest);
}

static void
monitor(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *m = peer_new(hub, 2), *u = peer_of_user(hub, 3, 1000);
	uint8_t *payload = make_payload(5000);

	peer_ask(u, "MONITOR\r\n",
	         "-NOPERM uid 1000 has no permissions to run the 'monitor' command: administrators only\r\n");
	peer_ask(m, "MONITOR\r\nMONITOR\r\n", "+OK\r\n");
	peer_say(a, "PUBLISH x \"a\\x00\\xff\\\"\"\r\nAUTH default secret\r\nNONSENSE\r\nCONFIG GET save\r\n");
	peer_say(a, "HELLO 2 AUTH default secret SETNAME bob\r\n");
	hub_settle(hub);
	ignore(a);
	expect_monitored(m, "\"PUBLISH\" \"x\" \"a\\x00\\xff\\\"\"\r\n\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"
	                    "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"bob\"\r\n");
	memset(payload, 'a', 5000);
	peer_publish(a, "x", (struct slice){ payload, 5000 });
	hub_settle(hub);
	ignore(a);
	assert_non_null(strstr((char *)m->got.data, "aaa\"... (904 more bytes)\r\n"));
	ignore(m);
	peer_say(m, "PING\r\n");
	hub_settle(hub);
	expect_monitored(m, "+PONG\r\n\"PING\"\r\n");
	free(payload);
}

static void
monitor_resets(struct hub *hub)
{
	struct peer *m = peer_new(hub, 2);

	peer_ask(m, "MONITOR\r\nRESET\r\nPING\r\n", "+OK\r\n+RESET\r\n+PONG\r\n");
	assert_int_equal(hub->sessions.monitors.n, 0);
	peer_say(m, "MONITOR\r\n"); /* it goes away as a monitor */
	hub_settle(hub);
	ignore(m);
}

/* A monitor that does not read is closed before its output exceeds the limit of a receiver. */
static void
monitor_that_is_full(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *m = peer_new(hub, 2);

	hub->bus.flow.limits.queue_limit = 20000;
	peer_ask(m, "MONITOR\r\n", "+OK\r\n");
	peer_set_full(m, true);
	for (int i = 0; i < 1000 && !m->is_closed; i++)
		peer_ask(a, "PING\r\n", "+PONG\r\n");
	assert_true(m->is_closed);
	peer_ask(a, "PING\r\n", "+PONG\r\n");
}

static void
clients_of_others(struct hub *hub)
{
	struct peer *root = peer_new(hub, 1), *u = peer_of_user(hub, 2, 1000), *v = peer_of_user(hub, 3, 1001);

	hub_settle(hub);
	peer_say(u, "UDSD CLIENTS\r\n");
	hub_settle(hub);
	assert_non_null(strstr((char *)u->got.data, " uid=1000 gid=0 pid=2 "));
	assert_null(memmem(u->got.data, u->got.len, "pid=1 ", 6));
	assert_null(memmem(u->got.data, u->got.len, "pid=3 ", 6));
	ignore(u);
	peer_ask(u, "CLIENT KILL UID 1001\r\nCLIENT KILL SKIPME YES\r\n", ":0\r\n:0\r\n");
	peer_ask(u, "SHUTDOWN\r\n",
	         "-NOPERM uid 1000 has no permissions to run the 'shutdown' command: administrators only\r\n");
	assert_false(hub->sessions.stop_requested);
	peer_ask(root, "CLIENT KILL UID x\r\nCLIENT KILL UID 1001 MAXAGE 1000\r\n",
	         "-ERR uid is not an integer or out of range\r\n:0\r\n");
	peer_ask(root, "CLIENT KILL UID 1001\r\n", ":1\r\n");
	assert_true(v->is_closed);
	assert_false(u->is_closed);
	peer_ask(root, "SHUTDOWN FOO\r\nSHUTDOWN ABORT\r\n", "-ERR syntax error\r\n-ERR No shutdown in progress.\r\n");
	peer_ask(root, "SHUTDOWN NOSAVE\r\n", "");
	assert_true(hub->sessions.stop_requested);
}

static void
kill_oneself(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	char text[100];

	peer_ask(b, "SUBSCRIBE x\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	snprintf(text, sizeof(text), "CLIENT KILL ID %llu SKIPME NO\r\nPING\r\n",
	         (unsigned long long)a->session.client.id);
	peer_say(a, text);
	hub_settle(hub);
	peer_expect_text(a, ":1\r\n");
	assert_true(a->is_closed);
	a = peer_new(hub, 3);
	/* The message is handed out first: a client that is killed then either has it or is not counted. */
	peer_ask(a, "CLIENT KILL TYPE pubsub\r\nPUBLISH x 1\r\n", ":1\r\n:0\r\n");
	assert_true(b->is_closed);
}

/* Calls are counted for each command, refusals separately. */
static void
command_statistics(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_say(
	    a,
	    "PING\r\nPING a b c\r\nSELECT 16\r\nCLIENT ID\r\nCLIENT FOO\r\nECHO\r\nINFO commandstats errorstats\r\n");
	hub_settle(hub);
	assert_int_equal(buf_append(&a->got, "", 1), 0);
	assert_non_null(strstr((char *)a->got.data, "cmdstat_ping:calls=2,"));
	assert_non_null(strstr((char *)a->got.data, "cmdstat_select:calls=1,"));
	assert_non_null(strstr((char *)a->got.data, "rejected_calls=0,failed_calls=1\r\n"));
	assert_non_null(strstr((char *)a->got.data, "cmdstat_client|id:calls=1,"));
	assert_non_null(
	    strstr((char *)a->got.data, "cmdstat_echo:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,"));
	assert_non_null(strstr((char *)a->got.data, "errorstat_ERR:count=4\r\n"));
	ignore(a);
}

static const struct conversation conversations[] = {
	{ "rows are sorted", rows_are_sorted },
	{ "transaction", transaction },
	{ "transaction to oneself", transaction_to_oneself },
	{ "transaction too large", transaction_too_large },
	{ "transaction waits", transaction_waits },
	{ "shard channels", shard_channels },
	{ "replies off", replies_off },
	{ "monitor", monitor },
	{ "monitor resets", monitor_resets },
	{ "monitor that is full", monitor_that_is_full },
	{ "clients of others", clients_of_others },
	{ "kill oneself", kill_oneself },
	{ "command statistics", command_statistics },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
