/* Publishers that wait for a receiver, and channels that nobody is subscribed to by name. */
#include "hub.h"

#include "wait-receivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

static void
say(struct peer *peer, const char *text)
{
	peer_say(peer, text);
	hub_settle(peer->hub);
}

static void
publish_waits_for_receiver(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *q = peer_new(hub, 3), *r = peer_new(hub, 2);
	struct buf expected = { 0 };

	say(p, "UDSD WAITRECEIVER ON\r\nPUBLISH x 0\r\nPUBLISH x 1\r\nPING\r\n");
	peer_expect_text(p, "+OK\r\n"); /* its later commands wait, too */
	assert_int_equal(hub->bus.flow.n_waiting, 1);
	say(q, "PUBLISH x other\r\n"); /* others do not wait */
	peer_expect_text(q, ":0\r\n");
	say(r, "SUBSCRIBE y\r\n");
	peer_expect_text(r, "*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:1\r\n");
	peer_expect_text(p, "");
	say(r, "SUBSCRIBE x\r\n");
	peer_expect_text(p, ":1\r\n:1\r\n+PONG\r\n");
	assert_int_equal(hub->bus.flow.n_waiting, 0);
	put_text(&expected, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2\r\n");
	put_message(&expected, false, NULL, S("x"), S("0"));
	put_message(&expected, false, NULL, S("x"), S("1"));
	peer_expect_buf(r, &expected);
	peer_break(r);
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, "");
	assert_int_equal(hub->bus.flow.n_waiting, 1);
}

/* As publish_waits_for_receiver(), where the receiver comes through a pattern. */
static void
publish_waits_for_pattern(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *q = peer_new(hub, 1), *r = peer_new(hub, 2);
	struct buf expected = { 0 };

	say(p, "UDSD WAITRECEIVER ON\r\nPUBLISH x1 0\r\nPUBLISH x2 1\r\n");
	say(q, "UDSD WAITRECEIVER ON\r\nPUBLISH y1 0\r\n");
	say(r, "PSUBSCRIBE z*\r\n");
	r->got.len = 0;
	peer_expect_text(p, "+OK\r\n");
	peer_expect_text(q, "+OK\r\n");
	assert_int_equal(hub->bus.flow.n_waiting, 2);
	say(r, "PSUBSCRIBE x*\r\n");
	put_text(&expected, "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:2\r\n");
	put_message(&expected, false, "x*", S("x1"), S("0"));
	put_message(&expected, false, "x*", S("x2"), S("1"));
	peer_expect_buf(r, &expected);
	peer_expect_text(p, ":1\r\n:1\r\n");
	peer_expect_text(q, "");
	assert_int_equal(hub->bus.flow.n_waiting, 1);
	peer_break(q);
	assert_int_equal(hub->bus.flow.n_waiting, 0);
}

