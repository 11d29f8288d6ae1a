/* Conversations about what operators ask: the counters of clients and channels, and reloads. */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

#define SUBSCRIBED(channel) "*3\r\n$9\r\nsubscribe\r\n$1\r\n" channel "\r\n:1\r\n"

static struct access_rules rules = STAILQ_HEAD_INITIALIZER(rules);

/* What it gets is of no interest. */
static void
say(struct peer *peer, const char *text)
{
	peer_say(peer, text);
	hub_settle(peer->hub);
	peer->got.len = 0;
}

static struct peer *
user_new(struct hub *hub, pid_t pid, uid_t uid)
{
	return peer_new_as(hub, &(struct identity){ .pid = pid, .uid = uid, .gid = uid });
}

static void
publish(struct peer *peer, const char *channel, size_t len)
{
	uint8_t *payload = make_payload(len);

	peer_publish(peer, channel, (struct slice){ payload, len });
	hub_settle(peer->hub);
	free(payload);
}

struct figures {
	const char *name;
	int shard, receivers, pattern_receivers, messages, deliveries, dropped, clogged, queued, waiting;
};

static void
put_figure(struct buf *b, const char *name, int value)
{
	put_bulk(b, slice_of(name));
	assert_int_equal(buf_printf(b, ":%d\r\n", value), 0);
}

/* UDSD CHANNELS with the pattern finds just this channel; name NULL: none. */
static void
expect_channel(struct peer *peer, const char *pattern, const struct figures *f)
{
	struct buf expected = { 0 };
	char text[100];

	snprintf(text, sizeof(text), "UDSD CHANNELS %s\r\n", pattern);
	say(peer, "");
	peer_say(peer, text);
	hub_settle(peer->hub);
	put_text(&expected,
	         f->name ? (client_is_resp3(&peer->session.client) ? "*1\r\n%12\r\n" : "*1\r\n*24\r\n") : "*0\r\n");
	if (f->name) {
		put_bulk(&expected, slice_of("name"));
		put_bulk(&expected, slice_of(f->name));
		put_figure(&expected, "shard", f->shard);
		put_figure(&expected, "receivers", f->receivers);
		put_figure(&expected, "pattern-receivers", f->pattern_receivers);
		put_figure(&expected, "messages", f->messages);
		put_figure(&expected, "deliveries", f->deliveries);
		put_figure(&expected, "dropped", f->dropped);
		put_figure(&expected, "clogged", f->clogged);
		put_figure(&expected, "queued", f->queued);
		put_figure(&expected, "waiting", f->waiting);
		put_figure(&expected, "stored", 0);
		put_figure(&expected, "replaying", 0);
	}
	peer_expect_buf(peer, &expected);
}

static void
channels(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *c = peer_new(hub, 3);

	peer_ask(a, "UDSD CHANNELS\r\n", "*0\r\n");
	say(b, "SUBSCRIBE x\r\n");
	expect_channel(a, "x", &(struct figures){ "x", .receivers = 1 });
	say(a, "PUBLISH x 1\r\nPUBLISH x 2\r\nPUBLISH x 3\r\n");
	expect_channel(a, "*", &(struct figures){ "x", .receivers = 1, .messages = 3, .deliveries = 3 });
	say(c, "HELLO 3\r\nPSUBSCRIBE x* ?\r\n");
	say(a, "PUBLISH x 4\r\n");
	publish(a, "x", 20000); /* is not part of a batch */
	expect_channel(
	    c, "x",
	    &(struct figures){ "x", .receivers = 1, .pattern_receivers = 2, .messages = 5, .deliveries = 3 + 2 * 3 });
	/* A channel that only a pattern covers is kept for a while. */
	say(a, "PUBLISH xy 1\r\nMULTI\r\nPUBLISH xy 2\r\nPUBLISH xy 3\r\nEXEC\r\n");
	expect_channel(a, "xy", &(struct figures){ "xy", .pattern_receivers = 1, .messages = 3, .deliveries = 3 });
	expect_channel(a, "nothing*", &(struct figures){ 0 });
	say(b, "RESET\r\nSSUBSCRIBE s\r\n");
	say(a, "SPUBLISH s 1\r\n");
	expect_channel(a, "s", &(struct figures){ "s", .shard = 1, .receivers = 1, .messages = 1, .deliveries = 1 });
	peer_ask(a, "UDSD CHANNELS a b\r\n", "-ERR UDSD CHANNELS takes one pattern\r\n");
	say(c, "");
	assert_int_equal(a->session.client.published, 3 + 2 + 3 + 1);
	assert_int_equal(a->session.client.delivered, 0);
	assert_int_equal(b->session.client.delivered, 5 + 1);
	assert_int_equal(c->session.client.delivered, 2 * 2 + 3);
}

