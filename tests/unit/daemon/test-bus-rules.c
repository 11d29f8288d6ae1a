/* Conversations about access rules, policies for slow receivers, and quotas. */
#include "hub.h"
#include "input-quota.h"

#include <stdio.h>
#include <string.h>

#include "output-limit.h"
#include "user.h"

#define SUBSCRIBED(channel) "*3\r\n$9\r\nsubscribe\r\n$1\r\n" channel "\r\n:1\r\n"
#define MESSAGE(channel, payload) "*3\r\n$7\r\nmessage\r\n$1\r\n" channel "\r\n$1\r\n" payload "\r\n"
#define DENIED(uid, what) "-NOPERM No permissions to access a channel: uid " uid " may not " what "\r\n"

static struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);

static struct peer *
user_new(struct hub *hub, pid_t pid, uid_t uid)
{
	struct identity identity = { .pid = pid, .uid = uid, .gid = uid };

	return peer_new_as(hub, &identity);
}

static void
publish_and_subscribe(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);

	rules_add(&rules, "x", "uid:1000", "uid:1001", SLOW_WAIT);
	rules_add(&rules, "y*", "", NULL, SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	peer_ask(a, "SUBSCRIBE z x\r\n", DENIED("1000", "subscribe to 'x'"));
	peer_ask(a, "SSUBSCRIBE x\r\n", DENIED("1000", "subscribe to 'x'"));
	peer_ask(b, "PUBLISH x 0\r\nSPUBLISH x 0\r\n",
	         DENIED("1001", "publish to 'x'") DENIED("1001", "publish to 'x'"));
	peer_ask(a, "PUBLISH yes 0\r\nPUBLISH __udsd__:missed 0\r\nPUBLISH x 0\r\nPUBLISH z 0\r\n",
	         DENIED("1000", "publish to 'yes'") DENIED("1000", "publish to '__udsd__:missed'") ":0\r\n:0\r\n");
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(a, "PUBLISH x 1\r\n", ":1\r\n");
	peer_expect_text(b, MESSAGE("x", "1"));
	peer_ask(a, "PUBSUB NUMSUB z\r\n", "*2\r\n$1\r\nz\r\n:0\r\n"); /* all or none */
	assert_int_equal(hub->bus.flow.stats.denied_channels, 6);
	/* While a batch is open, and in a transaction. */
	peer_ask(a, "PUBLISH x 2\r\nMULTI\r\nPUBLISH yes 3\r\nPUBLISH x 4\r\nEXEC\r\n",
	         ":1\r\n+OK\r\n" DENIED(
		     "1000", "publish to 'yes'") "+QUEUED\r\n"
	                                         "-EXECABORT Transaction discarded because of previous errors.\r\n");
	peer_expect_text(b, MESSAGE("x", "2"));
	/* A right that is lost between MULTI and EXEC. */
	peer_ask(a, "MULTI\r\nPUBLISH z 5\r\nPUBLISH x 6\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
	rules_add(&rules, "z", "", NULL, SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	peer_ask(a, "EXEC\r\n", "*2\r\n" DENIED("1000", "publish to 'z'") ":1\r\n");
	peer_expect_text(b, MESSAGE("x", "6"));
	hub_drop_rules(hub, &rules);
}

/* Two publishers to one channel in one pass, one of which is not allowed to. */
static void
second_publisher(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *r = user_new(hub, 3, 1002);

	rules_add(&rules, "x", "uid:1000", NULL, SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	peer_ask(r, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_say(a, "PUBLISH x 1\r\n");
	peer_say(b, "PUBLISH x 2\r\n");
	hub_settle(hub);
	peer_expect_text(a, ":1\r\n");
	peer_expect_text(b, DENIED("1001", "publish to 'x'"));
	peer_expect_text(r, MESSAGE("x", "1"));
	hub_drop_rules(hub, &rules);
}

#define PMESSAGE(channel, payload) "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\n" channel "\r\n$1\r\n" payload "\r\n"

/* A pattern may match channels that its subscriber may not receive; those stay closed to it. */
static void
pattern_over_forbidden(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1002),
		    *p = user_new(hub, 4, 1000);

	rules_add(&rules, "x", NULL, "uid:1002", SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	peer_ask(b, "PSUBSCRIBE *\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n");
	peer_ask(a, "PUBLISH x 1\r\nPUBLISH y 2\r\n", ":0\r\n:1\r\n");
	peer_expect_text(b, PMESSAGE("y", "2"));
	peer_ask(c, "PSUBSCRIBE *\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n");
	peer_ask(a, "PUBLISH x 3\r\nPUBLISH y 4\r\n", ":1\r\n:2\r\n");
	peer_expect_text(b, PMESSAGE("y", "4"));
	peer_expect_text(c, PMESSAGE("x", "3") PMESSAGE("y", "4"));
	/* Nor do publishers wait for a subscriber that may not receive the channel. */
	hub->bus.flow.limits.queue_limit = 4096;
	peer_set_full(b, true);
	for (int i = 0; i < 1000 && !b->session.client.clogged; i++) {
		peer_publish(p, "y", slice_of("5"));
		hub_settle(hub);
	}
	assert_true(b->session.client.clogged);
	peer_ask(a, "PUBLISH x 6\r\n", ":1\r\n");
	peer_set_full(b, false);
	hub_settle(hub);
	p->got.len = b->got.len = c->got.len = 0;
	hub_drop_rules(hub, &rules);
}

static void
rights_taken_away(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	struct access_rule *rule = rules_add(&rules, "x", NULL, NULL, SLOW_WAIT);
	char bad[64];

	bus_set_rules(&hub->bus, &rules);
	peer_ask(a, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	assert_int_equal(access_list_parse("uid:1001", &rule->subscribe, bad, sizeof(bad)), 0);
	bus_set_rules(&hub->bus, &rules);
	hub_end_pass(hub);
	assert_true(a->is_closed);
	assert_false(b->is_closed);
	hub_drop_rules(hub, &rules);
}

/* A clogged receiver misses messages, and gets a report in their place; nobody waits for it. */
static void
drop(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	uint8_t *payload = make_payload(3000);
	struct buf expected = { 0 };

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(b, "SUBSCRIBE __udsd__:missed\r\n", "*3\r\n$9\r\nsubscribe\r\n$15\r\n__udsd__:missed\r\n:2\r\n");
	peer_set_full(b, true);
	for (int i = 0; i < 10; i++) {
		peer_publish(a, "x", (struct slice){ payload, 3000 });
		hub_settle(hub);
		peer_expect_text(a, i < 4 ? ":1\r\n" : ":0\r\n");
	}
	assert_int_equal(hub->bus.flow.stats.dropped, 6);
	peer_set_full(b, false);
	peer_ask(a, "PUBLISH x 7\r\n", ":1\r\n");
	for (int i = 0; i < 4; i++)
		put_message(&expected, false, NULL, slice_of("x"), (struct slice){ payload, 3000 });
	put_message(&expected, false, NULL, slice_of("__udsd__:missed"), slice_of("6 x"));
	put_message(&expected, false, NULL, slice_of("x"), slice_of("7"));
	peer_expect_buf(b, &expected);
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* A receiver that reads everything at once is not slow, even if one pass publishes more than queue_limit to it. */
static void
burst_for_who_keeps_up(struct hub *hub)
{
	static const enum slow_policy policies[] = { SLOW_DROP, SLOW_DISCONNECT };
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	uint8_t *payload = make_payload(1000);

	hub->bus.flow.limits.queue_limit = 10000;
	for (size_t i = 0; i < 2; i++) {
		struct buf expected = { 0 };

		rules_add(&rules, "x", NULL, NULL, policies[i]);
		bus_set_rules(&hub->bus, &rules);
		peer_say(b, "SUBSCRIBE x\r\n");
		hub_settle(hub);
		b->got.len = 0;
		for (int k = 0; k < 300; k++) {
			peer_publish(a, "x", (struct slice){ payload, 1000 });
			put_message(&expected, false, NULL, slice_of("x"), (struct slice){ payload, 1000 });
		}
		hub_settle(hub);
		peer_expect_repeated(a, ":1\r\n", 300);
		peer_expect_buf(b, &expected);
		hub_drop_rules(hub, &rules);
	}
	assert_int_equal(hub->bus.flow.stats.dropped + hub->bus.flow.stats.slow_receivers, 0);
	free(payload);
}

/* With policy drop, a publisher waits one pass at most, even if others clog another receiver in each pass. */
static void
drop_beside_a_busy_channel(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	struct peer *keen = user_new(hub, 4, 1003);
	uint8_t *payload = make_payload(20000);

	if (hub->reading == HUB_WHOLE) {
		rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
		bus_set_rules(&hub->bus, &rules);
		hub->bus.flow.limits.queue_limit = 10000;
		peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
		peer_ask(keen, "SUBSCRIBE y\r\n", SUBSCRIBED("y"));
		peer_set_full(b, true);
		for (int i = 0; i < 20; i++) {
			peer_publish(a, "x", (struct slice){ payload, 1000 });
			hub_settle(hub);
		}
		assert_true(b->session.client.clogged);
		a->got.len = 0;
		peer_say(a, "PUBLISH x m\r\n");
		for (int pass = 0; pass < 4; pass++) {
			struct peer *busy = user_new(hub, 10 + pass, 1002);

			peer_publish(busy, "y", (struct slice){ payload, 20000 });
			hub_read(busy);
			assert_true(keen->session.client.clogged);
			hub_read(a);
			hub_end_pass(hub);
			busy->got.len = 0;
		}
		peer_expect_text(a, ":0\r\n");
		hub_settle(hub);
		hub_drop_rules(hub, &rules);
		a->got.len = b->got.len = keen->got.len = 0;
	}
	free(payload);
}

/* A receiver that was counted when a message was published gets it, even if limits change before the pass ends. */
static void
drop_under_other_limits(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	uint8_t *payload = make_payload(3000);

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_set_full(b, true);
	for (int i = 0; i < 4; i++)
		peer_publish(a, "x", (struct slice){ payload, 3000 });
	hub_settle(hub);
	peer_expect_text(a, ":1\r\n:1\r\n:1\r\n:1\r\n");
	assert_true(b->session.client.clogged);
	peer_say(a, "PUBLISH x 5\r\n");
	while (hub_read(a))
		;
	hub->bus.flow.limits.queue_limit = 100000;
	bus_set_limits(&hub->bus, &(struct limits){ .queue_limit = 100000,
	                                            .queue_limit_per_uid = UINT64_MAX,
	                                            .max_message = hub->bus.flow.limits.max_message });
	peer_set_full(b, false);
	b->got.len = 0;
	hub_settle(hub);
	peer_expect_text(a, ":0\r\n");
	assert_int_equal(hub->bus.flow.stats.dropped, 1);
	b->got.len = 0;
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* Missed messages of one channel are reported before a message of another one. */
static void
drop_in_order(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	uint8_t *payload = make_payload(3000);
	struct buf expected = { 0 };

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_say(b, "HELLO 3\r\nSUBSCRIBE x __udsd__:missed y z\r\n");
	hub_settle(hub);
	b->got.len = 0;
	peer_set_full(b, true);
	peer_say(a, "CLIENT REPLY OFF\r\n");
	for (int i = 0; i < 5; i++) {
		peer_publish(a, "x", (struct slice){ payload, 3000 });
		hub_settle(hub);
	}
	/* A reply, and a message of a channel with policy wait, stand behind the report of what was missed before. */
	flow_set_state(&hub->bus.flow, &a->session.client, CLIENT_OPEN, NULL);
	hub->bus.flow.limits.queue_limit = 100000;
	output_limit_check(&hub->bus.flow, &b->session.client); /* drained, as it were */
	peer_ask(a, "PUBLISH y 8\r\n", "");
	peer_set_full(b, false);
	for (int i = 0; i < 4; i++)
		put_message(&expected, true, NULL, slice_of("x"), (struct slice){ payload, 3000 });
	put_message(&expected, true, NULL, slice_of("__udsd__:missed"), slice_of("1 x"));
	put_message(&expected, true, NULL, slice_of("y"), slice_of("8"));
	peer_expect_buf(b, &expected);
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* A large message is queued as two pieces: a receiver gets both, even if it becomes clogged by the first one. */
static void
drop_large(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	uint8_t *payload = make_payload(20000);
	struct buf expected = { 0 };

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_set_full(b, true);
	peer_ask(a, "PUBLISH x 1\r\n", ":1\r\n");
	hub->bus.flow.limits.queue_limit = outq_cost(&b->session.client.out);
	peer_publish(a, "x", (struct slice){ payload, 20000 });
	hub_settle(hub);
	assert_true(b->session.client.clogged);
	peer_ask(a, "PUBLISH x 2\r\n", ":1\r\n:0\r\n");
	peer_set_full(b, false);
	hub_settle(hub);
	put_message(&expected, false, NULL, slice_of("x"), slice_of("1"));
	put_message(&expected, false, NULL, slice_of("x"), (struct slice){ payload, 20000 });
	peer_expect_buf(b, &expected);
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* The report does not stand between the pieces of a large message that follows. EXEC publishes to clogged receivers. */
static void
missed_before_large(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	struct slice payload = { make_payload(20000), 20000 };
	struct buf expected = { 0 };

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_say(b, "HELLO 3\r\nSUBSCRIBE x y __udsd__:missed\r\n");
	hub_settle(hub);
	b->got.len = 0;
	peer_set_full(b, true);
	peer_say(a, "MULTI\r\n");
	peer_publish(a, "y", payload);
	peer_say(a, "PUBLISH x 1\r\n");
	peer_publish(a, "y", payload);
	peer_say(a, "EXEC\r\n");
	hub_settle(hub);
	peer_set_full(b, false);
	hub_settle(hub);
	put_message(&expected, true, NULL, slice_of("y"), payload);
	put_message(&expected, true, NULL, slice_of("__udsd__:missed"), slice_of("1 x"));
	put_message(&expected, true, NULL, slice_of("y"), payload);
	peer_expect_buf(b, &expected);
	peer_expect_text(a, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:0\r\n:1\r\n");
	free((uint8_t *)payload.p);
	hub_drop_rules(hub, &rules);
}

/* Nor does it overwrite the messages of an open batch, which are in no queue yet. */
static void
missed_before_full_chunk(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1002);
	uint8_t *payload = make_payload(3000);
	struct buf expected = { 0 };
	char name[3] = "x0";

	rules_add(&rules, "x*", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_say(b, "HELLO 3\r\nSUBSCRIBE x0 x1 x2 x3 x4 y __udsd__:missed\r\n");
	peer_say(c, "SUBSCRIBE x0 x1 x2 x3 x4 y\r\n"); /* in RESP2, so that b gets copies */
	hub_settle(hub);
	b->got.len = 0;
	peer_set_full(b, true);
	peer_ask(a, "PUBLISH y 0\r\nMULTI\r\n", ""); /* the answer waits for b */
	put_message(&expected, true, NULL, slice_of("y"), slice_of("0"));
	for (int i = 0; i < 5; i++, name[1]++) {
		peer_publish(a, name, (struct slice){ payload, 3000 });
		if (i < 4)
			put_message(&expected, true, NULL, slice_of(name), (struct slice){ payload, 3000 });
	}
	put_message(&expected, true, NULL, slice_of("__udsd__:missed"), slice_of("1 x4"));
	for (int i = 0; i < 1000; i++) {
		peer_publish(a, "y", (struct slice){ payload, 60 });
		put_message(&expected, true, NULL, slice_of("y"), (struct slice){ payload, 60 });
	}
	peer_say(a, "EXEC\r\n");
	hub_settle(hub);
	peer_set_full(b, false);
	peer_expect_buf(b, &expected);
	a->got.len = c->got.len = 0;
	free(payload);
	hub_drop_rules(hub, &rules);
}

static void
disconnect(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1002);
	uint8_t *payload = make_payload(3000);

	rules_add(&rules, "x", NULL, NULL, SLOW_DISCONNECT);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(c, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_set_full(b, true);
	for (int i = 0; i < 4; i++) {
		assert_false(b->is_closed);
		peer_publish(a, "x", (struct slice){ payload, 3000 });
		hub_settle(hub);
		peer_expect_text(a, ":2\r\n"); /* no publisher waits */
	}
	assert_true(b->is_closed);
	assert_int_equal(hub->bus.flow.stats.slow_receivers, 1);
	peer_ask(a, "PUBLISH x 1\r\n", ":1\r\n");
	c->got.len = 0;
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* A publisher that its own message disconnects must not wait with the next one, for whatever reason. */
static void
disconnected_by_oneself(struct hub *hub)
{
	static const char *const last[] = { "PUBLISH nobody x\r\n", "MULTI\r\nPUBLISH nobody x\r\nEXEC\r\n",
		                            "PUBLISH pattern x\r\n" };
	uint8_t *payload = make_payload(5000);

	rules_add(&rules, "d", NULL, NULL, SLOW_DISCONNECT);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 4096;
	for (size_t i = 0; i < 3; i++) {
		struct peer *a = user_new(hub, 1, 1000);

		peer_say(a, "HELLO 3\r\nUDSD WAITRECEIVER ON\r\nSUBSCRIBE d\r\nPSUBSCRIBE pat*\r\n");
		hub_settle(hub);
		peer_publish(a, "d", (struct slice){ payload, 5000 });
		peer_say(a, last[i]);
		hub_settle(hub);
		a->got.len = 0;
	}
	free(payload);
	hub_drop_rules(hub, &rules);
}

static void
subscriptions_of_a_user(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1000), *c = user_new(hub, 3, 1001);

	hub->bus.flow.limits.max_subscriptions_per_uid = 2;
	peer_ask(a, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(b, "SUBSCRIBE y\r\n", "-ERR too many subscriptions; the limit for all clients of uid 1000 is 2\r\n");
	peer_ask(c, "SUBSCRIBE y\r\n", SUBSCRIBED("y"));
	peer_break(a);
	peer_ask(b, "SUBSCRIBE y\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n");
}

static void
patterns_of_a_user(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1000), *c = user_new(hub, 3, 1001);

	hub->bus.flow.limits.max_patterns_per_uid = 1;
	peer_ask(a, "PSUBSCRIBE x\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n");
	peer_ask(b, "PSUBSCRIBE y\r\n", "-ERR too many patterns; the limit for all clients of uid 1000 is 1\r\n");
	peer_ask(b, "SUBSCRIBE y\r\n", SUBSCRIBED("y"));
	peer_ask(c, "PSUBSCRIBE y\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\ny\r\n:1\r\n");
	/* A long one counts for several. */
	peer_ask(
	    c, "PUNSUBSCRIBE y\r\nPSUBSCRIBE 1234567890123456789012345678901234567890123456789012345678901234\r\n",
	    "*3\r\n$12\r\npunsubscribe\r\n$1\r\ny\r\n:0\r\n-ERR too many patterns; the limit for all clients of uid "
	    "1001 is "
	    "1\r\n");
	peer_ask(a, "PUNSUBSCRIBE\r\n", "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n");
	peer_ask(b, "PSUBSCRIBE y\r\n", "*3\r\n$10\r\npsubscribe\r\n$1\r\ny\r\n:2\r\n");
}

/*
 * Unfinished commands and transactions of a user are bounded together: over the limit, one client goes on and the
 * others wait for it; other users are not concerned. A client that keeps the others waiting is closed after
 * slow_timeout.
 */
static void
unfinished_input_of_a_user(struct hub *hub)
{
	static const char error[] = "-TRYAGAIN the rest of a command is missing";
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1000), *c = user_new(hub, 3, 1001);
	struct peer *d = user_new(hub, 4, 1000), *leads, *waits;
	uint8_t *payload = make_payload(95000);

	hub->bus.flow.limits.max_message = 100000;
	hub->bus.flow.limits.queue_limit_per_uid = 100000; /* but there is room for one transaction */
	for (struct peer *p = a; p; p = p == a ? b : p == b ? c : p == c ? d : NULL)
		peer_ask(p, "MULTI\r\n", "+OK\r\n");
	for (int i = 0; i < 11; i++) {
		peer_publish(a, "x", (struct slice){ payload, 95000 });
		peer_publish(c, "x", (struct slice){ payload, 95000 });
	}
	hub_settle(hub);
	for (int i = 0; i < 11; i++) {
		peer_publish(b, "x", (struct slice){ payload, 95000 }); /* goes over the limit, and goes on */
		hub_settle(hub);
		peer_publish(d, "x", (struct slice){ payload, 95000 });
	}
	hub_settle(hub);
	assert_false(a->is_closed || b->is_closed || c->is_closed || d->is_closed);
	leads = b->session.client.user->leader == &b->session.client ? b : d;
	waits = leads == b ? d : b;
	assert_ptr_equal(leads->session.client.user->leader, &leads->session.client);
	assert_int_equal(waits->session.client.state, CLIENT_WAITING);
	assert_in_range(b->session.client.user->input, 1148576, 3 * 1148576);
	a->got.len = b->got.len = c->got.len = d->got.len = 0;
	/* It says no more, and is closed; then the next one goes on. */
	input_quota_close_stalled(&hub->bus);
	hub_settle(hub);
	assert_false(leads->is_closed);
	hub->bus.flow.start_ms -= 7000;
	flow_update_time(&hub->bus.flow);
	input_quota_close_stalled(&hub->bus);
	hub_settle(hub);
	assert_true(leads->is_closed);
	assert_true(leads->got.len > sizeof(error) - 1);
	assert_memory_equal(leads->got.data, error, sizeof(error) - 1);
	leads->got.len = 0;
	assert_false(a->is_closed || c->is_closed || waits->is_closed);
	assert_true(waits->session.client.state == CLIENT_OPEN && waits->sent_at == waits->sent.len);
	waits->got.len = 0;
	peer_say(waits, "DISCARD\r\n");
	peer_say(a, "DISCARD\r\n");
	hub_settle(hub);
	waits->got.len = 0;
	assert_null(a->session.client.user->leader);
	a->got.len = 0;
	free(payload);
}

/* Input of clients that wait counts for their user as well, who cannot pile it up; other users can still send. */
static void
waiting_input_of_a_user(struct hub *hub)
{
	struct peer *r = user_new(hub, 1, 1001), *publishers[10];
	struct peer *first = user_new(hub, 8, 1002), *other = user_new(hub, 9, 1002);
	size_t size = 400000, kept;
	uint8_t *payload = make_payload(size);
	struct limits limits;
	uint64_t limit;

	hub->bus.flow.limits.max_message = 500000;
	hub->bus.flow.limits.queue_limit_per_uid = 100000; /* but there is room for one message and 1 MiB */
	hub->bus.flow.limits.queue_limit = 4096;
	limit = user_input_max(&hub->bus.flow.limits);
	peer_ask(r, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_set_full(r, true);
	peer_publish(first, "x", (struct slice){ payload, 5000 });
	hub_settle(hub);
	assert_true(r->session.client.clogged);
	for (size_t i = 0; i < 10; i++) {
		publishers[i] = user_new(hub, 10 + (pid_t)i, 1000);
		peer_publish(publishers[i], "x", (struct slice){ payload, size });
		hub_settle(hub);
		assert_int_equal(publishers[i]->session.client.state, CLIENT_WAITING);
	}
	kept = publishers[0]->session.client.user->input;
	assert_in_range(kept, limit, limit + 2 * 500000 + 4 * 256 * 1024);
	assert_true(publishers[9]->sent_at < size); /* not all of its input is read */
	peer_publish(other, "y", (struct slice){ payload, size });
	hub_settle(hub);
	peer_expect_text(other, ":0\r\n");
	/* A higher limit lets it go on at once, although its receiver is still clogged. */
	limits = hub->bus.flow.limits;
	limits.queue_limit_per_uid = 10000000;
	bus_set_limits(&hub->bus, &limits);
	hub_settle(hub);
	assert_true(r->session.client.clogged);
	assert_int_equal(publishers[9]->sent_at, publishers[9]->sent.len);
	peer_set_full(r, false);
	hub_settle(hub);
	peer_expect_text(first, ":1\r\n");
	for (size_t i = 0; i < 10; i++)
		peer_expect_text(publishers[i], ":1\r\n");
	assert_int_equal(publishers[0]->session.client.user->input, 0);
	r->got.len = 0;
	free(payload);
}

/* While their user is over, receivers with nothing queued still get small messages, and large ones wait. */
static void
large_messages_of_a_user(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1001);
	size_t size = 100000;
	uint8_t *payload = make_payload(size);

	hub->bus.flow.limits.queue_limit_per_uid = 50000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(c, "SUBSCRIBE y\r\n", SUBSCRIBED("y"));
	peer_set_full(b, true);
	peer_publish(a, "x", (struct slice){ payload, size });
	hub_settle(hub);
	assert_true(b->session.client.user->is_over);
	peer_say(a, "PUBLISH y 1\r\n");
	peer_publish(a, "y", (struct slice){ payload, size });
	hub_settle(hub);
	peer_expect_text(c, MESSAGE("y", "1"));
	assert_int_equal(a->session.client.state, CLIENT_WAITING);
	peer_set_full(b, false);
	hub_settle(hub);
	assert_int_equal(a->session.client.state, CLIENT_OPEN);
	peer_expect_text(a, ":1\r\n:1\r\n:1\r\n");
	b->got.len = c->got.len = 0;
	free(payload);
}

/* With policy drop, such a receiver misses large messages, is not counted for them, and gets a report. */
static void
large_messages_dropped(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1001);
	size_t size = 100000;
	uint8_t *payload = make_payload(size);
	struct buf expected = { 0 };

	rules_add(&rules, "y", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit_per_uid = 50000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_say(c, "SUBSCRIBE y __udsd__:missed\r\n");
	hub_settle(hub);
	c->got.len = 0;
	peer_set_full(b, true);
	peer_publish(a, "x", (struct slice){ payload, size });
	hub_settle(hub);
	assert_true(b->session.client.user->is_over);
	peer_publish(a, "y", (struct slice){ payload, size });
	peer_say(a, "PUBLISH y 1\r\nPUBLISH y 2\r\n");
	peer_publish(a, "y", (struct slice){ payload, size });
	hub_settle(hub);
	put_message(&expected, false, NULL, slice_of("__udsd__:missed"), slice_of("1 y"));
	put_message(&expected, false, NULL, slice_of("y"), slice_of("1"));
	put_message(&expected, false, NULL, slice_of("y"), slice_of("2"));
	peer_expect_buf(c, &expected);
	peer_set_full(b, false);
	hub_settle(hub);
	expected = (struct buf){ 0 };
	put_message(&expected, false, NULL, slice_of("__udsd__:missed"), slice_of("1 y"));
	peer_expect_buf(c, &expected);
	peer_expect_text(a, ":1\r\n:0\r\n:1\r\n:1\r\n:0\r\n");
	b->got.len = 0;
	free(payload);
	hub_drop_rules(hub, &rules);
}

/* When a user goes over, all of their clients with much unsent are clogged, and the others get no large replies. */
static void
replies_of_a_user(struct hub *hub)
{
	struct peer *peers[4], *other = user_new(hub, 9, 1001);
	uint8_t *payload = make_payload(30000);
	struct slice argv[] = { slice_of("ECHO"), { payload, 30000 } };

	hub->bus.flow.limits.queue_limit_per_uid =
	    2 * CHUNK_SIZE + 40000; /* a reply that is not copied keeps its chunk from being freed */
	for (size_t i = 0; i < 4; i++)
		peers[i] = user_new(hub, (pid_t)i + 1, 1000);
	for (size_t i = 0; i < 3; i++) {
		peer_set_full(peers[i], true);
		peer_send_command(peers[i], argv, 2);
		hub_settle(hub);
	}
	for (size_t i = 0; i < 3; i++)
		assert_true(peers[i]->session.client.clogged);
	peer_ask(peers[3], "PING\r\n", "+PONG\r\n");
	peer_say(peers[3], "PUBSUB CHANNELS\r\n");
	hub_settle(hub);
	assert_int_equal(peers[3]->session.client.state, CLIENT_WAITING);
	peer_send_command(peers[3], argv, 2);
	peer_send_command(other, argv, 2);
	hub_settle(hub);
	assert_int_equal(peers[3]->session.client.state, CLIENT_WAITING);
	assert_true(other->got.len > 30000);
	for (size_t i = 0; i < 3; i++)
		peer_set_full(peers[i], false);
	hub_settle(hub);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(peers[i]->session.client.state, CLIENT_OPEN);
		assert_false(peers[i]->session.client.clogged);
		assert_true(peers[i]->got.len > 30000);
		peers[i]->got.len = 0;
	}
	other->got.len = 0;
	free(payload);
}

/* The replies of EXEC are bounded as well, although it cannot be interrupted. */
static void
replies_of_a_transaction(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);

	hub->bus.flow.limits.queue_limit = 10000;
	hub->bus.flow.limits.max_message = 100000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_set_full(a, true);
	peer_say(a, "MULTI\r\n");
	for (int i = 0; i < 100; i++)
		peer_say(a, "COMMAND DOCS\r\n");
	peer_say(a, "PUBLISH x 1\r\nEXEC\r\n");
	hub_settle(hub);
	assert_true(a->is_closed);
	peer_expect_text(b, MESSAGE("x", "1")); /* all or nothing */
	a->got.len = 0;
}

/* The matches of all channels are bounded, and found again after they were forgotten. */
static void
patterns_remembered(struct hub *hub)
{
	enum { PATTERNS = 150, CHANNELS = 300, LEN = 1000 };
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001);
	char name[LEN + 1], text[LEN + 32];

	memset(name, 'a', LEN);
	name[LEN] = '\0';
	for (int i = 0; i < PATTERNS; i++) {
		snprintf(text, sizeof(text), "PSUBSCRIBE %.*s*\r\n", LEN - 300 + i, name);
		peer_say(b, text);
	}
	for (int i = 0; i < CHANNELS; i++) {
		snprintf(text, sizeof(text), "SUBSCRIBE %.*s%d\r\n", LEN - 10, name, i);
		peer_say(b, text);
		hub_settle(hub);
		snprintf(text, sizeof(text), "PUBLISH %.*s%d x\r\n", LEN - 10, name, i);
		peer_ask(a, text, ":151\r\n");
		b->got.len = 0;
		assert_in_range(hub->bus.subscriptions.channels.routing.match_bytes, 1, 65 * 1024 * 1024);
	}
	b->got.len = 0;
	snprintf(text, sizeof(text), "PUBLISH %.*s0 x\r\n", LEN - 10, name);
	peer_ask(a, text, ":151\r\n");
	b->got.len = 0;
}

static void
clients_of_a_user(struct hub *hub)
{
	struct identity some = { .uid = 1000 }, other = { .uid = 1001 }, nobody = { .anonymous = true, .uid = 1000 };

	hub->bus.flow.limits.max_clients_per_uid = 2;
	assert_true(users_admit(&hub->bus.flow.users, &some, &hub->bus.flow.limits));
	user_new(hub, 1, 1000);
	assert_true(users_admit(&hub->bus.flow.users, &some, &hub->bus.flow.limits));
	user_new(hub, 2, 1000);
	assert_false(users_admit(&hub->bus.flow.users, &some, &hub->bus.flow.limits));
	assert_true(users_admit(&hub->bus.flow.users, &other, &hub->bus.flow.limits));
	assert_true(users_admit(&hub->bus.flow.users, &nobody, &hub->bus.flow.limits));
}

/* Receivers of one user, each within its own limit, are clogged when together they exceed the user's. */
static void
queued_bytes_of_a_user(struct hub *hub)
{
	struct peer *a = user_new(hub, 1, 1000), *b = user_new(hub, 2, 1001), *c = user_new(hub, 3, 1001),
		    *d = user_new(hub, 4, 1002);
	size_t size = 100000;
	uint8_t *payload = make_payload(size);

	hub->bus.flow.limits.queue_limit_per_uid = 150000;
	peer_ask(b, "SUBSCRIBE x\r\n", SUBSCRIBED("x"));
	peer_ask(c, "SUBSCRIBE y\r\n", SUBSCRIBED("y"));
	peer_ask(d, "SUBSCRIBE z\r\n", SUBSCRIBED("z"));
	peer_set_full(b, true);
	peer_set_full(c, true);
	peer_set_full(d, true);
	peer_publish(a, "x", (struct slice){ payload, size });
	peer_publish(a, "z", (struct slice){ payload, size });
	hub_settle(hub);
	assert_false(b->session.client.clogged);
	peer_publish(a, "y", (struct slice){ payload, size });
	hub_settle(hub);
	peer_publish(a, "y", slice_of("1"));
	hub_settle(hub);
	assert_true(c->session.client.clogged);
	assert_false(d->session.client.clogged);
	assert_int_equal(a->session.client.state, CLIENT_WAITING);
	peer_set_full(c, false); /* it reads everything */
	peer_set_full(b, false);
	hub_settle(hub);
	assert_false(c->session.client.clogged);
	assert_int_equal(c->session.client.user->queued, 0);
	peer_set_full(d, false);
	hub_settle(hub);
	peer_expect_text(a, ":1\r\n:1\r\n:1\r\n:1\r\n");
	b->got.len = c->got.len = d->got.len = 0;
	free(payload);
}

static const struct conversation conversations[] = {
	{ "publish and subscribe", publish_and_subscribe },
	{ "second publisher", second_publisher },
	{ "pattern over forbidden", pattern_over_forbidden },
	{ "rights taken away", rights_taken_away },
	{ "drop", drop },
	{ "burst for who keeps up", burst_for_who_keeps_up },
	{ "drop beside a busy channel", drop_beside_a_busy_channel },
	{ "drop under other limits", drop_under_other_limits },
	{ "drop in order", drop_in_order },
	{ "drop large", drop_large },
	{ "missed before large", missed_before_large },
	{ "missed before full chunk", missed_before_full_chunk },
	{ "disconnect", disconnect },
	{ "disconnected by oneself", disconnected_by_oneself },
	{ "subscriptions of a user", subscriptions_of_a_user },
	{ "patterns of a user", patterns_of_a_user },
	{ "unfinished input of a user", unfinished_input_of_a_user },
	{ "waiting input of a user", waiting_input_of_a_user },
	{ "large messages of a user", large_messages_of_a_user },
	{ "large messages dropped", large_messages_dropped },
	{ "replies of a user", replies_of_a_user },
	{ "replies of a transaction", replies_of_a_transaction },
	{ "patterns remembered", patterns_remembered },
	{ "clients of a user", clients_of_a_user },
	{ "queued bytes of a user", queued_bytes_of_a_user },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
