/*
 * What waits for what: replies wait for the receivers' sockets, publishers for clogged receivers, and every client for
 * itself to read its replies.
 */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* Makes a receiver of x, and checks its confirmation. */
static struct peer *
receiver(struct hub *hub, pid_t pid)
{
	struct peer *peer = peer_new(hub, pid);

	peer_say(peer, "SUBSCRIBE x\r\n");
	hub_settle(hub);
	peer_expect_text(peer, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	return peer;
}

static void
say(struct peer *peer, const char *text)
{
	peer_say(peer, text);
	hub_settle(peer->hub);
}

/* Expects that a receiver of x got n messages, numbered from first on. */
static void
expect_numbers(struct peer *peer, size_t first, size_t n)
{
	struct buf expected = { 0 };

	for (size_t i = first; i < first + n; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%zu", i);
		put_message(&expected, false, NULL, S("x"), slice_of(text));
	}
	peer_expect_buf(peer, &expected);
}

static void
publish_numbers(struct peer *peer, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%zu", i);
		peer_publish(peer, "x", slice_of(text));
	}
}

static void
reply_waits_for_full_socket(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2), *other = peer_new(hub, 3);

	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\nPING\r\nPUBLISH nobody m\r\n");
	peer_expect_text(p, ""); /* what is behind the gated reply waits, too */
	assert_int_equal(p->session.client.out_state, CLIENT_OUT_GATED);
	say(other, "PING\r\nPUBLISH nobody m\r\n");
	peer_expect_text(other, "+PONG\r\n:0\r\n"); /* nobody else waits */
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n+PONG\r\n:0\r\n");
	expect_numbers(r, 0, 1);
	say(p, "PUBLISH x 1\r\n");
	peer_expect_text(p, ":1\r\n");
	expect_numbers(r, 1, 1);
}

/* Replies before the gated one do not wait. */
static void
earlier_replies_go(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);

	peer_set_full(r, true);
	say(p, "PING\r\nPUBLISH x 0\r\n");
	peer_expect_text(p, "+PONG\r\n");
	say(p, "PUBLISH x 1\r\n");
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, "");
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n:1\r\n:1\r\n");
	expect_numbers(r, 0, 3);
}

static void
reply_waits_for_all_receivers(struct hub *hub)
{
	struct peer *a = receiver(hub, 1), *b = receiver(hub, 1), *c = receiver(hub, 1), *p = peer_new(hub, 2);

	peer_set_full(a, true);
	peer_set_full(c, true);
	say(p, "PUBLISH x 0\r\n");
	peer_expect_text(p, "");
	expect_numbers(b, 0, 1);
	peer_set_full(c, false);
	hub_settle(hub);
	peer_expect_text(p, "");
	peer_set_full(a, false);
	peer_expect_text(p, ":3\r\n");
	expect_numbers(a, 0, 1);
	expect_numbers(c, 0, 1);
}

/* The same promise holds by a pattern, in RESP3, and for a session that gets each message twice. */
static void
reply_waits_for_all_encodings(struct hub *hub)
{
	struct peer *r = peer_new(hub, 1), *plain = receiver(hub, 3), *p = peer_new(hub, 2);
	struct buf expected = { 0 };

	say(r, "HELLO 3\r\nPSUBSCRIBE *\r\nSUBSCRIBE x\r\n");
	r->got.len = 0;
	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\n");
	peer_expect_text(p, "");
	expect_numbers(plain, 0, 1);
	peer_set_full(r, false);
	peer_expect_text(p, ":3\r\n");
	put_message(&expected, true, NULL, S("x"), S("0"));
	put_message(&expected, true, "*", S("x"), S("0"));
	peer_expect_buf(r, &expected);
}