static void
published_to_nobody(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = user_new(hub, 2, 1001);

	peer_ask(a, "PUBLISH x 1\r\n", ":0\r\n");
	expect_channel(a, "x", &(struct figures){ 0 });
	rules_add(&rules, "x", "uid:5", "uid:5", SLOW_WAIT);
	bus_set_rules(&hub->bus, &rules);
	say(b, "PSUBSCRIBE *\r\n"); /* covers what it may not read */
	say(user_new(hub, 3, 5), "PUBLISH x 1\r\n");
	expect_channel(a, "x", &(struct figures){ "x", .messages = 1 });
	assert_int_equal(a->session.client.published, 1);
	hub_drop_rules(hub, &rules);
}

/* Who may neither publish to a channel nor receive it does not see it; who may one of both does. */
static void
channels_of_others(struct hub *hub)
{
	struct peer *root = peer_new(hub, 1), *u = user_new(hub, 2, 1000), *v = user_new(hub, 3, 1001);
	struct access_rule *reads;
	char bad[64];

	rules_add(&rules, "x", "uid:1000", "uid:1000", SLOW_WAIT);
	rules_add(&rules, "y", "uid:1000", "uid:1000", SLOW_WAIT);
	reads = STAILQ_NEXT(STAILQ_FIRST(&rules), link);
	access_list_deinit(&reads->subscribe);
	assert_int_equal(access_list_parse("uid:1000, uid:1001", &reads->subscribe, bad, sizeof(bad)), 0);
	bus_set_rules(&hub->bus, &rules);
	say(user_new(hub, 4, 1000), "SUBSCRIBE x\r\n");
	say(user_new(hub, 4, 1000), "SUBSCRIBE y\r\n");
	expect_channel(u, "x", &(struct figures){ "x", .receivers = 1 });
	expect_channel(v, "x", &(struct figures){ 0 });
	expect_channel(v, "y", &(struct figures){ "y", .receivers = 1 });
	expect_channel(v, "*", &(struct figures){ "y", .receivers = 1 });
	expect_channel(peer_new(hub, 0), "*", &(struct figures){ 0 });
	expect_channel(root, "x", &(struct figures){ "x", .receivers = 1 });
	hub_drop_rules(hub, &rules);
}

static void
channels_that_are_held_up(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *c = peer_new(hub, 3), *d = peer_new(hub, 4);
	int queued;

	hub->bus.flow.limits.queue_limit = 10000;
	say(b, "SUBSCRIBE x\r\n");
	peer_set_full(b, true);
	publish(a, "x", 20000);
	queued = (int)b->session.client.out.bytes;
	assert_in_range(queued, 20000, 21000);
	expect_channel(d, "*",
	               &(struct figures){ "x", .receivers = 1, .messages = 1, .deliveries = 1, .clogged = 1,
	                                  .queued = queued, .waiting = 1 });
	peer_say(c, "PUBLISH x 1\r\n"); /* waits with its command, not with its answer */
	hub_settle(hub);
	expect_channel(d, "*",
	               &(struct figures){ "x", .receivers = 1, .messages = 1, .deliveries = 1, .clogged = 1,
	                                  .queued = queued, .waiting = 2 });
	peer_set_full(b, false);
	hub_settle(hub);
	expect_channel(d, "*", &(struct figures){ "x", .receivers = 1, .messages = 2, .deliveries = 2 });
	say(c, "UDSD WAITRECEIVER ON\r\nPUBLISH y 1\r\n");
	expect_channel(d, "y", &(struct figures){ "y", .waiting = 1 });
	say(b, "");
	say(a, "");
}