static void
large_publish_waits_for_receiver(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *r;
	size_t len = 300000;
	uint8_t *data = make_payload(len);
	struct buf expected = { 0 };

	say(p, "UDSD WAITRECEIVER ON\r\n");
	peer_publish(p, "x", (struct slice){ data, len });
	peer_publish(p, "x", (struct slice){ data, 17000 });
	peer_say(p, "PING\r\n");
	hub_settle(hub);
	peer_expect_text(p, "+OK\r\n");
	r = peer_new(hub, 2);
	say(r, "SUBSCRIBE x\r\n");
	put_text(&expected, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	put_message(&expected, false, NULL, S("x"), (struct slice){ data, len });
	put_message(&expected, false, NULL, S("x"), (struct slice){ data, 17000 });
	peer_expect_buf(r, &expected);
	peer_expect_text(p, ":1\r\n:1\r\n+PONG\r\n");
	free(data);
}

/* Likewise, when the first read ends within the header, and the second brings everything else at once. */
static void
large_publish_in_two_reads(struct hub *hub)
{
	size_t len = 20000;
	uint8_t *data = make_payload(len);
	struct slice payload = { data, len };

	for (size_t cut = 1; cut < strlen("*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n$20000\r\n") + 2; cut++) {
		struct peer *p = peer_new(hub, 1), *r = peer_new(hub, 2);
		struct buf expected = { 0 };

		say(p, "UDSD WAITRECEIVER ON\r\n");
		peer_publish(p, "x", payload);
		peer_say(p, "*2\r\n$4\r\nECHO\r\n$11\r\n$1\r\nx\r\n$1\r\n\r\nPING\r\n");
		hub_read_some(p, cut);
		hub_settle(hub);
		peer_expect_text(p, "+OK\r\n");
		say(r, "SUBSCRIBE x\r\n");
		put_text(&expected, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
		put_message(&expected, false, NULL, S("x"), payload);
		peer_expect_buf(r, &expected);
		peer_expect_text(p, ":1\r\n$11\r\n$1\r\nx\r\n$1\r\n\r\n+PONG\r\n");
		peer_break(r);
	}
	free(data);
}

/* The receiver leaves again before the waiting publisher has its turn. */
static void
receiver_leaves_at_once(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *r = peer_new(hub, 2);

	say(p, "UDSD WAITRECEIVER ON\r\nPUBLISH x 0\r\n");
	peer_expect_text(p, "+OK\r\n");
	peer_say(r, "SUBSCRIBE x\r\nUNSUBSCRIBE x\r\n");
	while (hub_read(r))
		;
	hub_settle(hub);
	peer_expect_text(p, "");
	assert_int_equal(hub->bus.flow.n_waiting, 1);
	r->got.len = 0;
	say(r, "SUBSCRIBE x\r\n");
	peer_expect_text(p, ":1\r\n");
}

static void
wait_receiver_off(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1);

	say(p, "UDSD WAITRECEIVER ON\r\nUDSD WAITRECEIVER off\r\nPUBLISH x 0\r\n");
	peer_expect_text(p, "+OK\r\n+OK\r\n:0\r\n");
	say(p, "UDSD WAITRECEIVER ON\r\nRESET\r\nPUBLISH x 0\r\n");
	peer_expect_text(p, "+OK\r\n+RESET\r\n:0\r\n");
	say(p, "UDSD WAITRECEIVER maybe\r\n");
	peer_expect_text(p, "-ERR WAITRECEIVER takes ON, OFF or a number up to 65535, not 'maybe'\r\n");
}

/* Waits for as many receivers as were asked for, by name and by pattern, on channels with and without receivers. */
static void
publish_waits_for_receivers(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *other = peer_new(hub, 1), *r[3];

	for (size_t i = 0; i < 3; i++)
		r[i] = peer_new(hub, (uid_t)(2 + i));
	say(p, "UDSD WAITRECEIVER 3\r\nPUBLISH x 0\r\nPUBLISH x 1\r\nPING\r\n");
	peer_expect_text(p, "+OK\r\n");
	say(r[0], "SUBSCRIBE x\r\n");
	say(other, "PUBLISH x other\r\n");
	peer_expect_text(other, ":1\r\n");
	say(r[1], "PSUBSCRIBE y*\r\n");
	say(r[1], "PSUBSCRIBE x*\r\n");
	peer_expect_text(p, "");
	assert_int_equal(hub->bus.flow.n_waiting, 1);
	peer_break(r[0]); /* so it is two again */
	say(r[2], "SUBSCRIBE x\r\n");
	peer_expect_text(p, "");
	say(other, "SUBSCRIBE x\r\n");
	peer_expect_text(p, ":3\r\n:3\r\n+PONG\r\n");
	assert_int_equal(hub->bus.flow.n_waiting, 0);
	peer_break(r[1]);
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, "");
	peer_break(p);
	assert_int_equal(hub->bus.flow.n_waiting, 0);
}