/* A program with a single thread that publishes to itself before it reads must not wait for itself. */
static void
own_receivers_are_not_waited_for(struct hub *hub)
{
	struct peer *own = receiver(hub, 2), *p = peer_new(hub, 2), *foreign = receiver(hub, 3), *q = peer_new(hub, 4);

	peer_ask(p, "UDSD WAITOWN OFF\r\n", "+OK\r\n");
	peer_set_full(own, true);
	say(p, "PUBLISH x 0\r\n");
	peer_expect_text(p, ":2\r\n");
	expect_numbers(foreign, 0, 1);
	say(q, "PUBLISH x 1\r\n"); /* others wait for it */
	peer_expect_text(q, "");
	peer_set_full(foreign, true);
	say(p, "PUBLISH x 2\r\n"); /* and it waits for others */
	peer_expect_text(p, "");
	peer_set_full(foreign, false);
	peer_expect_text(p, ":2\r\n");
	peer_expect_text(q, "");
	peer_set_full(own, false);
	peer_expect_text(q, ":2\r\n");
	expect_numbers(own, 0, 3);
	expect_numbers(foreign, 1, 2);
}

/* Publishers of two processes, to one channel in one pass. */
static void
own_and_foreign_in_one_pass(struct hub *hub)
{
	struct peer *own = receiver(hub, 2), *p = peer_new(hub, 2), *q = peer_new(hub, 4);

	peer_ask(p, "UDSD WAITOWN OFF\r\n", "+OK\r\n");
	peer_set_full(own, true);
	for (size_t i = 0; i < 6; i++) {
		publish_numbers(i % 2 ? q : p, i, 1);
		while (hub_read(p) || hub_read(q))
			;
	}
	hub_end_pass(hub);
	peer_expect_text(p, ":1\r\n:1\r\n:1\r\n");
	peer_expect_text(q, "");
	peer_set_full(own, false);
	peer_expect_text(q, ":1\r\n:1\r\n:1\r\n");
	expect_numbers(own, 0, 6);
}

/* Unless a client asks for that, it waits for others of its process: they may be those of a child that reads later. */
static void
same_pid_is_waited_for(struct hub *hub)
{
	struct peer *r = receiver(hub, 2), *p = peer_new(hub, 2);

	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\n");
	peer_expect_text(p, "");
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n");
	peer_ask(p, "UDSD WAITOWN OFF\r\n", "+OK\r\n");
	peer_set_full(r, true);
	say(p, "PUBLISH x 1\r\n");
	peer_expect_text(p, ":1\r\n");
	peer_ask(p, "RESET\r\nUDSD WAITOWN X\r\n", "+RESET\r\n-ERR WAITOWN takes ON or OFF, not 'X'\r\n");
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, "");
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n");
	expect_numbers(r, 0, 3);
}

/* Clients whose process is not known do not belong together. */
static void
unknown_process(struct hub *hub)
{
	struct peer *r = receiver(hub, 0), *p = peer_new(hub, 0);

	peer_ask(p, "UDSD WAITOWN OFF\r\n", "+OK\r\n");
	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\n");
	peer_expect_text(p, "");
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n");
}

static void
dead_receiver_lets_reply_go(struct hub *hub)
{
	struct peer *a = receiver(hub, 1), *b = receiver(hub, 1), *p = peer_new(hub, 2);

	peer_set_full(a, true);
	peer_set_full(b, true);
	say(p, "PUBLISH x 0\r\nPUBLISH x 1\r\n");
	peer_break(a);
	peer_expect_text(p, "");
	assert_int_equal(hub->bus.flow.stats.undelivered, 2);
	peer_break(b);
	peer_expect_text(p, ":2\r\n:2\r\n");
	assert_int_equal(hub->bus.flow.stats.undelivered, 4);
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, ":0\r\n");
}

static void
dead_publisher(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2), *q = peer_new(hub, 3);

	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\n");
	say(q, "PUBLISH x 1\r\n");
	peer_break(p);
	peer_expect_text(q, "");
	peer_set_full(r, false);
	expect_numbers(r, 0, 2); /* what it published is delivered all the same */
	peer_expect_text(q, ":1\r\n");
}

