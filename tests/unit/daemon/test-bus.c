/*
 * Whole conversations with the bus: bytes in, replies out. Each runs several times, with the peers' bytes cut into
 * different reads; what the peers get must be the same each time.
 */
#include "hub.h"
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

static const size_t sizes[] = { 0, 1, 16 * 1024 - 1, 16 * 1024, 64 * 1024, 1024 * 1024 };
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Also as the very first command of the daemon. */
static void
nameless_command(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_ask(a, "*1\r\n$0\r\n\r\n", "-ERR unknown command '', with args beginning with: \r\n");
	peer_ask(a, "PING\r\n*2\r\n$0\r\n\r\n$1\r\nx\r\n",
	         "+PONG\r\n-ERR unknown command '', with args beginning with: 'x' \r\n");
}

static void
ping_and_echo(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_ask(a, "PING\r\n", "+PONG\r\n");
	peer_ask(a, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
	peer_ask(a, "*2\r\n$4\r\nping\r\n$5\r\nhello\r\n", "$5\r\nhello\r\n");
	peer_ask(a, "pInG \"a b\"\r\n", "$3\r\na b\r\n");
	peer_ask(a, "ECHO x\nECHO y\r\n", "$1\r\nx\r\n$1\r\ny\r\n");
	peer_ask(a, "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "$0\r\n\r\n");
	peer_ask(a, "\r\n*0\r\n*-1\r\n  \r\nPING\r\n", "+PONG\r\n");
	peer_ask(a, "ECHO\r\n", "-ERR wrong number of arguments for 'echo' command\r\n");
	peer_ask(a, "PING a b\r\n", "-ERR wrong number of arguments for 'ping' command\r\n");
	peer_ask(a, "NONSENSE a b\r\n", "-ERR unknown command 'NONSENSE', with args beginning with: 'a' 'b' \r\n");
	peer_ask(a, "SELECT 0\r\nSELECT 15\r\nSELECT 16\r\nSELECT x\r\n",
	         "+OK\r\n+OK\r\n-ERR DB index is out of range\r\n-ERR value is not an integer or out of range\r\n");
}

static void
echo_of_every_size(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	for (size_t i = 0; i < N_SIZES; i++) {
		uint8_t *payload = make_payload(sizes[i]);
		struct slice argv[] = { S("ECHO"), { payload, sizes[i] } };
		struct buf expected = { 0 };

		peer_send_command(a, argv, 2);
		hub_settle(hub);
		put_bulk(&expected, argv[1]);
		peer_expect_buf(a, &expected);
		free(payload);
	}
}

static void
expect_greeting(struct peer *peer, int version)
{
	struct buf expected = { 0 };

	put_text(&expected, version == 3 ? "%7\r\n" : "*14\r\n");
	put_text(&expected, "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n");
	put_bulk(&expected, slice_of(PROTOCOL_REDIS_VERSION));
	buf_printf(&expected, "$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:%llu\r\n", version,
	           (unsigned long long)peer->session.client.id);
	put_text(&expected, "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
	peer_expect_buf(peer, &expected);
}

static void
hello(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_say(a, "HELLO\r\n");
	hub_settle(hub);
	expect_greeting(a, 2);
	peer_ask(a, "CLIENT GETNAME\r\n", "$-1\r\n");
	peer_say(a, "HELLO 3\r\n");
	hub_settle(hub);
	expect_greeting(a, 3);
	peer_ask(a, "CLIENT GETNAME\r\n", "_\r\n");
	peer_say(a, "HELLO 3 AUTH default any SETNAME me\r\n");
	hub_settle(hub);
	expect_greeting(a, 3);
	peer_ask(a, "CLIENT GETNAME\r\n", "$2\r\nme\r\n");
	peer_ask(a, "HELLO 1\r\nHELLO 4\r\n",
	         "-NOPROTO unsupported protocol version\r\n-NOPROTO unsupported protocol version\r\n");
	peer_ask(a, "HELLO x\r\n", "-ERR Protocol version is not an integer or out of range\r\n");
	peer_say(a, "HELLO 2\r\n");
	hub_settle(hub);
	expect_greeting(a, 2);
	peer_ask(a, "RESET\r\nCLIENT GETNAME\r\n", "+RESET\r\n$-1\r\n");
}

static void
quit(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_ask(a, "PING\r\nQUIT\r\nPING\r\n", "+PONG\r\n+OK\r\n");
	assert_true(a->is_closed);
}

static void
subscriptions(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);

	peer_ask(a, "SUBSCRIBE x y x\r\n",
	         "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n"
	         "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2\r\n");
	peer_ask(a, "PSUBSCRIBE x\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:3\r\n");
	peer_ask(a, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	peer_ask(a, "PING a\r\n", "*2\r\n$4\r\npong\r\n$1\r\na\r\n");
	peer_ask(
	    a, "PUBLISH x y\r\n",
	    "-ERR Can't execute 'publish': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
	    "in this context\r\n");
	peer_ask(a, "UNSUBSCRIBE x z\r\n",
	         "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nz\r\n:2\r\n");
	peer_ask(a, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\ny\r\n:1\r\n");
	peer_ask(a, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n");
	peer_ask(a, "PUNSUBSCRIBE\r\n", "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	peer_ask(a, "PUNSUBSCRIBE\r\nPING\r\n", "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n+PONG\r\n");
	peer_say(a, "HELLO 3\r\n");
	hub_settle(hub);
	expect_greeting(a, 3);
	peer_ask(a, "SUBSCRIBE x\r\nPING\r\n", ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n+PONG\r\n");
	peer_ask(a, "UNSUBSCRIBE\r\nUNSUBSCRIBE\r\n",
	         ">3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n>3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
}

/* Makes a receiver of the given kind; `command` subscribes it. */
static struct peer *
receiver(struct hub *hub, bool resp3, const char *command)
{
	struct peer *peer = peer_new(hub, 1000);

	if (resp3)
		peer_say(peer, "HELLO 3\r\n");
	peer_say(peer, command);
	hub_settle(hub);
	assert_true(peer->got.len > 0);
	peer->got.len = 0;
	return peer;
}

static void
payloads_of_every_size(struct hub *hub)
{
	struct peer *by_name = receiver(hub, false, "SUBSCRIBE news\r\n");
	struct peer *by_name3 = receiver(hub, true, "SUBSCRIBE news\r\n");
	struct peer *by_pattern = receiver(hub, false, "PSUBSCRIBE n*\r\n");
	struct peer *by_pattern3 = receiver(hub, true, "PSUBSCRIBE n*\r\n");
	struct peer *publisher = peer_new(hub, 2);
	struct buf e[4] = { 0 };

	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < N_SIZES; i++) {
			uint8_t *data = make_payload(sizes[i]);
			struct slice payload = { data, sizes[i] };

			peer_publish(publisher, "news", payload);
			if (round == 0)
				hub_settle(hub); /* else all messages form one batch */
			put_message(&e[0], false, NULL, S("news"), payload);
			put_message(&e[1], true, NULL, S("news"), payload);
			put_message(&e[2], false, "n*", S("news"), payload);
			put_message(&e[3], true, "n*", S("news"), payload);
			free(data);
		}
	hub_settle(hub);
	peer_expect_text(publisher, ":4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n:4\r\n");
	peer_expect_buf(by_name, &e[0]);
	peer_expect_buf(by_name3, &e[1]);
	peer_expect_buf(by_pattern, &e[2]);
	peer_expect_buf(by_pattern3, &e[3]);
	assert_int_equal(hub->bus.flow.stats.messages, 2 * N_SIZES);
	assert_int_equal(hub->bus.flow.stats.deliveries, 4 * 2 * N_SIZES);
}

/* A session that is subscribed in two ways gets each message twice, first the copy for the channel itself. */
static void
two_ways(struct hub *hub, bool resp3)
{
	struct peer *both = receiver(hub, resp3, "PSUBSCRIBE n*\r\nSUBSCRIBE news\r\n");
	struct peer *other = receiver(hub, false, "SUBSCRIBE news\r\n");
	struct peer *publisher = peer_new(hub, 2);
	struct buf e_both = { 0 }, e_other = { 0 }, answers = { 0 };

	for (size_t i = 0; i < 50; i++) {
		size_t len = i % 10 == 9 ? 16 * 1024 : i;
		uint8_t *data = make_payload(len);
		struct slice payload = { data, len };

		peer_publish(publisher, "news", payload);
		put_message(&e_both, resp3, NULL, S("news"), payload);
		put_message(&e_both, resp3, "n*", S("news"), payload);
		put_message(&e_other, false, NULL, S("news"), payload);
		put_text(&answers, ":3\r\n");
		free(data);
	}
	hub_settle(hub);
	peer_expect_buf(both, &e_both);
	peer_expect_buf(other, &e_other);
	peer_expect_buf(publisher, &answers);
}

static void
channel_and_pattern(struct hub *hub)
{
	two_ways(hub, false);
}

static void
channel_and_pattern_resp3(struct hub *hub)
{
	two_ways(hub, true);
}

static void
order_across_channels(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x y\r\n");
	struct peer *b = receiver(hub, true, "PSUBSCRIBE ?\r\n");
	struct peer *c = receiver(hub, true, "SUBSCRIBE y\r\n");
	struct peer *publisher = peer_new(hub, 2);
	struct buf ea = { 0 }, eb = { 0 }, ec = { 0 }, answers = { 0 };

	for (size_t i = 0; i < 300; i++) {
		const char *channel = i % 3 == 2 || i % 7 < 3 ? "x" : i % 11 == 0 ? "z" : "y";
		char text[16];
		struct slice payload;

		snprintf(text, sizeof(text), "%zu", i);
		payload = slice_of(text);
		peer_publish(publisher, channel, payload);
		put_text(&answers, *channel == 'y' ? ":3\r\n" : *channel == 'x' ? ":2\r\n" : ":1\r\n");
		if (*channel != 'z')
			put_message(&ea, false, NULL, slice_of(channel), payload);
		put_message(&eb, true, "?", slice_of(channel), payload);
		if (*channel == 'y')
			put_message(&ec, true, NULL, slice_of(channel), payload);
	}
	hub_settle(hub);
	peer_expect_buf(a, &ea);
	peer_expect_buf(b, &eb);
	peer_expect_buf(c, &ec);
	peer_expect_buf(publisher, &answers);
}

/* More messages in one pass than a chunk holds. */
static void
many_messages(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x\r\n");
	struct peer *b = receiver(hub, true, "PSUBSCRIBE x*\r\n");
	struct peer *publisher = peer_new(hub, 2);
	struct buf ea = { 0 }, eb = { 0 }, answers = { 0 };
	uint8_t *data = make_payload(1000);

	for (size_t i = 0; i < 600; i++) {
		struct slice payload = { data + i % 256, i % 700 };

		peer_publish(publisher, "x", payload);
		put_message(&ea, false, NULL, S("x"), payload);
		put_message(&eb, true, "x*", S("x"), payload);
		put_text(&answers, ":2\r\n");
	}
	hub_settle(hub);
	peer_expect_buf(a, &ea);
	peer_expect_buf(b, &eb);
	peer_expect_buf(publisher, &answers);
	free(data);
}

static void
publish_to_oneself(struct hub *hub)
{
	struct peer *a = receiver(hub, true, "SUBSCRIBE x\r\n");

	peer_ask(
	    a, "PUBLISH x 1\r\nPUBLISH x 2\r\nPING\r\nPUBLISH y 3\r\n",
	    ":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n"
	    "+PONG\r\n:0\r\n");
}

/* Names and patterns may contain any bytes. */
static void
any_bytes_in_names(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *publisher = peer_new(hub, 2);
	uint8_t name[256];
	struct slice argv[] = { S("SUBSCRIBE"), { name, sizeof(name) }, S("m") };
	struct buf expected = { 0 };

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (uint8_t)i;
	peer_send_command(a, argv, 2);
	hub_settle(hub);
	put_text(&expected, "*3\r\n$9\r\nsubscribe\r\n");
	put_bulk(&expected, argv[1]);
	put_text(&expected, ":1\r\n");
	argv[0] = S("PUBLISH");
	peer_send_command(publisher, argv, 3);
	argv[1].len = 255;
	peer_send_command(publisher, argv, 3);
	argv[1].len = 0;
	peer_send_command(publisher, argv, 3);
	hub_settle(hub);
	argv[1].len = 256;
	put_message(&expected, false, NULL, argv[1], S("m"));
	peer_expect_buf(a, &expected);
	peer_expect_text(publisher, ":1\r\n:0\r\n:0\r\n");
}

static void
pubsub(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x1\r\nPSUBSCRIBE x* y*\r\n");
	struct peer *b = receiver(hub, false, "SUBSCRIBE x1 y1\r\nPSUBSCRIBE x*\r\n"), *c = peer_new(hub, 2);

	peer_ask(c, "PUBSUB CHANNELS x*\r\n", "*1\r\n$2\r\nx1\r\n");
	peer_ask(c, "PUBSUB CHANNELS z*\r\n", "*0\r\n");
	peer_ask(c, "PUBSUB NUMPAT\r\n", ":2\r\n");
	peer_ask(c, "PUBSUB NUMSUB x1 y1 z1\r\n", "*6\r\n$2\r\nx1\r\n:2\r\n$2\r\ny1\r\n:1\r\n$2\r\nz1\r\n:0\r\n");
	peer_ask(c, "PUBLISH x2 m\r\n", ":2\r\n"); /* which does not make it a channel that PUBSUB CHANNELS lists */
	peer_ask(c, "PUBSUB CHANNELS x2\r\n", "*0\r\n");
	peer_break(a);
	peer_break(b);
	peer_ask(c, "PUBSUB CHANNELS\r\n", "*0\r\n");
	peer_ask(c, "PUBSUB NUMPAT\r\n", ":0\r\n");
}

static void
reset(struct hub *hub)
{
	struct peer *a = receiver(hub, true, "SUBSCRIBE x\r\nPSUBSCRIBE y*\r\n"), *b = peer_new(hub, 2);

	peer_ask(a, "RESET\r\nCLIENT GETNAME\r\n", "+RESET\r\n$-1\r\n");
	peer_ask(b, "PUBLISH x m\r\nPUBLISH y m\r\n", ":0\r\n:0\r\n");
	peer_expect_text(a, "");
}

/* The version of the protocol changes between two messages of one pass. */
static void
change_of_version(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x\r\n"), *b = peer_new(hub, 2);
	struct buf expected = { 0 };

	peer_say(b, "PUBLISH x 1\r\n");
	while (hub_read(b))
		;
	peer_say(a, "RESET\r\nHELLO 3\r\nSUBSCRIBE x\r\n");
	while (hub_read(a))
		;
	peer_say(b, "PUBLISH x 2\r\n");
	hub_settle(hub);
	put_message(&expected, false, NULL, S("x"), S("1"));
	put_text(&expected, "+RESET\r\n");
	assert_true(a->got.len > expected.len);
	assert_memory_equal(a->got.data, expected.data, expected.len);
	buf_deinit(&expected);
	put_message(&expected, true, NULL, S("x"), S("2"));
	assert_true(a->got.len > expected.len);
	assert_memory_equal(a->got.data + a->got.len - expected.len, expected.data, expected.len);
	buf_deinit(&expected);
	peer_expect_text(b, ":1\r\n:1\r\n");
}

/* A subscriber gets exactly what is published afterwards, also within one pass. */
static void
comings_and_goings(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	static const char *const steps[] = { "SUBSCRIBE x\r\n", "UNSUBSCRIBE x\r\n", "PSUBSCRIBE x\r\n",
		                             "PUNSUBSCRIBE\r\n" };

	for (size_t i = 0; i < 5; i++) {
		peer_say(b, "PUBLISH x m\r\nPUBLISH x n\r\n");
		while (hub_read(b))
			;
		if (i < 4)
			peer_say(a, steps[i]);
		while (hub_read(a))
			;
	}
	hub_settle(hub);
	peer_expect_text(b, ":0\r\n:0\r\n:1\r\n:1\r\n:0\r\n:0\r\n:1\r\n:1\r\n:0\r\n:0\r\n");
	peer_expect_text(a, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
	                    "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nm\r\n*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nn\r\n"
	                    "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n"
	                    "*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n"
	                    "*4\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nm\r\n"
	                    "*4\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nn\r\n"
	                    "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n");
}

/* Errors of the protocol and the reply to each; the client is closed, and the rest of its input ignored. */
static void
protocol_errors(struct hub *hub)
{
	static const struct {
		const char *input, *text;
	} errors[] = {
		{ "*x\r\n", "invalid multibulk length" },         { "*2147483648\r\n", "invalid multibulk length" },
		{ "*1\r\nx\r\n", "expected '$', got 'x'" },       { "*1\r\n$-1\r\n", "invalid bulk length" },
		{ "*1\r\n$16777217\r\n", "invalid bulk length" }, { "ECHO \"x\r\n", "unbalanced quotes in request" },
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct peer *a = peer_new(hub, 1);
		struct buf expected = { 0 };

		peer_say(a, "PING\r\n");
		peer_say(a, errors[i].input);
		peer_say(a, "PING\r\n");
		hub_settle(hub);
		buf_printf(&expected, "+PONG\r\n-ERR Protocol error: %s\r\n", errors[i].text);
		peer_expect_buf(a, &expected);
		assert_true(a->is_closed);
	}
}

static void
subscription_limit(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 1);

	hub->bus.flow.limits.max_subscriptions = 2;
	peer_ask(a, "SUBSCRIBE x\r\nPSUBSCRIBE y\r\n",
	         "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\ny\r\n:2\r\n");
	peer_ask(a, "SUBSCRIBE z\r\nPSUBSCRIBE z\r\n",
	         "-ERR too many subscriptions; the limit for one client is 2\r\n"
	         "-ERR too many subscriptions; the limit for one client is 2\r\n");
	peer_ask(a, "SUBSCRIBE x\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2\r\n");
	peer_ask(b, "PUBLISH z m\r\nPUBSUB NUMPAT\r\nPUBSUB NUMSUB z\r\n", ":0\r\n:1\r\n*2\r\n$1\r\nz\r\n:0\r\n");
	peer_ask(a, "UNSUBSCRIBE x\r\nSUBSCRIBE z\r\n",
	         "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:2\r\n");
}

/* One client's share of a pass is bounded, and nothing is lost by that. */
static void
fair_share(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	struct buf expected = { 0 };

	for (size_t i = 0; i < 200000; i++) {
		peer_say(a, "PING\r\n");
		put_text(&expected, "+PONG\r\n");
	}
	peer_say(b, "ECHO b\r\n");
	if (hub->reading == HUB_WHOLE) {
		hub_read(a);
		hub_read(b);
		hub_end_pass(hub);
		assert_true(a->got.len < expected.len);
		peer_expect_text(b, "$1\r\nb\r\n");
		hub_settle(hub);
	} else {
		hub_settle(hub);
		peer_expect_text(b, "$1\r\nb\r\n");
	}
	peer_expect_buf(a, &expected);
}

/* A large last argument is read to a chunk of its own. */
static void
long_commands(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1);
	size_t len = 40000;
	uint8_t *data = make_payload(len);
	struct slice argv[4] = { S("NOSUCH"), { data, len }, { data, len }, { data, len } };

	for (size_t argc = 1; argc <= 4; argc++)
		peer_send_command(a, argv, argc);
	argv[0] = S("ECHO");
	peer_send_command(a, argv, 3);
	peer_say(a, "PING\r\n");
	hub_settle(hub);
	assert_int_equal(hub->bus.flow.stats.errors, 5);
	assert_true(a->got.len > 7);
	assert_memory_equal(a->got.data + a->got.len - 7, "+PONG\r\n", 7);
	assert_null(a->session.leftover); /* nothing is left of a command that was handled */
	a->got.len = 0;
	free(data);
}

/* A read brings the end of a large message and a little of the next one, whose rest goes to a chunk of its own. */
static void
large_messages_in_place(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x\r\n"), *b = peer_new(hub, 2);
	size_t len = 100000, room = hub->buffer_size < 4096 ? hub->buffer_size : 4096;
	uint8_t *data = make_payload(len);
	struct slice payload = { data, len };
	struct iovec iov[2];
	struct buf expected = { 0 };

	for (int i = 0; i < 4; i++) {
		peer_publish(b, "x", payload);
		put_message(&expected, false, NULL, S("x"), payload);
	}
	hub_settle(hub);
	peer_expect_buf(a, &expected);
	peer_expect_text(b, ":1\r\n:1\r\n:1\r\n:1\r\n");
	assert_int_equal(requests_room(&b->session, hub->buffer, hub->buffer_size, iov), 1);
	assert_int_equal(iov[0].iov_len, room);
	peer_say(b, "PING\r\n");
	hub_settle(hub);
	peer_expect_text(b, "+PONG\r\n");
	assert_int_equal(requests_room(&b->session, hub->buffer, hub->buffer_size, iov), 1);
	assert_int_equal(iov[0].iov_len, hub->buffer_size);
	free(data);
}

/* The two bytes in place of the last CRLF are not checked; receivers get a CRLF. */
static void
wrong_line_ends(struct hub *hub)
{
	struct peer *a = receiver(hub, false, "SUBSCRIBE x\r\n"), *b = peer_new(hub, 2);
	size_t lens[] = { 1, 20000, 300000 };

	for (size_t i = 0; i < 3; i++) {
		uint8_t *data = make_payload(lens[i]);
		struct slice payload = { data, lens[i] };
		struct buf expected = { 0 };

		peer_publish(b, "x", payload);
		b->sent.data[b->sent.len - 2] = 'X';
		b->sent.data[b->sent.len - 1] = 'Y';
		hub_settle(hub);
		put_message(&expected, false, NULL, S("x"), payload);
		peer_expect_buf(a, &expected);
		peer_expect_text(b, ":1\r\n");
		free(data);
	}
}

/* A client that announces a large argument and sends little of it takes little memory. */
static void
announced_sizes(struct hub *hub)
{
	size_t before;

	hub->bus.flow.limits.max_message = (uint64_t)512 * 1024 * 1024;
	before = hub->bus.flow.chunks.bytes;
	for (int i = 0; i < 100; i++) {
		struct peer *a = peer_new(hub, 1);

		peer_say(a, i % 2 ? "*2\r\n$4\r\nECHO\r\n$500000000\r\nabc" : "*1000000\r\n$4\r\nECHO\r\n$1");
	}
	hub_settle(hub);
	assert_true(hub->bus.flow.chunks.bytes - before < (size_t)100 * 512 * 1024);
}

static const struct conversation conversations[] = {
	{ "nameless command", nameless_command },
	{ "ping and echo", ping_and_echo },
	{ "echo of every size", echo_of_every_size },
	{ "hello", hello },
	{ "quit", quit },
	{ "subscriptions", subscriptions },
	{ "payloads of every size", payloads_of_every_size },
	{ "channel and pattern", channel_and_pattern },
	{ "channel and pattern, RESP3", channel_and_pattern_resp3 },
	{ "order across channels", order_across_channels },
	{ "many messages", many_messages },
	{ "publish to oneself", publish_to_oneself },
	{ "any bytes in names", any_bytes_in_names },
	{ "pubsub", pubsub },
	{ "reset", reset },
	{ "change of version", change_of_version },
	{ "comings and goings", comings_and_goings },
	{ "protocol errors", protocol_errors },
	{ "subscription limit", subscription_limit },
	{ "fair share", fair_share },
	{ "long commands", long_commands },
	{ "large messages in place", large_messages_in_place },
	{ "wrong line ends", wrong_line_ends },
	{ "announced sizes", announced_sizes },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
