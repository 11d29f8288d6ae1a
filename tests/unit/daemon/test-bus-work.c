/* Work is done in turns: long commands and transactions go on in later passes, and users get equal shares. */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

static struct peer *
peer_of_user(struct hub *hub, uid_t uid, pid_t pid)
{
	return peer_new_as(hub, &(struct identity){ .pid = pid, .uid = uid });
}

/* Reads from all, and ends a pass. */
static void
one_pass(struct hub *hub)
{
	struct peer *peer;

	TAILQ_FOREACH(peer, &hub->peers, link)
		hub_read(peer);
	hub_end_pass(hub);
}

/* However many clients a user has, and however much these send: a client of another user is served in the next pass. */
static void
users_share_alike(struct hub *hub)
{
	struct peer *busy[20], *other;

	for (size_t i = 0; i < 20; i++) {
		busy[i] = peer_of_user(hub, 1000, 100 + (pid_t)i);
		for (size_t k = 0; k < 20000; k++)
			peer_say(busy[i], "PING\r\n");
	}
	other = peer_of_user(hub, 2000, 2);
	for (size_t i = 0; i < 5; i++) {
		peer_say(other, "ECHO x\r\n");
		one_pass(hub);
		if (hub->reading == HUB_WHOLE)
			peer_expect_text(other, "$1\r\nx\r\n");
	}
	assert_true(hub->bus.flow.work.max < WORK_LIMIT / 2);
	hub_settle(hub);
	for (size_t i = 0; i < 20; i++)
		peer_expect_repeated(busy[i], "+PONG\r\n", 20000);
	other->got.len = 0;
}

/* Of one user with many clients, all make progress. */
static void
clients_take_turns(struct hub *hub)
{
	struct peer *peers[50];

	for (size_t i = 0; i < 50; i++) {
		peers[i] = peer_of_user(hub, 1000, 100 + (pid_t)i);
		for (size_t k = 0; k < 20000; k++)
			peer_say(peers[i], "PING\r\n");
	}
	if (hub->reading == HUB_WHOLE) {
		for (size_t i = 0; i < 50; i++)
			one_pass(hub);
		for (size_t i = 0; i < 50; i++)
			assert_true(peers[i]->got.len > 0);
	}
	hub_settle(hub);
	for (size_t i = 0; i < 50; i++)
		peer_expect_repeated(peers[i], "+PONG\r\n", 20000);
}

/* A command with very many arguments is done piece by piece, in order, and what follows it comes afterwards. */
static void
many_arguments(struct hub *hub)
{
	struct peer *peer = peer_new(hub, 1);
	struct buf command = { 0 }, expected = { 0 };
	size_t n = 8000;
	char text[64];

	if (hub->reading == HUB_BYTES)
		n = 500;
	buf_printf(&command, "*%zu\r\n$9\r\nSUBSCRIBE\r\n", n + 1);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&command, "$6\r\nc%05zu\r\n", i);
		snprintf(text, sizeof(text), "*3\r\n$9\r\nsubscribe\r\n$6\r\nc%05zu\r\n:%zu\r\n", i, i + 1);
		put_text(&expected, text);
	}
	peer_send(peer, command.data, command.len);
	peer_say(peer, "PING\r\n");
	put_text(&expected, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	hub_settle(hub);
	peer_expect_buf(peer, &expected);
	assert_true(hub->bus.flow.work.max < WORK_LIMIT / 2);
	/* All end, in the opposite order. */
	for (size_t i = n; i > 0; i--) {
		snprintf(text, sizeof(text), "*3\r\n$11\r\nunsubscribe\r\n$6\r\nc%05zu\r\n:%zu\r\n", i - 1, i - 1);
		put_text(&expected, text);
	}
	peer_say(peer, "UNSUBSCRIBE\r\n");
	hub_settle(hub);
	peer_expect_buf(peer, &expected);
	buf_deinit(&command);
}

/* A client that goes in the middle of a long command leaves nothing behind. */
static void
goes_in_the_middle(struct hub *hub)
{
	struct peer *peer = peer_new(hub, 1), *other = peer_new(hub, 2);

	for (size_t i = 0; i < 9000; i++) {
		char text[64];

		snprintf(text, sizeof(text), "SUBSCRIBE c%05zu\r\n", i);
		peer_say(peer, text);
	}
	hub_settle(hub);
	peer->got.len = 0;
	peer_say(other, "PUBSUB CHANNELS\r\nCLIENT LIST\r\nUDSD CHANNELS\r\n");
	if (hub->reading == HUB_WHOLE) {
		hub_read(other);
		assert_true(other->session.has_job);
		peer_break(other);
	}
	peer_say(peer, "UNSUBSCRIBE\r\n");
	hub_read(peer);
	peer_break(peer);
	hub_settle(hub);
	assert_int_equal(hub->bus.subscriptions.table.n, 0);
	other->got.len = 0;
}