static void
channels_that_drop(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *c = peer_new(hub, 3);

	rules_add(&rules, "x", NULL, NULL, SLOW_DROP);
	bus_set_rules(&hub->bus, &rules);
	hub->bus.flow.limits.queue_limit = 10000;
	say(b, "SUBSCRIBE x\r\n");
	say(c, "SUBSCRIBE x\r\n");
	peer_set_full(b, true);
	for (int i = 0; i < 6; i++)
		publish(a, "x", 3000);
	peer_set_full(b, false);
	hub_settle(hub);
	expect_channel(a, "x",
	               &(struct figures){ "x", .receivers = 2, .messages = 6, .deliveries = 4 + 6, .dropped = 2 });
	assert_int_equal(b->session.client.delivered, 4);
	assert_int_equal(c->session.client.delivered, 6);
	say(b, "");
	say(c, "");
	hub_drop_rules(hub, &rules);
}

static void
client_list(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	char text[100];

	hub->bus.flow.limits.queue_limit = 10000;
	say(b, "SUBSCRIBE x\r\n");
	say(a, "PUBLISH x 1\r\nPUBLISH nobody 2\r\n");
	peer_set_full(b, true);
	publish(peer_new(hub, 3), "x", 20000);
	snprintf(text, sizeof(text), "UDSD CLIENTS ID %d %d\r\n", (int)a->session.client.id, (int)b->session.client.id);
	peer_say(a, text);
	hub_settle(hub);
	assert_int_equal(buf_append(&a->got, "", 1), 0);
	assert_non_null(
	    strstr((char *)a->got.data,
	           " pid=1 published=2 delivered=0 clogged=0 mode= udsd-sub=0 replaying=0 channels= patterns=\n"));
	assert_non_null(
	    strstr((char *)a->got.data,
	           " pid=2 published=0 delivered=2 clogged=1 mode= udsd-sub=0 replaying=0 channels=x patterns=\n"));
	say(a, "");
	say(b, "");
}

/* The reply lists these clients, up to one that is NULL, and no other. */
static void
expect_listed(struct hub *hub, struct peer *p, const char *command, const struct peer *first, const struct peer *second)
{
	const struct peer *wanted[] = { first, second };
	const char *at;
	char id[32];

	peer_say(p, command);
	hub_settle(hub);
	assert_int_equal(buf_append(&p->got, "", 1), 0);
	at = (const char *)p->got.data;
	for (size_t i = 0; i < 2 && wanted[i]; i++) {
		snprintf(id, sizeof(id), "\nid=%d ", (int)wanted[i]->session.client.id);
		at = strstr(at, id);
		assert_non_null(at);
		at = strchr(at + 1, '\n');
		assert_non_null(at);
	}
	assert_null(strstr(at, "\nid="));
	p->got.len = 0;
}

static void
client_list_of_channel(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *c = peer_new(hub, 3), *u = user_new(hub, 4, 1000);

	say(b, "SUBSCRIBE x\r\n");
	say(c, "PSUBSCRIBE x* ?\r\n");
	expect_listed(hub, a, "UDSD CLIENTS CHANNEL x\r\n", b, c); /* c once, though it gets it twice */
	expect_listed(hub, a, "UDSD CLIENTS CHANNEL xy\r\n", c, NULL);
	expect_listed(hub, a, "UDSD CLIENTS CHANNEL none\r\n", NULL, NULL);
	expect_listed(hub, u, "UDSD CLIENTS CHANNEL x\r\n", NULL, NULL); /* clients of others */
	peer_ask(a, "CLIENT LIST CHANNEL x\r\n", "-ERR syntax error\r\n");
	say(b, "UNSUBSCRIBE x\r\n");
	expect_listed(hub, a, "UDSD CLIENTS CHANNEL x\r\n", c, NULL);
	say(b, "");
	say(c, "");
}

