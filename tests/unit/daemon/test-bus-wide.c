/* A message that is matched with very many patterns, or delivered to very many receivers, takes several passes. */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* Receivers of the channel x, in both versions of the protocol and in several ways; they have read the confirmations.
 */
#define N_CROWD 40

static void
crowd_come(struct hub *hub, struct peer *crowd[N_CROWD])
{
	for (size_t i = 0; i < N_CROWD; i++) {
		crowd[i] = peer_new(hub, 1000 + (pid_t)i);
		peer_say(crowd[i], i % 2 ? "HELLO 3\r\n" : "PING\r\n");
		peer_say(crowd[i], i % 3 ? "SUBSCRIBE x\r\n" : "PSUBSCRIBE x*\r\n");
	}
	hub_settle(hub);
	for (size_t i = 0; i < N_CROWD; i++)
		crowd[i]->got.len = 0;
}

static void
put_crowd_message(struct buf *b, size_t i, struct slice payload)
{
	put_message(b, i % 2, i % 3 ? NULL : "x*", S("x"), payload);
}

/* Each receiver got these messages, one byte each, in this order. */
static void
crowd_expect(struct peer *crowd[N_CROWD], const char *payloads)
{
	for (size_t i = 0; i < N_CROWD; i++) {
		struct buf expected = { 0 };

		for (const char *p = payloads; *p; p++)
			put_crowd_message(&expected, i, (struct slice){ (const uint8_t *)p, 1 });
		peer_expect_buf(crowd[i], &expected);
	}
}

/* Passes until the message is delivered to some receivers and not to others. */
static void
deliver_in_part(struct hub *hub, struct peer *crowd[N_CROWD])
{
	size_t n = 0;

	for (int i = 0; n == 0; i++) {
		assert_true(i < 100);
		hub_end_pass(hub);
		n = 0;
		for (size_t k = 0; k < N_CROWD; k++)
			n += crowd[k]->got.len > 0;
	}
	assert_in_range(n, 1, N_CROWD - 1);
	assert_true(hub->bus.flow.is_wide);
}

static void
let_read(struct peer *peer)
{
	while (hub_read(peer))
		continue;
}

/* Of two publishers, either may be the first: puts the payloads 2 and 3 at the end of what the peer got in that order.
 */
static void
sort_last_two(struct peer *peer)
{
	uint8_t *last = peer->got.data + peer->got.len - 3, *before = last - 1;

	while (before[-1] != '\n' || before[1] != '\r' || (*before != '2' && *before != '3'))
		before--;
	if (*last == '2' && *before == '3')
		*last = '3', *before = '2';
}

static const struct feed_plan lines = {
	.framing = FRAMING_LINE,
	.encoding = ENCODING_LINE,
	.channel = { (const uint8_t *)"x", 1 },
};

/* Nobody notices that it takes several passes; who shares nothing with others does not even wait. */
static void
others_wait(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *p = peer_new(hub, 1), *other = peer_new(hub, 2), *late = peer_new(hub, 3);
	struct peer *pinger = peer_new(hub, 4), *counter = peer_new(hub, 5), *writer = peer_new_feed(hub, 6, &lines);

	crowd_come(hub, crowd);
	hub_make_wide(hub);
	peer_say(p, "PUBLISH x 1\r\nPING\r\n");
	let_read(p);
	deliver_in_part(hub, crowd);
	peer_say(other, "PUBLISH y 1\r\nPUBLISH x 2\r\n");
	peer_say(writer, "3\n");
	peer_say(late, "SUBSCRIBE x\r\n");
	peer_say(pinger, "PING\r\n");
	peer_say(counter, "PUBSUB NUMSUB x\r\n");
	peer_say(crowd[1], "PING\r\n");
	let_read(other), let_read(writer), let_read(late), let_read(pinger), let_read(counter), let_read(crowd[1]);
	hub_end_pass(hub);
	if (hub->bus.flow.is_wide) {
		peer_expect_text(p, "");
		peer_expect_text(other, "");
		peer_expect_text(late, "");
		peer_expect_text(counter, "");
		assert_int_equal(writer->session.client.published, 0);
	}
	peer_expect_text(pinger, "+PONG\r\n");
	hub_settle(hub);
	peer_expect_text(p, ":40\r\n+PONG\r\n");
	assert_true(strncmp((const char *)other->got.data, ":0\r\n:4", 6) == 0);
	assert_non_null(memmem(crowd[1]->got.data, crowd[1]->got.len, "+PONG\r\n", 7));
	/* The ping of crowd[1] came after the first message, which was published before. */
	assert_true(strncmp((const char *)crowd[1]->got.data, ">3\r\n$7\r\nmessage", 15) == 0);
	crowd[1]->got.len = late->got.len = other->got.len = counter->got.len = 0;
	put_crowd_message(&crowd[1]->got, 1, S("1"));
	put_crowd_message(&crowd[1]->got, 1, S("2"));
	put_crowd_message(&crowd[1]->got, 1, S("3"));
	assert_int_equal(writer->session.client.published, 1);
	for (size_t i = 0; i < N_CROWD; i++)
		sort_last_two(crowd[i]);
	crowd_expect(crowd, "123");
}