/* A list of channels is whole although channels come and go while it is made. */
static void
list_while_channels_change(struct hub *hub)
{
	struct peer *peer = peer_new(hub, 1), *other = peer_new(hub, 2);
	struct buf expected = { 0 };
	char text[64];

	for (size_t i = 0; i < 9900; i++) {
		snprintf(text, sizeof(text), "SUBSCRIBE c%05zu\r\n", i);
		peer_say(peer, text);
	}
	hub_settle(hub);
	peer->got.len = 0;
	peer_say(other, "PUBSUB CHANNELS c*[0-9]?[0-9]?[0-9]\r\nPING\r\n");
	put_text(&expected, "*9900\r\n");
	for (size_t i = 0; i < 9900; i++) {
		snprintf(text, sizeof(text), "$6\r\nc%05zu\r\n", i);
		put_text(&expected, text);
	}
	put_text(&expected, "+PONG\r\n");
	if (hub->reading == HUB_WHOLE) {
		hub_read(other); /* it has visited some; these may go */
		assert_true(other->session.has_job);
		peer_say(peer, "UNSUBSCRIBE c00000 c00001\r\n");
		hub_read(peer);
	}
	hub_settle(hub);
	peer_expect_buf(other, &expected);
}

/* A long EXEC is done in turns, and still nothing of another client comes in between, nor does anybody see a part. */
static void
exec_is_atomic(struct hub *hub)
{
	struct peer *e = peer_new(hub, 1), *other = peer_new(hub, 2), *r = peer_new(hub, 3), *pinger = peer_new(hub, 4);
	struct buf expected = { 0 }, replies = { 0 };
	char header[16];
	size_t n = hub->reading == HUB_WHOLE ? 30000 : 1000;

	hub_settle(hub);
	peer_say(r, "SUBSCRIBE x y\r\n");
	hub_settle(hub);
	r->got.len = 0;
	peer_say(e, "MULTI\r\n");
	put_text(&replies, "+OK\r\n");
	for (size_t i = 0; i < n; i++) {
		peer_say(e, i % 2 ? "PUBLISH x 1\r\n" : "PUBLISH y 1\r\n");
		put_text(&replies, "+QUEUED\r\n");
		put_message(&expected, false, NULL, i % 2 ? S("x") : S("y"), S("1"));
	}
	peer_say(e, "SUBSCRIBE z\r\n");
	put_text(&replies, "+QUEUED\r\n");
	hub_settle(hub);
	peer_expect_buf(e, &replies);
	peer_say(e, "EXEC\r\n");
	while (e->sent_at < e->sent.len)
		hub_read(e);
	for (int i = 0; hub->reading == HUB_WHOLE && !hub->bus.flow.executing; i++) { /* it looks first */
		assert_true(i < 10);
		hub_end_pass(hub);
	}
	peer_say(other, "PUBLISH x 2\r\n");
	peer_say(pinger, "PING\r\nPUBSUB NUMSUB z\r\n");
	while (hub_read(other) || hub_read(pinger))
		continue;
	if (hub->bus.flow.executing) {
		hub_end_pass(hub);
		assert_non_null(hub->bus.flow.executing);
		peer_expect_text(other, "");
		peer_expect_text(pinger, "+PONG\r\n");
		peer_expect_text(e, "");
		hub_settle(hub);
		peer_expect_text(pinger, "*2\r\n$1\r\nz\r\n:1\r\n");
	}
	hub_settle(hub);
	put_message(&expected, false, NULL, S("x"), S("2"));
	peer_expect_buf(r, &expected);
	peer_expect_text(other, ":1\r\n");
	snprintf(header, sizeof(header), "*%zu\r\n", n + 1);
	put_text(&replies, header);
	for (size_t i = 0; i < n; i++)
		put_text(&replies, ":1\r\n");
	put_text(&replies, "*3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:1\r\n");
	peer_expect_buf(e, &replies);
	pinger->got.len = 0;
}

/* What a client receives of its own EXEC comes behind the answer, in turns. */
static void
exec_to_itself(struct hub *hub)
{
	struct peer *e = peer_new(hub, 1);
	struct buf expected = { 0 };
	size_t n = hub->reading == HUB_WHOLE ? 40000 : 300;
	bool in_turns = false;

	peer_say(e, "HELLO 3\r\nSUBSCRIBE x\r\nPSUBSCRIBE x*\r\n");
	hub_settle(hub);
	e->got.len = 0;
	peer_say(e, "MULTI\r\n");
	put_text(&expected, "+OK\r\n");
	for (size_t i = 0; i < n; i++) {
		peer_say(e, "PUBLISH x 1\r\n");
		put_text(&expected, "+QUEUED\r\n");
	}
	peer_say(e, "EXEC\r\n");
	buf_printf(&expected, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++)
		put_text(&expected, ":2\r\n");
	for (size_t i = 0; i < n; i++) {
		put_message(&expected, true, NULL, S("x"), S("1"));
		put_message(&expected, true, "x*", S("x"), S("1"));
	}
	while (e->sent_at < e->sent.len || hub->bus.flow.executing || e->session.client.state != CLIENT_OPEN) {
		one_pass(hub);
		in_turns = in_turns || hub->bus.flow.deferred_at > 0;
		assert_true(!hub->bus.flow.executing || hub->bus.flow.deferred.len == 0 ||
		            hub->bus.flow.deferred_charged > 0);
	}
	hub_settle(hub);
	assert_true(in_turns == (hub->reading == HUB_WHOLE));
	assert_int_equal(hub->bus.flow.deferred_charged, 0);
	peer_expect_buf(e, &expected);
}