/* QUIT behind a gated reply: the client is closed once everything is answered, not before. */
static void
quit_behind_held_reply(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);

	peer_set_full(r, true);
	say(p, "PUBLISH x 0\r\nQUIT\r\nPUBLISH x 1\r\n");
	assert_false(p->is_closed);
	peer_set_full(r, false);
	peer_expect_text(p, ":1\r\n+OK\r\n");
	assert_true(p->is_closed);
	expect_numbers(r, 0, 1);
}

/* A message counts as written when its last byte is. */
static void
partly_written_message(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);
	size_t sizes[] = { 16000, 16384, 200000 };

	peer_use_small_socket(r);
	for (size_t i = 0; i < 3; i++) {
		uint8_t *data = make_payload(sizes[i]);
		struct slice payload = { data, sizes[i] };
		struct buf expected = { 0 };

		put_message(&expected, false, NULL, S("x"), payload);
		peer_publish(p, "x", payload);
		hub_settle(hub);
		while (r->got.len < expected.len) {
			if (r->session.client.out.count > 0)
				peer_expect_text(p, "");
			assert_true(peer_take(r, 3000) > 0);
		}
		peer_expect_text(p, ":1\r\n");
		peer_expect_buf(r, &expected);
		free(data);
	}
	assert_int_equal(hub->bus.flow.stats.undelivered, 0);
}

static void
death_within_a_message(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);
	uint8_t *data = make_payload(200000);

	peer_use_small_socket(r);
	publish_numbers(p, 0, 1);
	peer_publish(p, "x", (struct slice){ data, 200000 });
	publish_numbers(p, 0, 1);
	hub_settle(hub);
	assert_true(peer_take(r, 1000) > 0);
	peer_expect_text(p, ":1\r\n");
	peer_break(r);
	peer_expect_text(p, ":1\r\n:1\r\n");
	assert_int_equal(hub->bus.flow.stats.undelivered, 2);
	free(data);
}

/* Many batches and publishers wait for one slow receiver; everything arrives in order. */
static void
many_held_replies(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p[10];

	peer_use_small_socket(r);
	for (size_t i = 0; i < 10; i++)
		p[i] = peer_new(hub, (pid_t)(10 + i));
	for (size_t i = 0; i < 200; i++) {
		publish_numbers(p[i % 10], i * 10, 10);
		while (hub_read(p[i % 10]))
			;
		if (i % 20 == 19)
			hub_end_pass(hub);
	}
	assert_int_equal(p[9]->session.client.out_state, CLIENT_OUT_GATED);
	while (peer_take(r, 1 + prng_below(&hub->prng, 5000)) > 0)
		;
	for (size_t i = 0; i < 10; i++)
		peer_expect_repeated(p[i], ":1\r\n", 200);
	expect_numbers(r, 0, 2000);
}