/* The publisher goes, and so do receivers, while it is delivered: all others get it. */
static void
some_go(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *p = peer_new(hub, 1);
	struct buf expected = { 0 };

	crowd_come(hub, crowd);
	hub_make_wide(hub);
	peer_say(p, "PUBLISH x 1\r\n");
	let_read(p);
	deliver_in_part(hub, crowd);
	bus_kill(&hub->bus, &p->session.client);
	bus_kill(&hub->bus, &crowd[N_CROWD - 1]->session.client);
	peer_say(crowd[N_CROWD - 2], "QUIT\r\n");
	let_read(crowd[N_CROWD - 2]);
	assert_true(hub->bus.flow.is_wide);
	hub_settle(hub);
	assert_true(p->is_closed && crowd[N_CROWD - 1]->is_closed && crowd[N_CROWD - 2]->is_closed);
	assert_false(hub->bus.flow.is_wide);
	for (size_t i = 0; i < N_CROWD - 2; i++) {
		put_crowd_message(&expected, i, S("1"));
		peer_expect_buf(crowd[i], &expected);
	}
	for (size_t i = N_CROWD - 2; i < N_CROWD; i++)
		crowd[i]->got.len = 0;
	p->got.len = 0;
}

/* Messages of one publisher, in batches and large ones, keep their order with its other ones and its replies. */
static void
in_order(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *p = peer_new(hub, 1), *r = peer_new(hub, 2);
	uint8_t *payload = make_payload(20000);
	struct slice large = { payload, 20000 };
	struct buf expected = { 0 };

	crowd_come(hub, crowd);
	peer_say(r, "SUBSCRIBE x y\r\n");
	hub_settle(hub);
	r->got.len = 0;
	hub_make_wide(hub);
	peer_say(p, "PUBLISH x 1\r\nPUBLISH x 2\r\nPUBLISH y 3\r\nPING\r\nPUBLISH x 4\r\n");
	peer_publish(p, "x", large);
	peer_publish(p, "y", large);
	peer_say(p, "PUBLISH x 5\r\n");
	hub_settle(hub);
	peer_expect_text(p, ":41\r\n:41\r\n:1\r\n+PONG\r\n:41\r\n:41\r\n:1\r\n:41\r\n");
	put_message(&expected, false, NULL, S("x"), S("1"));
	put_message(&expected, false, NULL, S("x"), S("2"));
	put_message(&expected, false, NULL, S("y"), S("3"));
	put_message(&expected, false, NULL, S("x"), S("4"));
	put_message(&expected, false, NULL, S("x"), large);
	put_message(&expected, false, NULL, S("y"), large);
	put_message(&expected, false, NULL, S("x"), S("5"));
	peer_expect_buf(r, &expected);
	for (size_t i = 0; i < N_CROWD; i++) {
		put_crowd_message(&expected, i, S("1"));
		put_crowd_message(&expected, i, S("2"));
		put_crowd_message(&expected, i, S("4"));
		put_crowd_message(&expected, i, large);
		put_crowd_message(&expected, i, S("5"));
		peer_expect_buf(crowd[i], &expected);
	}
	free(payload);
}

