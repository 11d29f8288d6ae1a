/* What others feel of work that takes several passes: who goes first, who has to wait, and for how long at most. */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#include "pass.h"

static struct peer *
peer_of_user(struct hub *hub, uid_t uid, pid_t pid)
{
	return peer_new_as(hub, &(struct identity){ .pid = pid, .uid = uid });
}

static void
forget_output(struct hub *hub)
{
	struct peer *peer;

	TAILQ_FOREACH(peer, &hub->peers, link)
		peer->got.len = 0;
}

/* The channels c00000, c00001 and so on. */
static void
subscribe_many(struct peer *peer, size_t n)
{
	char text[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "SUBSCRIBE c%05zu\r\n", i);
		peer_say(peer, text);
	}
	hub_settle(peer->hub);
	forget_output(peer->hub);
}

/* Sends n commands of a transaction, which alternate between two, and then EXEC. Passes until that is under way. */
static void
begin_exec(struct peer *e, size_t n, const char *one, const char *other)
{
	struct hub *hub = e->hub;

	peer_say(e, "MULTI\r\n");
	for (size_t i = 0; i < n; i++)
		peer_say(e, i % 2 ? one : other);
	hub_settle(hub);
	e->got.len = 0;
	peer_say(e, "EXEC\r\n");
	while (e->sent_at < e->sent.len)
		hub_read(e);
	for (int i = 0; !hub->bus.flow.executing; i++) {
		assert_true(i < 20);
		hub_end_pass(hub);
	}
}

/* A reload lowers the limit of memory while EXEC is paused: EXEC is done all the same, and then the others go on. */
static void
limits_change_during_exec(struct hub *hub)
{
	struct limits limits = hub->bus.flow.limits;
	struct peer *e, *r, *other;

	if (hub->reading != HUB_WHOLE)
		return;
	e = peer_new(hub, 1);
	r = peer_new(hub, 2);
	other = peer_new(hub, 3);
	peer_say(r, "SUBSCRIBE x y\r\n");
	begin_exec(e, 30000, "PUBLISH x 1\r\n", "PUBLISH y 1\r\n");
	limits.queue_limit_per_uid = (uint64_t)1024 * 1024;
	bus_set_limits(&hub->bus, &limits);
	peer_say(other, "PUBLISH x 2\r\n");
	hub_settle(hub);
	assert_null(hub->bus.flow.executing);
	peer_expect_text(other, ":1\r\n");
	assert_null(memmem(e->got.data, e->got.len, "EXECABORT", 9));
	forget_output(hub);
}

/* A client that misses messages during its own EXEC hears of that behind the replies. */
static void
misses_during_own_exec(struct hub *hub)
{
	struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);
	struct limits limits = hub->bus.flow.limits, small = limits;
	const uint8_t *report;
	struct peer *e;

	if (hub->reading != HUB_WHOLE)
		return;
	rules_add(&rules, "d", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	small.queue_limit = 16 * 1024;
	e = peer_new(hub, 1);
	peer_say(e, "HELLO 3\r\nSUBSCRIBE d " PROTOCOL_MISSED "\r\n");
	hub_settle(hub);
	bus_set_limits(&hub->bus, &small);
	begin_exec(e, 100000, "PUBLISH d 1\r\n", "PUBLISH d 1\r\n");
	for (int i = 0; !e->session.client.has_missed; i++) {
		assert_true(i < 20);
		hub_end_pass(hub);
	}
	assert_non_null(hub->bus.flow.executing);
	bus_set_limits(&hub->bus, &limits);
	hub_end_pass(hub);
	hub_settle(hub);
	report = memmem(e->got.data, e->got.len, PROTOCOL_MISSED, strlen(PROTOCOL_MISSED));
	assert_non_null(report);
	assert_null(memmem(report, (size_t)(e->got.data + e->got.len - report), "\r\n:", 3));
	forget_output(hub);
	hub_drop_rules(hub, &rules);
}

/* Whoever has an EXEC under way goes first, however many other clients its user has: everybody waits for it. */
static void
exec_goes_first(struct hub *hub)
{
	struct peer *e, *r, *other;
	struct peer *busy[200];
	int passes = 0;

	if (hub->reading != HUB_WHOLE)
		return;
	e = peer_of_user(hub, 1000, 1);
	r = peer_of_user(hub, 2000, 2);
	other = peer_of_user(hub, 2000, 3);
	peer_say(r, "SUBSCRIBE x y\r\n");
	begin_exec(e, 30000, "PUBLISH x 1\r\n", "PUBLISH y 1\r\n");
	for (int i = 0; i < 200; i++) {
		busy[i] = peer_of_user(hub, 1000, 100 + i);
		for (int k = 0; k < 40000; k++)
			peer_say(busy[i], "PING\r\n");
		e->session.client.user->credit = (int64_t)WORK_USER;
		assert_true(hub_read(busy[i]));
	}
	peer_say(other, "PUBLISH x 2\r\n");
	for (; hub->bus.flow.executing; passes++) {
		hub_read(other);
		hub_end_pass(hub);
	}
	assert_true(passes < 40);
	hub_settle(hub);
	forget_output(hub);
}