/* A message behind one that did not wait, in the same pass. */
static void
more_receivers_in_one_pass(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *r = peer_new(hub, 2), *s = peer_new(hub, 3);

	say(r, "SUBSCRIBE x\r\n");
	say(p, "PUBLISH x 0\r\nUDSD WAITRECEIVER 2\r\nPUBLISH x 1\r\nUDSD WAITRECEIVER off\r\nPUBLISH x 2\r\n");
	peer_expect_text(p, ":1\r\n+OK\r\n");
	say(s, "PUBLISH x other\r\n");
	peer_expect_text(s, ":1\r\n");
	peer_expect_text(p, "");
	say(s, "SUBSCRIBE x\r\n");
	peer_expect_text(p, ":2\r\n+OK\r\n:2\r\n");
}

/* As if so much time had passed. The clock of the machine goes on from where it was. */
static void
wait_ends(struct hub *hub, uint64_t ms)
{
	hub->bus.flow.now_ms += ms;
	wait_receivers_expire(&hub->bus);
	hub_settle(hub);
}

static void
waits_for_receivers_for_some_time(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *q = peer_new(hub, 1), *r = peer_new(hub, 2);

	say(p, "UDSD WAITRECEIVER 2 TIMEOUT 30000\r\nPUBLISH x 0\r\nPUBLISH x 1\r\n");
	say(q,
	    "UDSD WAITRECEIVER ON\r\nUDSD WAITRECEIVER 9 TIMEOUT 1\r\nUDSD WAITRECEIVER 2 timeout 60000\r\nPUBLISH x "
	    "0\r\n");
	peer_expect_text(p, "+OK\r\n");
	peer_expect_text(q, "+OK\r\n+OK\r\n+OK\r\n");
	wait_ends(hub, 0);
	peer_expect_text(p, "");
	wait_ends(hub, 30000);
	peer_expect_text(p, ":0\r\n:0\r\n");
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(p, ":0\r\n");
	/* Afterwards what was set without TIMEOUT holds again. */
	peer_expect_text(q, "");
	wait_ends(hub, 60000);
	peer_expect_text(q, "");
	say(r, "SUBSCRIBE x\r\n");
	peer_expect_text(q, ":1\r\n");
	say(q, "UDSD WAITRECEIVER 2 TIMEOUT 30000\r\nUDSD WAITRECEIVER off\r\nPUBLISH y 0\r\n");
	peer_expect_text(q, "+OK\r\n+OK\r\n:0\r\n");
	wait_ends(hub, 30000);
	say(q, "UDSD WAITRECEIVER 2 TIMEOUT 30000\r\nPUBLISH x 0\r\n");
	peer_break(q);
	assert_int_equal(hub->bus.flow.n_waiting, 0);
	say(p, "UDSD WAITRECEIVER 70000\r\nUDSD WAITRECEIVER -1\r\nUDSD WAITRECEIVER 1 TIMEOUT 0\r\n"
	       "UDSD WAITRECEIVER 1 TIMEOUT\r\nUDSD WAITRECEIVER 1 FOR 5\r\n");
	peer_expect_text(p, "-ERR WAITRECEIVER takes ON, OFF or a number up to 65535, not '70000'\r\n"
	                    "-ERR WAITRECEIVER takes ON, OFF or a number up to 65535, not '-1'\r\n"
	                    "-ERR WAITRECEIVER: TIMEOUT takes milliseconds, 1 to 86400000, not '0'\r\n"
	                    "-ERR syntax error\r\n-ERR syntax error\r\n");
}