/* EXEC stays whole, also for its own client, which receives what it publishes behind the reply. */
static void
in_exec(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *e = peer_new(hub, 1), *other = peer_new(hub, 2);
	struct buf expected = { 0 };

	crowd_come(hub, crowd);
	peer_say(e, "HELLO 3\r\nSUBSCRIBE x\r\n");
	hub_settle(hub);
	e->got.len = 0;
	hub_make_wide(hub);
	peer_say(e, "MULTI\r\nPUBLISH x 1\r\nPUBLISH x 2\r\nPUBLISH y 1\r\nPING\r\nPUBLISH x 3\r\nEXEC\r\n");
	while (e->sent_at < e->sent.len)
		hub_read(e);
	for (int i = 0; !hub->bus.flow.executing; i++) { /* it looks first */
		assert_true(i < 100);
		hub_end_pass(hub);
	}
	peer_say(other, "PUBLISH x 4\r\n");
	let_read(other);
	hub_settle(hub);
	assert_null(hub->bus.flow.executing);
	put_text(&expected, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
	                    "*5\r\n:41\r\n:41\r\n:0\r\n+PONG\r\n:41\r\n");
	for (const char *p = "1234"; *p; p++)
		put_message(&expected, true, NULL, S("x"), (struct slice){ (const uint8_t *)p, 1 });
	peer_expect_buf(e, &expected);
	peer_expect_text(other, ":41\r\n");
	crowd_expect(crowd, "1234");
}

/* The client goes in the middle of its EXEC: what it has published is delivered, and the others go on. */
static void
exec_is_broken(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *e = peer_new(hub, 1), *other = peer_new(hub, 2);

	crowd_come(hub, crowd);
	hub_make_wide(hub);
	peer_say(e, "MULTI\r\nPUBLISH x 1\r\nPUBLISH y 1\r\nPUBLISH x 2\r\nEXEC\r\n");
	while (e->sent_at < e->sent.len)
		hub_read(e);
	deliver_in_part(hub, crowd);
	peer_say(other, "PUBLISH x 3\r\n");
	let_read(other);
	bus_kill(&hub->bus, &e->session.client);
	hub_settle(hub);
	assert_true(e->is_closed);
	assert_null(hub->bus.flow.executing);
	peer_expect_text(other, ":40\r\n");
	crowd_expect(crowd, "13");
	e->got.len = 0;
}

/* Two publishers take turns with all others: one that waits with something else goes first in between. */
static void
nobody_starves(struct hub *hub)
{
	struct peer *crowd[N_CROWD], *busy[2] = { peer_new(hub, 1), peer_new(hub, 2) }, *late = peer_new(hub, 3);
	int passes = 0;

	crowd_come(hub, crowd);
	hub_make_wide(hub);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 200; k++)
			peer_say(busy[i], "PUBLISH x 1\r\nPUBLISH y 1\r\n");
	for (size_t i = 0; i < 2; i++)
		let_read(busy[i]);
	deliver_in_part(hub, crowd);
	peer_say(late, "SUBSCRIBE z\r\n");
	let_read(late);
	for (; late->got.len == 0; passes++) {
		assert_true(passes < 100);
		let_read(busy[0]), let_read(busy[1]);
		hub_end_pass(hub);
	}
	hub_settle(hub);
	for (size_t i = 0; i < N_CROWD; i++)
		crowd[i]->got.len = 0;
	busy[0]->got.len = busy[1]->got.len = late->got.len = 0;
}

/* A pattern that comes after the search has begun is found, too. */
static void
pattern_comes(struct hub *hub)
{
	struct peer *r = peer_new(hub, 1), *p = peer_new(hub, 2), *late = peer_new(hub, 3);

	peer_say(r, "PSUBSCRIBE n*1 n*11 n*.*\r\n");
	hub_settle(hub);
	hub_make_wide(hub);
	peer_say(p, "PUBLISH name.11 1\r\n");
	let_read(p);
	peer_say(late, "PSUBSCRIBE n*.1*\r\n");
	let_read(late);
	hub_settle(hub);
	peer_expect_text(p, ":4\r\n");
	r->got.len = late->got.len = 0;
}