/* What the server does at the end of the pass. */
static void
reload(struct hub *hub, const char *mistakes)
{
	struct client *c;

	buf_deinit(&hub->sessions.reload_mistakes);
	hub->sessions.reload_failed = mistakes != NULL;
	if (mistakes)
		assert_int_equal(buf_printf(&hub->sessions.reload_mistakes, "%s", mistakes), 0);
	while ((c = TAILQ_FIRST(&hub->sessions.reloading))) {
		session_of(c)->has_reloaded = true;
		flow_resume(&hub->bus.flow, c);
	}
	hub_settle(hub);
}

static void
reloads(struct hub *hub)
{
	struct peer *a = peer_new(hub, 1), *b = peer_new(hub, 2), *u = user_new(hub, 3, 1000);

	peer_ask(u, "UDSD RELOAD\r\n",
	         "-NOPERM uid 1000 has no permissions to run the 'udsd|reload' command: administrators only\r\n");
	peer_ask(a, "MULTI\r\nUDSD RELOAD\r\nDISCARD\r\n",
	         "+OK\r\n-ERR Command not allowed inside a transaction\r\n+OK\r\n");
	assert_true(TAILQ_EMPTY(&hub->sessions.reloading));
	peer_ask(a, "UDSD RELOAD\r\nPING\r\nUDSD RELOAD\r\n", "");
	peer_ask(b, "UDSD RELOAD\r\n", "");
	reload(hub, NULL);
	peer_expect_text(a, "+OK\r\n+PONG\r\n"); /* and asks again */
	peer_expect_text(b, "+OK\r\n");
	reload(hub, "/conf:3: one\n");
	peer_expect_text(a, "-ERR the configuration was not reloaded: /conf:3: one\r\n");
	peer_ask(b, "UDSD RELOAD\r\n", "");
	reload(hub, "/conf:3: one\n/conf:4: two\n/conf:5: three\n");
	peer_expect_text(b, "-ERR the configuration was not reloaded: /conf:3: one (and 2 more, see the log)\r\n");
	peer_ask(b, "UDSD RELOAD\r\n", "");
	peer_break(b); /* goes away while it waits */
	hub_settle(hub);
	assert_true(TAILQ_EMPTY(&hub->sessions.reloading));
}

/* The peer got just one notice, that ends so. */
static void
expect_notice(struct peer *peer, const char *end)
{
	static const char start[] = "3\r\n$7\r\nmessage\r\n$18\r\n__udsd__:published\r\n$";
	size_t len = strlen(end);

	assert_true(peer->got.len > len + sizeof(start));
	assert_int_equal(peer->got.data[0], peer->session.client.encoding == ENCODING_RESP3 ? '>' : '*');
	assert_memory_equal(peer->got.data + 1, start, sizeof(start) - 1);
	assert_non_null(memmem(peer->got.data, 100, "\r\ntime=", 7));
	assert_memory_equal(peer->got.data + peer->got.len - len, end, len);
	assert_null(memmem(peer->got.data + 10, peer->got.len - 10, "message", 7));
	peer->got.len = 0;
}