/* Two publishers receive each other's messages, and neither reads for a while. */
static void
publishers_of_each_other(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);

	say(a, "HELLO 3\r\nSUBSCRIBE a\r\n");
	say(b, "HELLO 3\r\nSUBSCRIBE b\r\n");
	a->got.len = b->got.len = 0;
	peer_set_full(a, true);
	peer_set_full(b, true);
	for (int i = 0; i < 3; i++) {
		say(a, "PUBLISH b m\r\n");
		say(b, "PUBLISH a m\r\n");
	}
	peer_set_full(a, false);
	peer_set_full(b, false);
	hub_settle(hub);
	assert_int_equal(a->session.client.out.count, 0);
	assert_int_equal(b->session.client.out.count, 0);
	assert_int_equal(a->got.len, 3 * (4 + strlen(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n")));
	assert_int_equal(b->got.len, a->got.len);
}

static void
clogged_receiver_stops_publisher(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2), *q = peer_new(hub, 3);
	const size_t n = 200000, limit = 64 * 1024;

	hub->bus.flow.limits.queue_limit = limit;
	peer_use_small_socket(r);
	publish_numbers(p, 0, n);
	hub_settle(hub);
	assert_true(r->session.client.clogged);
	assert_int_equal(hub->bus.flow.n_clogged, 1);
	assert_int_equal(p->session.client.state, CLIENT_WAITING);
	assert_true(p->sent_at < p->sent.len); /* it is not read from */
	/* At most what one more read brings. */
	assert_true(r->session.client.out.bytes < limit + 2 * 64 * 1024 + hub->buffer_size);
	say(q, "PUBLISH y m\r\nPING\r\n"); /* a publisher to another channel goes on */
	peer_expect_text(q, ":0\r\n+PONG\r\n");
	say(q, "PUBLISH x q\r\nPING\r\n");
	peer_expect_text(q, "");
	assert_int_equal(q->session.client.state, CLIENT_WAITING);
	while (outq_cost(&r->session.client.out) > limit / 2 + 8192) {
		assert_true(peer_take(r, 1000) > 0);
		hub_settle(hub);
		assert_int_equal(p->session.client.state, CLIENT_WAITING);
	}
	while (r->session.client.clogged)
		assert_true(peer_take(r, 1000) > 0);
	assert_true(outq_cost(&r->session.client.out) <= limit / 2);
	assert_int_not_equal(p->session.client.state, CLIENT_WAITING);
	assert_int_not_equal(q->session.client.state, CLIENT_WAITING);
	for (;;) {
		hub_settle(hub);
		if (peer_take(r, SIZE_MAX) == 0)
			break;
		assert_true(r->session.client.out.bytes < limit + 2 * 64 * 1024 + hub->buffer_size);
	}
	peer_expect_repeated(p, ":1\r\n", n);
	peer_expect_text(q, ":1\r\n+PONG\r\n");
	assert_int_equal(hub->bus.flow.n_clogged, 0);
	assert_true(r->got.len > n * 26);
}

/* Likewise with payloads in chunks of their own: a command that waits keeps its payload. */
static void
clogged_by_large_messages(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);
	size_t len = 100000;
	uint8_t *data = make_payload(len);
	struct buf expected = { 0 };

	hub->bus.flow.limits.queue_limit = 150000;
	peer_use_small_socket(r);
	for (int i = 0; i < 20; i++) {
		peer_publish(p, "x", (struct slice){ data, len });
		put_message(&expected, false, NULL, S("x"), (struct slice){ data, len });
	}
	peer_say(p, "PING\r\n");
	hub_settle(hub);
	assert_int_equal(p->session.client.state, CLIENT_WAITING);
	assert_true(r->session.client.out.bytes < 300000);
	for (;;) {
		hub_settle(hub);
		if (peer_take(r, SIZE_MAX) == 0)
			break;
	}
	peer_expect_buf(r, &expected);
	for (int i = 0; i < 20; i++)
		put_text(&expected, ":1\r\n");
	put_text(&expected, "+PONG\r\n");
	peer_expect_buf(p, &expected);
	free(data);
}

static void
dead_clogged_receiver_lets_publisher_go(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *healthy = receiver(hub, 4), *p = peer_new(hub, 2);

	hub->bus.flow.limits.queue_limit = 4096;
	peer_set_full(r, true);
	publish_numbers(p, 0, 20000);
	hub_settle(hub);
	assert_int_equal(p->session.client.state, CLIENT_WAITING);
	peer_break(r);
	hub_settle(hub);
	expect_numbers(healthy, 0, 20000);
	assert_true(p->got.len == 20000 * 4);
	assert_true(hub->bus.flow.stats.undelivered > 0);
}

static void
waiting_publisher_dies(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);

	hub->bus.flow.limits.queue_limit = 4096;
	peer_set_full(r, true);
	publish_numbers(p, 0, 20000);
	hub_settle(hub);
	assert_int_equal(p->session.client.state, CLIENT_WAITING);
	peer_break(p);
	assert_int_equal(hub->bus.flow.n_waiting, 0);
	peer_set_full(r, false);
	hub_settle(hub);
	assert_false(r->session.client.clogged);
	assert_true(r->got.len > 0);
}