/* Patterns come and go while a name is matched with many, and the message still goes to exactly those that it should.
 */
static void
patterns_change(struct hub *hub)
{
	struct peer *r = peer_new(hub, 1), *p = peer_new(hub, 2), *changing = peer_new(hub, 3);
	struct buf expected = { 0 };
	char text[32];

	for (size_t i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "PSUBSCRIBE n*%zu\r\n", i);
		peer_say(r, text);
	}
	hub_settle(hub);
	hub_make_wide(hub);
	r->got.len = 0;
	peer_say(p, "PUBLISH name.11 1\r\nPUBLISH none 1\r\nPUBLISH none 2\r\n");
	for (size_t i = 0; i < 200; i++) {
		peer_say(changing, i % 2 ? "PUNSUBSCRIBE zz*\r\n" : "PSUBSCRIBE zz*\r\n");
		let_read(p), let_read(changing);
		hub_end_pass(hub);
	}
	hub_settle(hub);
	peer_expect_text(p, ":2\r\n:0\r\n:0\r\n");
	put_message(&expected, false, "n*1", S("name.11"), S("1"));
	put_message(&expected, false, "n*11", S("name.11"), S("1"));
	assert_int_equal(r->got.len, expected.len);
	r->got.len = changing->got.len = 0;
	buf_deinit(&expected);
}

/* With costs as they are: patterns of several users that are slow to match, and all match. */
static void
costs(struct hub *hub)
{
	struct peer *users[3], *p = peer_new(hub, 1);
	char name[251] = { 0 }, text[64];
	uint64_t before;

	if (hub->reading != HUB_WHOLE)
		return;
	memset(name, 'a', 250);
	for (size_t u = 0; u < 3; u++) {
		users[u] = peer_new_as(hub, &(struct identity){ .pid = 10 + (pid_t)u, .uid = 1000 + (uid_t)u });
		for (size_t i = 0; i < 8192; i++) {
			size_t n = (size_t)snprintf(text, sizeof(text), "PSUBSCRIBE *a");

			for (size_t k = 0; k < 13 + u; k++)
				text[n++] = i >> k & 1 ? '?' : 'a';
			memcpy(text + n, "\r\n", 3);
			peer_say(users[u], text);
		}
	}
	hub_settle(hub);
	for (size_t i = 0; i < 2; i++) { /* the second time it is known what matches */
		peer_publish(p, name, S("x"));
		hub_settle(hub);
		peer_expect_text(p, ":24576\r\n");
	}
	before = hub->bus.flow.work.done;
	memset(name, 'b', 250);
	peer_publish(p, name, S("x"));
	hub_settle(hub);
	peer_expect_text(p, ":0\r\n");
	assert_true(hub->bus.flow.work.done > before + 1000000);
	before = hub->bus.flow.work.done;
	peer_publish(p, name, S("x"));
	hub_settle(hub);
	peer_expect_text(p, ":0\r\n");
	assert_true(hub->bus.flow.work.done < before + 10000);
	/* What is remembered of many names is forgotten at once. */
	for (size_t i = 0; i < 40; i++) {
		memset(name, 'a', 200 + i);
		name[200 + i] = 0;
		peer_publish(p, name, S("x"));
	}
	hub_settle(hub);
	peer_expect_repeated(p, ":24576\r\n", 40);
	before = hub->bus.flow.work.done;
	channels_forget_unnamed(&hub->bus.subscriptions.channels);
	assert_true(hub->bus.flow.work.done < before + WORK_LIMIT / 2);
	assert_int_equal(hub->bus.subscriptions.channels.routing.match_bytes, 0);
	assert_true(hub->bus.flow.work.max < WORK_LIMIT / 2);
	for (size_t u = 0; u < 3; u++)
		users[u]->got.len = 0;
}

static const struct conversation conversations[] = {
	{ "others wait", others_wait },
	{ "some go", some_go },
	{ "in order", in_order },
	{ "in EXEC", in_exec },
	{ "EXEC is broken", exec_is_broken },
	{ "nobody starves", nobody_starves },
	{ "pattern comes", pattern_comes },
	{ "patterns change", patterns_change },
	{ "costs", costs },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