static void
taps(struct hub *hub)
{
	struct peer *m = peer_new(hub, 10), *n = peer_new(hub, 11), *a = user_new(hub, 1, 1000), *b = peer_new(hub, 0);

	peer_ask(a, "UDSD MONITOR\r\n",
	         "-NOPERM uid 1000 has no permissions to run the 'udsd|monitor' command: administrators only\r\n");
	peer_ask(m, "UDSD MONITOR x y\r\n", "-ERR UDSD MONITOR takes one pattern\r\n");
	peer_ask(m, "UDSD MONITOR\r\n", "+OK\r\n");
	say(n, "HELLO 3\r\nUDSD MONITOR x*\r\n");
	say(b, "SUBSCRIBE x\r\n");
	peer_ask(a, "PUBLISH x \"hello \\r\\n\"\r\n", ":1\r\n");
	expect_notice(m, " id=3 uid=1000 pid=1 cmd=publish receivers=1 channel=1 payload=8\nx\nhello \r\n\r\n");
	expect_notice(n, " id=3 uid=1000 pid=1 cmd=publish receivers=1 channel=1 payload=8\nx\nhello \r\n\r\n");
	say(b, "RESET\r\nSPUBLISH y 1\r\n");
	expect_notice(m, " id=4 uid=-1 pid=0 cmd=spublish receivers=0 channel=1 payload=1\ny\n1\r\n");
	peer_expect_text(n, "");                      /* its pattern does not match */
	peer_ask(n, "UDSD MONITOR y\r\n", "+OK\r\n"); /* takes the place of the first */
	peer_ask(a, "MULTI\r\nPUBLISH x 2\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
	expect_notice(m, " cmd=publish receivers=0 channel=1 payload=1\nx\n2\r\n");
	peer_expect_text(n, "");
	peer_ask(m, "RESET\r\n", "+RESET\r\n");
	assert_int_equal(hub->bus.taps.n, 1);
	publish(a, "y", 40000); /* is not shown whole */
	assert_in_range(n->got.len, 16384, 16384 + 200);
	assert_non_null(memmem(n->got.data, 200, " payload=40000\ny\n", 17));
	say(n, ""); /* and goes away as one */
	say(a, "");
}

/* Its own messages are told after the reply of EXEC, not in the middle of it. */
static void
tap_that_publishes(struct hub *hub)
{
	struct peer *m = peer_new(hub, 10);

	say(m, "UDSD MONITOR\r\nMULTI\r\nPUBLISH x 2\r\nPING\r\n");
	peer_say(m, "EXEC\r\n");
	hub_settle(hub);
	assert_memory_equal(m->got.data, "*2\r\n:0\r\n+PONG\r\n*", 16);
	buf_consume(&m->got, 15);
	expect_notice(m, " cmd=publish receivers=0 channel=1 payload=1\nx\n2\r\n");
}

/* A tap that does not keep up misses notices, and is told how many; publishers do not wait for it. */
static void
tap_that_is_full(struct hub *hub)
{
	struct peer *m = peer_new(hub, 10), *a = peer_new(hub, 1), *b = peer_new(hub, 2);
	static const char told[] = "$15\r\n__udsd__:missed\r\n$21\r\n15 __udsd__:published\r\n";

	hub->bus.flow.limits.queue_limit = 20000;
	say(m, "UDSD MONITOR\r\n");
	say(b, "SUBSCRIBE x\r\n");
	peer_set_full(m, true);
	for (int i = 0; i < 20; i++) {
		publish(a, "x", 4000);
		peer_expect_text(a, ":1\r\n");
	}
	assert_true(m->session.client.clogged);
	assert_int_equal(hub->bus.flow.stats.dropped, 0); /* no message was */
	peer_set_full(m, false);
	hub_settle(hub);
	assert_false(m->is_closed);
	assert_non_null(memmem(m->got.data, m->got.len, told, sizeof(told) - 1));
	m->got.len = 0;
	peer_ask(a, "PUBLISH x 1\r\n", ":1\r\n");
	expect_notice(m, "x\n1\r\n");
	say(b, "");
}

/* A reload may end the state of being clogged just before EXEC: the report must not stand between EXEC's replies. */
static void
tap_that_missed_and_publishes(struct hub *hub)
{
	struct peer *m = peer_new(hub, 10), *a = peer_new(hub, 1);
	struct limits limits = hub->bus.flow.limits;
	static const char told[] = "$15\r\n__udsd__:missed\r\n$20\r\n1 __udsd__:published\r\n";
	static const char replies[] = "*2\r\n:0\r\n+PONG\r\n";
	uint8_t *payload = make_payload(30000);

	say(m, "UDSD MONITOR\r\n");
	hub->bus.flow.limits.queue_limit = 20000;
	peer_set_full(m, true);
	peer_send_command(m, (struct slice[]){ slice_of("ECHO"), { payload, 30000 } }, 2);
	peer_say(m, "MULTI\r\nPUBLISH x 2\r\nPING\r\nEXEC\r\n");
	hub_settle(hub);
	assert_true(m->session.client.clogged);
	peer_ask(a, "PUBLISH x 1\r\n", ":0\r\n");
	assert_true(m->session.client.has_missed);
	bus_set_limits(&hub->bus, &limits);
	assert_false(m->session.client.clogged);
	hub_settle(hub);
	peer_set_full(m, false);
	hub_settle(hub);
	assert_non_null(memmem(m->got.data, m->got.len, told, sizeof(told) - 1));
	assert_non_null(memmem(m->got.data, m->got.len, replies, sizeof(replies) - 1));
	m->got.len = 0;
	free(payload);
}

/* A tap that is full copies its notices, so nobody but the others holds what is encoded for them. */
static void
taps_with_full_ones(struct hub *hub)
{
	enum { LEN = 1000, N = 100 };
	struct peer *full = peer_new(hub, 10), *other = peer_new(hub, 11), *m = peer_new(hub, 12),
		    *a = peer_new(hub, 1);
	const struct chunk *chunk;
	uint8_t *payload = make_payload(LEN);
	size_t room = 0, n = 0;

	say(full, "UDSD MONITOR\r\n");
	say(other, "HELLO 3\r\nUDSD MONITOR\r\n");
	say(m, "UDSD MONITOR\r\n");
	say(a, "CLIENT REPLY OFF\r\n");
	peer_set_full(full, true);
	do { /* until the next notice fits the chunk in one encoding, and not in the other as well */
		publish(a, "x", LEN);
		n++;
		chunk = hub->bus.flow.unicast.chunk;
		room = chunk->cap - chunk->len;
	} while (room < LEN + 300 || room > 2 * LEN);
	for (int i = 0; i < N; i++, n++)
		peer_publish(a, "x", (struct slice){ payload, LEN });
	hub_settle(hub);
	for (const uint8_t *p = m->got.data, *end = p + m->got.len; n > 0; n--) {
		assert_memory_equal(p, "*3\r\n$7\r\nmessage\r\n", 17);
		p = memmem(p, (size_t)(end - p), payload, LEN);
		assert_non_null(p);
		p += LEN + 2;
		assert_true(n > 1 || p == end);
	}
	free(payload);
	say(m, "");
	say(other, "");
}

static void
taps_of_who_was_administrator(struct hub *hub)
{
	struct peer *m[] = { user_new(hub, 10, 1000), user_new(hub, 11, 1000), user_new(hub, 12, 1001) };
	struct access_list admins, fewer;
	char bad[64];

	assert_int_equal(access_list_parse("uid:1000, uid:1001", &admins, bad, sizeof(bad)), 0);
	assert_int_equal(access_list_parse("uid:1001", &fewer, bad, sizeof(bad)), 0);
	hub->bus.access.admins = &admins;
	for (int i = 0; i < 3; i++)
		peer_ask(m[i], "UDSD MONITOR\r\n", "+OK\r\n");
	hub->bus.access.admins = &fewer;
	sessions_check_rights(&hub->bus);
	hub_settle(hub);
	assert_true(m[0]->is_closed && m[1]->is_closed && !m[2]->is_closed);
	hub->bus.access.admins = NULL;
	access_list_deinit(&admins);
	access_list_deinit(&fewer);
}

static const struct conversation conversations[] = {
	{ "channels", channels },
	{ "published to nobody", published_to_nobody },
	{ "channels of others", channels_of_others },
	{ "channels that are held up", channels_that_are_held_up },
	{ "channels that drop", channels_that_drop },
	{ "client list", client_list },
	{ "client list of a channel", client_list_of_channel },
	{ "reloads", reloads },
	{ "taps", taps },
	{ "tap that publishes", tap_that_publishes },
	{ "tap that is full", tap_that_is_full },
	{ "tap that missed and publishes", tap_that_missed_and_publishes },
	{ "taps with full ones", taps_with_full_ones },
	{ "taps of who was administrator", taps_of_who_was_administrator },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