/* A client that sends one EXEC after another lets others go on in between. */
static void
execs_in_a_row(struct hub *hub)
{
	struct peer *e, *r, *other;
	int passes = 0;

	if (hub->reading != HUB_WHOLE)
		return;
	r = peer_new(hub, 2);
	subscribe_many(r, 9900);
	e = peer_of_user(hub, 1000, 1);
	other = peer_of_user(hub, 2000, 3);
	for (int i = 0; i < 30; i++) {
		peer_say(e, "MULTI\r\n");
		for (int k = 0; k < 9; k++)
			peer_say(e, "PUBSUB CHANNELS\r\n");
		peer_say(e, "EXEC\r\n");
	}
	while (!hub->bus.flow.executing)
		assert_true(hub_read(e));
	peer_say(other, "PUBLISH x 2\r\n");
	for (; other->got.len == 0; passes++) {
		hub_read(other);
		hub_end_pass(hub);
	}
	assert_true(passes < 10);
	hub_settle(hub);
	forget_output(hub);
}

/* Whoever is ready goes on, although what comes from sockets alone fills every pass. */
static void
sockets_fill_every_pass(struct hub *hub)
{
	struct peer *busy[40], *r, *victim;
	struct flow *flow = &hub->bus.flow;

	if (hub->reading != HUB_WHOLE)
		return;
	r = peer_new(hub, 2);
	subscribe_many(r, 9900);
	victim = peer_of_user(hub, 3000, 3);
	for (uid_t i = 0; i < 40; i++)
		busy[i] = peer_of_user(hub, 1000 + i / 5, 100);
	peer_say(victim, "PUBSUB CHANNELS c*[0-9]?[0-9]?[0-9]\r\n");
	hub_read(victim);
	assert_true(victim->session.has_job);
	for (int i = 0; victim->got.len == 0; i++) {
		assert_true(i < 100);
		for (int k = 0; k < 40 && !flow_is_pass_full(flow); k++) {
			for (int n = 0; n < 4500; n++)
				peer_say(busy[k], "PING\r\n");
			hub_read(busy[k]);
		}
		hub_end_pass(hub);
		for (int k = 0; k < 40; k++)
			busy[k]->got.len = 0;
	}
	hub_settle(hub);
	forget_output(hub);
}

/* Ending all subscriptions of one kind among very many of another makes progress in every turn. */
static void
unsubscribe_among_many(struct hub *hub)
{
	struct peer *peer;

	if (hub->reading != HUB_WHOLE)
		return;
	hub->bus.flow.limits.max_subscriptions = 100000;
	peer = peer_new(hub, 1);
	peer_say(peer, "PSUBSCRIBE a* b*\r\n");
	subscribe_many(peer, 60000);
	peer_say(peer, "PUNSUBSCRIBE\r\n");
	for (int i = 0; peer->session.client.n_patterns > 0; i++) {
		assert_true(i < 100);
		hub_read(peer);
		hub_end_pass(hub);
	}
	hub_settle(hub);
	forget_output(hub);
}

/* A long SUBSCRIBE keeps to rules that come while it is under way. */
static void
rules_change_during_subscribe(struct hub *hub)
{
	struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);
	const struct channel *channel;
	struct peer *peer;
	char text[64];

	if (hub->reading != HUB_WHOLE)
		return;
	peer = peer_new(hub, 1);
	peer_say(peer, "*8002\r\n$9\r\nSUBSCRIBE\r\n");
	for (size_t i = 0; i < 8000; i++) {
		snprintf(text, sizeof(text), "$6\r\nc%05zu\r\n", i);
		peer_say(peer, text);
	}
	peer_say(peer, "$6\r\nsecret\r\n");
	hub_read(peer);
	assert_true(peer->session.has_job);
	rules_add(&rules, "secret", NULL, "uid:4242", SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	hub_settle(hub);
	channel = channels_find(&hub->bus.subscriptions.channels, slice_of("secret"), false);
	assert_true(!channel || channel->receivers.n == 0);
	assert_non_null(memmem(peer->got.data, peer->got.len, "NOPERM", 6));
	forget_output(hub);
	hub_drop_rules(hub, &rules);
}