/* The number of unnamed channels is bounded, and none is taken for another one. */
static void
many_channels_without_subscribers(struct hub *hub)
{
	struct peer *r = peer_new(hub, 1), *p = peer_new(hub, 2), *waiter = peer_new(hub, 3);
	struct buf expected = { 0 };

	say(r, "PSUBSCRIBE c*\r\n");
	r->got.len = 0;
	say(waiter, "UDSD WAITRECEIVER ON\r\nPUBLISH w 0\r\n");
	for (int i = 0; i < 5000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%d", i % 3000);
		peer_publish(p, name, S("m"));
		put_message(&expected, false, "c*", slice_of(name), S("m"));
	}
	hub_settle(hub);
	peer_expect_repeated(p, ":1\r\n", 5000);
	peer_expect_buf(r, &expected);
	assert_true(hub->bus.subscriptions.channels.table.n < 2000);
	say(p, "SUBSCRIBE w\r\n");
	peer_expect_text(waiter, "+OK\r\n:1\r\n");
}

/* A client of its user sends the beginning of a large message, and later the rest. */
static void
begin_large(struct peer *peer, const uint8_t *payload, size_t n)
{
	peer_say(peer, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n$900000\r\n");
	peer_send(peer, payload, n);
}

/* Over the limit for input, one client of a user goes on. If that has to wait for a receiver, another one does. */
static void
large_ones_behind_waiting_one(struct hub *hub)
{
	struct peer *p = peer_new(hub, 1), *others[] = { peer_new(hub, 2), peer_new(hub, 3) };
	uint8_t *payload = make_payload(900000);

	hub->bus.flow.limits.max_message = 1000000; /* the limit is 1 MiB more */
	hub->bus.flow.limits.queue_limit_per_uid = 100000;
	if (hub->reading == HUB_WHOLE || hub->reading == HUB_RANDOM) {
		for (size_t i = 0; i < 2; i++)
			begin_large(others[i], payload, 700000);
		hub_settle(hub);
		say(p, "UDSD WAITRECEIVER ON\r\n");
		begin_large(p, payload, 900000);
		say(p, "\r\n");
		assert_int_equal(p->session.client.state, CLIENT_WAITING);
		for (size_t i = 0; i < 2; i++) {
			peer_send(others[i], payload + 700000, 200000);
			say(others[i], "\r\n");
			peer_expect_text(others[i], ":0\r\n");
		}
		p->got.len = 0;
	}
	free(payload);
}

/* Who waits beside subscribers that may not receive the channel any more finds a receiver that comes by a pattern. */
static void
publish_waits_beside_refused(struct hub *hub)
{
	struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);
	struct peer *p = peer_new(hub, 1), *r = peer_new(hub, 2);
	struct peer *refused = peer_new_as(hub, &(struct identity){ .pid = 3, .uid = 1000 });

	say(p, "UDSD WAITRECEIVER ON\r\n");
	say(refused, "SUBSCRIBE x\r\n");
	rules_add(&rules, "x", NULL, "uid:0", SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules); /* it goes at the end of the pass */
	peer_say(p, "PUBLISH x 1\r\n");
	while (hub_read(p))
		continue;
	peer_say(r, "PSUBSCRIBE ?\r\n");
	while (hub_read(r))
		continue;
	hub_settle(hub);
	peer_expect_text(p, "+OK\r\n:1\r\n");
	refused->got.len = r->got.len = 0;
	hub_drop_rules(hub, &rules);
}

static const struct conversation conversations[] = {
	{ "publish waits for receiver", publish_waits_for_receiver },
	{ "publish waits for pattern", publish_waits_for_pattern },
	{ "large publish waits for receiver", large_publish_waits_for_receiver },
	{ "large publish in two reads", large_publish_in_two_reads },
	{ "receiver leaves at once", receiver_leaves_at_once },
	{ "wait receiver off", wait_receiver_off },
	{ "publish waits for receivers", publish_waits_for_receivers },
	{ "more receivers in one pass", more_receivers_in_one_pass },
	{ "waits for receivers for some time", waits_for_receivers_for_some_time },
	{ "many channels without subscribers", many_channels_without_subscribers },
	{ "large ones behind a waiting one", large_ones_behind_waiting_one },
	{ "publish waits beside refused", publish_waits_beside_refused },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