/* A client that does not read its replies is not read from, and later goes on where it was. */
static void
own_replies_unread(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	const size_t n = 100000;

	hub->bus.flow.limits.queue_limit = 10000;
	peer_set_full(a, true);
	for (size_t i = 0; i < n; i++)
		peer_say(a, "PING\r\n");
	hub_settle(hub);
	assert_true(a->session.client.clogged);
	assert_true(a->session.client.out.bytes < 20000);
	say(b, "PING\r\n");
	peer_expect_text(b, "+PONG\r\n");
	peer_set_full(a, false);
	hub_settle(hub);
	peer_expect_repeated(a, "+PONG\r\n", n);
	assert_false(a->session.client.clogged);
}

/* A receiver that has quit is closed once its output is written, although publishing goes on. */
static void
closing_receiver_gets_no_more(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);

	peer_set_full(r, true);
	say(r, "QUIT\r\n");
	say(p, "PUBLISH x 0\r\n");
	peer_set_full(r, false);
	hub_settle(hub);
	assert_true(r->is_closed);
	peer_expect_text(r, "+OK\r\n");
}

/* Messages published before a receiver's EXEC in the same pass are answered once that receiver has them. */
static void
published_before_exec(struct hub *hub)
{
	struct peer *r = peer_new(hub, 1), *p = peer_new(hub, 2);

	say(r, "HELLO 3\r\nSUBSCRIBE x\r\nMULTI\r\nPING\r\n");
	r->got.len = 0;
	peer_set_full(r, true);
	publish_numbers(p, 0, 1);
	peer_say(r, "EXEC\r\n");
	while (hub_read(p))
		;
	while (hub_read(r))
		;
	hub_end_pass(hub);
	peer_expect_text(p, "");
	peer_set_full(r, false);
	hub_settle(hub);
	peer_expect_text(p, ":1\r\n");
	peer_expect_text(r, ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n0\r\n*1\r\n+PONG\r\n");
}

/* A session that is killed is not counted from the next pass on, and nothing refers to it. */
static void
killed_in_the_pass(struct hub *hub)
{
	struct peer *r = receiver(hub, 1), *p = peer_new(hub, 2);

	publish_numbers(p, 0, 1);
	while (hub_read(p))
		;
	bus_kill(&hub->bus, &r->session.client);
	publish_numbers(p, 1, 1);
	hub_settle(hub);
	assert_true(r->is_closed);
	assert_int_equal(p->session.client.out.count, 0);
	p->got.len = 0;
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, ":0\r\n");
}

static const struct conversation conversations[] = {
	{ "reply waits for full socket", reply_waits_for_full_socket },
	{ "earlier replies go", earlier_replies_go },
	{ "reply waits for all receivers", reply_waits_for_all_receivers },
	{ "reply waits for all encodings", reply_waits_for_all_encodings },
	{ "own receivers are not waited for", own_receivers_are_not_waited_for },
	{ "own and foreign in one pass", own_and_foreign_in_one_pass },
	{ "same pid is waited for", same_pid_is_waited_for },
	{ "unknown process", unknown_process },
	{ "dead receiver lets reply go", dead_receiver_lets_reply_go },
	{ "dead publisher", dead_publisher },
	{ "quit behind held reply", quit_behind_held_reply },
	{ "partly written message", partly_written_message },
	{ "death within a message", death_within_a_message },
	{ "many held replies", many_held_replies },
	{ "publishers of each other", publishers_of_each_other },
	{ "clogged receiver stops publisher", clogged_receiver_stops_publisher },
	{ "clogged by large messages", clogged_by_large_messages },
	{ "dead clogged receiver lets publisher go", dead_clogged_receiver_lets_publisher_go },
	{ "waiting publisher dies", waiting_publisher_dies },
	{ "own replies unread", own_replies_unread },
	{ "closing receiver gets no more", closing_receiver_gets_no_more },
	{ "published before EXEC", published_before_exec },
	{ "killed in the pass", killed_in_the_pass },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