/* Clients are closed although there are always receivers that have to be written to. */
static void
always_receivers(struct hub *hub)
{
	struct peer *p, *gone;

	if (hub->reading != HUB_WHOLE)
		return;
	p = peer_new(hub, 1);
	gone = peer_new(hub, 2);
	for (int i = 0; i < 3000; i++)
		peer_say(peer_new(hub, 100 + i), "SUBSCRIBE x\r\n");
	hub_settle(hub);
	peer_say(p, "PUBLISH x 1\r\n");
	hub_read(p);
	hub_end_pass(hub);
	bus_kill(&hub->bus, &gone->session.client);
	for (int i = 0; !gone->is_closed; i++) {
		assert_true(i < 50);
		peer_say(p, "PUBLISH x 1\r\n");
		hub_read(p);
		hub_end_pass(hub);
	}
	hub_settle(hub);
	forget_output(hub);
	for (int i = 0; i < 100 && hub->bus.flow.stats.clients > 0; i++) {
		struct peer *peer;

		TAILQ_FOREACH(peer, &hub->peers, link)
			if (!peer->is_closed)
				bus_kill(&hub->bus, &peer->session.client);
		hub_end_pass(hub);
	}
}

/* EXEC waits for receivers of all its channels, also of those that it has looked at in an earlier turn. */
static void
receiver_goes_during_check(struct hub *hub)
{
	struct peer *e, *x, *y;

	if (hub->reading != HUB_WHOLE)
		return;
	e = peer_new(hub, 1);
	x = peer_new(hub, 2);
	y = peer_new(hub, 3);
	peer_say(x, "SUBSCRIBE x\r\n");
	peer_say(y, "SUBSCRIBE y\r\n");
	peer_say(e, "UDSD WAITRECEIVER ON\r\nMULTI\r\nPUBLISH x 1\r\n");
	for (int i = 0; i < 9000; i++)
		peer_say(e, "PUBLISH y 1\r\n");
	hub_settle(hub);
	forget_output(hub);
	peer_say(e, "EXEC\r\n");
	hub_read(e);
	assert_true(e->session.has_job && !hub->bus.flow.executing);
	peer_say(x, "UNSUBSCRIBE\r\n");
	hub_read(x);
	hub_settle(hub);
	assert_int_equal(e->session.client.state, CLIENT_WAITING);
	peer_expect_text(e, "");
	peer_say(x, "SUBSCRIBE x\r\n");
	hub_settle(hub);
	assert_int_equal(strncmp((const char *)e->got.data, "*9001\r\n:1\r\n:1\r\n", 15), 0);
	forget_output(hub);
}

/* The clients of one user make their lists in the order in which they have asked. */
static void
lists_in_order(struct hub *hub)
{
	struct peer *a, *b, *r;
	int passes = 0;

	if (hub->reading != HUB_WHOLE)
		return;
	r = peer_new(hub, 2);
	subscribe_many(r, 9900);
	a = peer_of_user(hub, 1000, 1);
	b = peer_of_user(hub, 1000, 3);
	for (int i = 0; i < 40; i++)
		peer_say(a, "PUBSUB CHANNELS c*[0-9]?[0-9]?[0-9]\r\n");
	peer_say(b, "PUBSUB CHANNELS c*[0-9]?[0-9]?[0-9]\r\n");
	hub_read(a);
	assert_true(a->session.has_job);
	for (; b->got.len == 0; passes++) {
		hub_read(b);
		hub_end_pass(hub);
	}
	assert_true(passes < 6);
	hub_settle(hub);
	forget_output(hub);
}

/* Nobody counts on a client that takes no more messages, although it takes long until its output is written. */
static void
closing_with_subscriptions(struct hub *hub)
{
	struct peer *p, *r;

	if (hub->reading != HUB_WHOLE)
		return;
	p = peer_new(hub, 1);
	r = peer_new(hub, 2);
	peer_say(r, "SUBSCRIBE x\r\n");
	subscribe_many(r, 3000);
	peer_set_full(r, true);
	peer_say(r, "PING\r\nQUIT\r\n");
	hub_settle(hub);
	assert_int_equal(r->session.client.state, CLIENT_CLOSING);
	peer_ask(p, "PUBLISH x 1\r\n", ":0\r\n");
	peer_set_full(r, false);
	hub_settle(hub);
	forget_output(hub);
}

static const struct conversation conversations[] = {
	{ "limits change during exec", limits_change_during_exec },
	{ "misses during own exec", misses_during_own_exec },
	{ "exec goes first", exec_goes_first },
	{ "execs in a row", execs_in_a_row },
	{ "sockets fill every pass", sockets_fill_every_pass },
	{ "unsubscribe among many", unsubscribe_among_many },
	{ "rules change during subscribe", rules_change_during_subscribe },
	{ "always receivers", always_receivers },
	{ "receiver goes during check", receiver_goes_during_check },
	{ "lists in order", lists_in_order },
	{ "closing with subscriptions", closing_with_subscriptions },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