/* A client that goes in the middle of its EXEC: the others go on. */
static void
exec_is_broken(struct hub *hub)
{
	struct peer *e = peer_new(hub, 1), *other = peer_new(hub, 2), *r = peer_new(hub, 3);

	peer_say(r, "SUBSCRIBE x y\r\n");
	peer_say(e, "MULTI\r\n");
	for (size_t i = 0; i < 6000; i++)
		peer_say(e, i % 2 ? "PUBLISH x 1\r\n" : "PUBLISH y 1\r\n");
	hub_settle(hub);
	peer_say(e, "EXEC\r\n");
	while (e->sent_at < e->sent.len)
		hub_read(e);
	peer_say(other, "PUBLISH x 2\r\n");
	while (hub_read(other))
		continue;
	bus_kill(&hub->bus, &e->session.client);
	hub_settle(hub);
	assert_null(hub->bus.flow.executing);
	peer_expect_text(other, ":1\r\n");
	e->got.len = r->got.len = 0;
}

/* A transaction that would take too much memory of its receivers is refused as a whole. */
static void
exec_with_too_many_receivers(struct hub *hub)
{
	struct peer *e, *r;
	struct buf replies = { 0 };

	hub->bus.flow.limits.queue_limit_per_uid = 1024 * 1024;
	e = peer_new(hub, 1);
	r = peer_new(hub, 2);
	for (size_t i = 0; i < 50; i++) {
		struct peer *more = peer_new(hub, 100 + (pid_t)i);

		peer_say(more, "SUBSCRIBE x y\r\n");
		hub_settle(hub);
		more->got.len = 0;
	}
	peer_say(r, "SUBSCRIBE x y\r\n");
	peer_say(e, "MULTI\r\n");
	put_text(&replies, "+OK\r\n");
	for (size_t i = 0; i < 200; i++) {
		peer_say(e, i % 2 ? "PUBLISH x 1\r\n" : "PUBLISH y 1\r\n");
		put_text(&replies, "+QUEUED\r\n");
	}
	hub_settle(hub);
	peer_expect_buf(e, &replies);
	r->got.len = 0;
	peer_say(e, "EXEC\r\n");
	hub_settle(hub);
	assert_int_equal(strncmp((const char *)e->got.data, "-EXECABORT ", 11), 0);
	peer_expect_text(r, "");
	e->got.len = 0;
	peer_ask(e, "PUBLISH x 1\r\n", ":51\r\n");
	TAILQ_FOREACH(r, &hub->peers, link)
		r->got.len = 0;
}

/* Work at once and memory of one message to a client with very many patterns that match. */
static void
message_in_many_ways(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *r = peer_new(hub, 2);
	static const uint8_t payload[10000];
	struct buf expected = { 0 };
	size_t n = hub->reading == HUB_BYTES ? 100 : 1000, before;
	char text[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "PSUBSCRIBE 0*[1-9]*[%c-9%zu]*\r\n", '1', i);
		peer_say(r, text);
	}
	hub_settle(hub);
	r->got.len = 0;
	peer_publish(p, "0123456789 a", (struct slice){ payload, sizeof(payload) });
	before = hub->bus.flow.chunks.bytes;
	while (hub_read(p))
		continue;
	batch_close(&hub->bus.batch);
	assert_true(hub->bus.flow.chunks.bytes < before + 1024 * 1024);
	hub_settle(hub);
	assert_true(r->got.len > 0);
	r->got.len = p->got.len = 0;
	buf_deinit(&expected);
}

static const struct conversation conversations[] = {
	{ "users share alike", users_share_alike },
	{ "clients take turns", clients_take_turns },
	{ "many arguments", many_arguments },
	{ "goes in the middle", goes_in_the_middle },
	{ "list while channels change", list_while_channels_change },
	{ "exec is atomic", exec_is_atomic },
	{ "exec to itself", exec_to_itself },
	{ "exec is broken", exec_is_broken },
	{ "exec with too many receivers", exec_with_too_many_receivers },
	{ "message in many ways", message_in_many_ways },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
