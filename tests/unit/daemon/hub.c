#include "hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command-table.h"
#include "leftover.h"
#include "lifetime.h"
#include "log.h"
#include "output.h"
#include "pass.h"
#include "requests.h"
#include "resp-encode.h"
#include "service-replies.h"

#define BUFFER_SIZE ((size_t)256 * 1024)
#define SMALL_BUFFER_SIZE ((size_t)100)
/* More passes than any test needs: beyond that, something creates work for itself forever. */
#define PASSES_MAX 20000000

static const char *const readings[] = {
	[HUB_WHOLE] = "whole",
	[HUB_BYTES] = "byte by byte",
	[HUB_SMALL] = "small buffer",
	[HUB_RANDOM] = "random reads",
};

static struct peer *
peer_of(struct session *s)
{
	return (struct peer *)s;
}

static void
note_bus(const struct hub *hub, bool begins)
{
	if (hub->on_bus)
		hub->on_bus(begins);
}

static void
make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* Moves up to max bytes from a socket to what the peer got. Returns how many. */
static size_t
drain(struct peer *peer, int fd, size_t max)
{
	static uint8_t bytes[65536];
	size_t total = 0;

	while (total < max) {
		size_t room = max - total < sizeof(bytes) ? max - total : sizeof(bytes);
		ssize_t n = recv(fd, bytes, room, MSG_DONTWAIT);

		if (n <= 0)
			break;
		assert_int_equal(buf_append(&peer->got, bytes, (size_t)n), 0);
		total += (size_t)n;
	}
	return total;
}

/* Writes as much as the peer takes. */
static enum outq_status
write_out(struct peer *peer, struct barrier **ret_barrier)
{
	struct session *s = &peer->session;
	int fd = peer->fds[0] >= 0 ? peer->fds[0] : peer->hub->fds[0];
	enum outq_status status;
	size_t written;

	if (peer->is_full)
		return OUTQ_FULL;
	note_bus(peer->hub, false);
	do {
		status = outq_write(&s->client.out, fd, SIZE_MAX, &written, ret_barrier);
		if (peer->fds[0] < 0)
			assert_int_equal(drain(peer, peer->hub->fds[1], SIZE_MAX), written);
	} while (status == OUTQ_FULL && peer->fds[0] < 0);
	if (peer->hub->on_written)
		peer->hub->on_written(peer);
	note_bus(peer->hub, true);
	return status;
}

static void
flush(struct client *c)
{
	struct session *s = session_of(c);
	struct peer *peer = peer_of(s);
	struct bus *bus = &peer->hub->bus;
	struct barrier *barrier = NULL;
	enum outq_status status;
	size_t before;

	if (s->client.state == CLIENT_DEAD) {
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_IDLE);
		return;
	}
	before = s->client.out.bytes;
	status = write_out(peer, &barrier);
	assert_int_not_equal(status, OUTQ_ERROR);
	output_flushed(&bus->flow, c, status, before - s->client.out.bytes, barrier);
}

static void
resume(struct client *c)
{
	struct session *s = session_of(c);
	struct peer *peer = peer_of(s);

	if (peer->plan)
		feed_resume(&peer->hub->bus, s, peer->plan);
	else
		requests_resume(&peer->hub->bus, s);
}

static void
close_peer(struct client *c)
{
	struct session *s = session_of(c);
	struct peer *peer = peer_of(s);

	if (peer->plan)
		feed_free(s->feed);
	else
		leftover_free(s->leftover);
	session_deinit(&peer->hub->bus, s);
	memset(s, 0xee, sizeof(*s)); /* so that stale references are noticed */
	peer->is_closed = true;
}

static const struct pass_ops ops = { .resume = resume, .flush = flush, .close = close_peer };

void
hub_init(struct hub *hub, enum hub_reading reading, uint64_t seed)
{
	struct limits limits = {
		.max_clients = 1000,
		.max_message = (uint64_t)16 * 1024 * 1024,
		.max_clients_per_uid = 1000,
		.max_subscriptions = 10000,
		.max_subscriptions_per_uid = 1000000,
		.max_patterns_per_uid = 1000000,
		.queue_limit = (uint64_t)64 * 1024 * 1024,
		.queue_limit_per_uid = (uint64_t)1024 * 1024 * 1024,
		.slow_timeout = 5000,
	};

	*hub = (struct hub){ .reading = reading, .seed = seed };
	TAILQ_INIT(&hub->peers);
	log_set_level(LOG_LEVEL_ERROR);
	prng_init(&hub->prng, seed);
	hub->buffer_size = reading == HUB_SMALL ? SMALL_BUFFER_SIZE : BUFFER_SIZE;
	hub->buffer = malloc(hub->buffer_size);
	assert_non_null(hub->buffer);
	make_pair(hub->fds);
	assert_int_equal(sessions_init(&hub->sessions, &limits, command_table), 0);
	services_set_ops(&hub->sessions.bus.services, &service_replies);
}

void
hub_make_wide(struct hub *hub)
{
	hub->bus.flow.work.wide = 0;
	hub->bus.flow.work.step = 1;
	hub->bus.subscriptions.channels.routing.members_generation++; /* what channels know of it does not hold */
}

void
hub_deinit(struct hub *hub)
{
	struct peer *peer;

	TAILQ_FOREACH(peer, &hub->peers, link)
		if (!peer->is_closed)
			bus_kill(&hub->bus, &peer->session.client);
	while (!TAILQ_EMPTY(&hub->bus.flow.dead))
		hub_end_pass(hub);
	while ((peer = TAILQ_FIRST(&hub->peers))) {
		assert_true(peer->is_closed);
		TAILQ_REMOVE(&hub->peers, peer, link);
		buf_deinit(&peer->sent);
		buf_deinit(&peer->got);
		if (peer->fds[0] >= 0)
			close(peer->fds[0]), close(peer->fds[1]);
		free(peer);
	}
	assert_int_equal(hub->bus.flow.n_waiting, 0);
	assert_int_equal(hub->bus.flow.n_clogged, 0);
	assert_int_equal(hub->bus.subscriptions.table.n, 0);
	assert_int_equal(hub->bus.flow.n_ready, 0);
	assert_true(TAILQ_EMPTY(&hub->bus.flow.throttled));
	assert_true(TAILQ_EMPTY(&hub->bus.flow.blocked));
	sessions_deinit(&hub->sessions);
	close(hub->fds[0]);
	close(hub->fds[1]);
	free(hub->buffer);
}

/* How many bytes the next read brings. */
static size_t
choose_length(struct hub *hub, size_t left)
{
	size_t n = hub->buffer_size;

	if (hub->reading == HUB_BYTES)
		n = 1;
	else if (hub->reading == HUB_RANDOM && prng_below(&hub->prng, 4) > 0)
		n = 1 + prng_below(&hub->prng, (size_t)1 << prng_below(&hub->prng, 18));
	return n < left ? n : left;
}

static bool
can_read(const struct peer *peer)
{
	const struct session *s = &peer->session;

	return !peer->is_closed && (peer->sent_at < peer->sent.len || peer->has_ended) &&
	       s->client.state == CLIENT_OPEN && !client_is_stalled(&s->client);
}

bool
hub_read(struct peer *peer)
{
	return can_read(peer) && hub_read_some(peer, choose_length(peer->hub, peer->sent.len - peer->sent_at));
}

/* hub_read_some() for a peer that does not speak RESP. */
static void
read_feed(struct peer *peer, size_t len)
{
	struct hub *hub = peer->hub;
	uint8_t *p = hub->buffer + hub->buffer_size - len;

	note_bus(hub, true);
	if (len == 0) {
		peer->has_ended = false;
		feed_ended(&hub->bus, &peer->session, peer->plan);
	} else {
		memcpy(p, peer->sent.data + peer->sent_at, len);
		peer->sent_at += len;
		feed_received(&hub->bus, &peer->session, peer->plan, p, len);
	}
	note_bus(hub, false);
	memset(p, 0xee, len);
}

static void
read_in_turn(struct peer *peer, size_t max)
{
	struct hub *hub = peer->hub;
	struct session *s = &peer->session;
	const uint8_t *from = peer->sent.data + peer->sent_at;
	size_t left = peer->sent.len - peer->sent_at, len = max < left ? max : left, first, taken;
	struct iovec iov[2];
	uint8_t *end = hub->buffer + hub->buffer_size;
	int n;

	if (len > hub->buffer_size)
		len = hub->buffer_size;
	if (peer->plan) {
		read_feed(peer, len);
		return;
	}
	/* At the very end of the buffer, so that reading beyond the input is detected. */
	note_bus(hub, true);
	n = requests_room(s, end - len, len, iov);
	if (n < 0)
		flow_out_of_memory(&hub->bus.flow, &s->client);
	note_bus(hub, false);
	if (n < 0)
		return;
	assert_in_range(n, 1, 2);
	taken = iov[0].iov_len + (n == 2 ? iov[1].iov_len : 0);
	taken = taken < len ? taken : len;
	assert_true(taken > 0);
	first = taken < iov[0].iov_len ? taken : iov[0].iov_len;
	memcpy(iov[0].iov_base, from, first);
	if (taken > first)
		memcpy(iov[1].iov_base, from + first, taken - first);
	peer->sent_at += taken;
	note_bus(hub, true);
	if (requests_received(&hub->bus, s, iov, n, taken))
		assert_true(s->sends_large && s->leftover);
	note_bus(hub, false);
	memset(end - len, 0xee, len); /* so that stale references are noticed */
}

bool
hub_read_some(struct peer *peer, size_t max)
{
	struct flow *flow = &peer->hub->bus.flow;
	struct client *c = &peer->session.client;
	uint64_t begin = flow->work.done;

	if (!can_read(peer))
		return false;
	if (!flow_begin_turn(flow, c)) { /* as conn_read() does */
		flow_make_ready(flow, c);
		return false;
	}
	read_in_turn(peer, max);
	flow_end_turn(flow, c, begin);
	return true;
}

void
hub_end_pass(struct hub *hub)
{
	note_bus(hub, true);
	flow_update_time(&hub->bus.flow);
	pass_resume(&hub->bus, &ops);
	if (services_must_advance(&hub->bus.services) && !hub->bus.flow.is_exclusive)
		services_advance(&hub->bus.services);
	pass_end(&hub->bus, &ops);
	note_bus(hub, false);
}

void
hub_settle(struct hub *hub)
{
	bool busy = true;

	for (int i = 0; busy || pass_has_work(&hub->bus) || services_have_work(&hub->bus.services); i++) {
		struct peer *peer;

		if (i == PASSES_MAX)
			fail_msg("%d passes, and still not done", i);
		TAILQ_FOREACH(peer, &hub->peers, link)
			hub_read(peer);
		hub_end_pass(hub);
		busy = false;
		TAILQ_FOREACH(peer, &hub->peers, link)
			busy |= can_read(peer);
	}
}

struct peer *
peer_new(struct hub *hub, pid_t pid)
{
	return peer_new_as(hub, &(struct identity){ .pid = pid, .anonymous = pid == 0 });
}

struct peer *
peer_new_as(struct hub *hub, const struct identity *identity)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int r;

	assert_non_null(peer);
	peer->hub = hub;
	peer->fds[0] = peer->fds[1] = -1;
	note_bus(hub, true);
	r = session_init(&hub->bus, &peer->session, identity);
	note_bus(hub, false);
	peer->is_closed = r < 0;
	if (!hub->may_refuse)
		assert_int_equal(r, 0);
	TAILQ_INSERT_TAIL(&hub->peers, peer, link);
	return peer;
}

struct peer *
peer_new_feed(struct hub *hub, pid_t pid, const struct feed_plan *plan)
{
	struct peer *peer = peer_new(hub, pid);

	peer->plan = plan;
	note_bus(hub, true);
	feed_begin(&hub->bus, &peer->session, plan);
	note_bus(hub, false);
	return peer;
}

void
peer_end(struct peer *peer)
{
	peer->has_ended = true;
}

void
peer_use_small_socket(struct peer *peer)
{
	int size = 4096;

	make_pair(peer->fds);
	assert_int_equal(setsockopt(peer->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

/* What happens when the socket becomes writable. */
static void
write_again(struct peer *peer)
{
	if (peer->is_closed || peer->session.client.out_state != CLIENT_OUT_BLOCKED)
		return;
	flow_set_out_state(&peer->hub->bus.flow, &peer->session.client, CLIENT_OUT_RECEIVER);
	hub_end_pass(peer->hub);
}

size_t
peer_take(struct peer *peer, size_t max)
{
	size_t n = drain(peer, peer->fds[1], max);

	write_again(peer);
	return n;
}

void
peer_set_full(struct peer *peer, bool is_full)
{
	peer->is_full = is_full;
	if (!is_full)
		write_again(peer);
}

void
peer_break(struct peer *peer)
{
	bus_kill(&peer->hub->bus, &peer->session.client);
	while (!peer->is_closed)
		hub_end_pass(peer->hub);
}

void
peer_send(struct peer *peer, const void *data, size_t len)
{
	assert_int_equal(buf_append(&peer->sent, data, len), 0);
}

void
peer_say(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

void
peer_send_command(struct peer *peer, const struct slice *argv, size_t argc)
{
	assert_int_equal(buf_reserve(&peer->sent, resp_command_size(argv, argc)), 0);
	peer->sent.len += resp_put_command((char *)peer->sent.data + peer->sent.len, argv, argc);
}

void
peer_publish(struct peer *peer, const char *channel, struct slice payload)
{
	struct slice argv[] = { slice_of("PUBLISH"), slice_of(channel), payload };

	peer_send_command(peer, argv, 3);
}

/* The bytes around an offset, as text. */
static const char *
excerpt(char *text, size_t size, const uint8_t *data, size_t len, size_t at)
{
	size_t from = at > 40 ? at - 40 : 0, n = 0;

	text[0] = '\0';
	for (size_t i = from; i < len && i < at + 60 && n + 6 < size; i++)
		if (data[i] >= ' ' && data[i] <= '~')
			n += (size_t)snprintf(text + n, size - n, "%c", data[i]);
		else
			n += (size_t)snprintf(text + n, size - n, "\\x%02x", data[i]);
	return text;
}

void
peer_expect(struct peer *peer, const void *data, size_t len)
{
	const uint8_t *expected = data;
	struct hub *hub = peer->hub;
	char is[512], should[512];
	size_t at = 0;

	while (at < len && at < peer->got.len && expected[at] == peer->got.data[at])
		at++;
	if (at < len || at < peer->got.len)
		fail_msg("read %s, seed %llu: got %zu bytes, expected %zu; they differ at %zu:\n  got      %s\n  "
		         "expected %s",
		         readings[hub->reading], (unsigned long long)hub->seed, peer->got.len, len, at,
		         excerpt(is, sizeof(is), peer->got.data, peer->got.len, at),
		         excerpt(should, sizeof(should), expected, len, at));
	peer->got.len = 0;
}

void
peer_expect_text(struct peer *peer, const char *text)
{
	peer_expect(peer, text, strlen(text));
}

void
peer_expect_repeated(struct peer *peer, const char *text, size_t n)
{
	struct buf expected = { 0 };

	for (size_t i = 0; i < n; i++)
		put_text(&expected, text);
	peer_expect_buf(peer, &expected);
}

void
peer_ask(struct peer *peer, const char *text, const char *answer)
{
	peer_say(peer, text);
	hub_settle(peer->hub);
	peer_expect_text(peer, answer);
}

struct access_rule *
rules_add(struct access_rules *rules, const char *glob, const char *publish, const char *subscribe,
          enum slow_policy slow)
{
	struct access_rule *rule = access_rule_new(glob);
	char bad[64];

	assert_non_null(rule);
	if (publish)
		assert_int_equal(access_list_parse(publish, &rule->publish, bad, sizeof(bad)), 0);
	if (subscribe)
		assert_int_equal(access_list_parse(subscribe, &rule->subscribe, bad, sizeof(bad)), 0);
	rule->slow = slow;
	STAILQ_INSERT_TAIL(rules, rule, link);
	return rule;
}

void
rules_clear(struct access_rules *rules)
{
	struct access_rule *rule;

	while ((rule = STAILQ_FIRST(rules))) {
		STAILQ_REMOVE_HEAD(rules, link);
		access_rule_free(rule);
	}
}

void
hub_drop_rules(struct hub *hub, struct access_rules *rules)
{
	bus_set_rules(&hub->bus, NULL);
	rules_clear(rules);
}

void
peer_expect_buf(struct peer *peer, struct buf *expected)
{
	peer_expect(peer, expected->data, expected->len);
	buf_deinit(expected);
}

static uint64_t base_seed;

static void
hold_in_all_ways(void **state)
{
	const struct conversation *conversation = *state;
	static const enum hub_reading ways[] = { HUB_WHOLE, HUB_SMALL, HUB_BYTES, HUB_RANDOM, HUB_RANDOM, HUB_RANDOM };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct hub hub;

		hub_init(&hub, ways[i], base_seed + i);
		conversation->hold(&hub);
		hub_deinit(&hub);
	}
}

int
hub_hold_all(const struct conversation *conversations, size_t n)
{
	struct CMUnitTest tests[CONVERSATIONS_MAX] = { 0 }; /* those without a name are passed over */

	assert_in_range(n, 1, CONVERSATIONS_MAX);
	base_seed = prng_seed();
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = conversations[i].name,
			.test_func = hold_in_all_ways,
			.initial_state = (void *)&conversations[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

void
put_text(struct buf *b, const char *text)
{
	assert_int_equal(buf_append(b, text, strlen(text)), 0);
}

void
put_bulk(struct buf *b, struct slice data)
{
	assert_int_equal(buf_printf(b, "$%zu\r\n", data.len), 0);
	assert_int_equal(buf_append(b, data.p, data.len), 0);
	put_text(b, "\r\n");
}

void
put_message(struct buf *b, bool resp3, const char *pattern, struct slice channel, struct slice payload)
{
	put_text(b, resp3 ? ">" : "*");
	put_text(b, pattern ? "4\r\n$8\r\npmessage\r\n" : "3\r\n$7\r\nmessage\r\n");
	if (pattern)
		put_bulk(b, slice_of(pattern));
	put_bulk(b, channel);
	put_bulk(b, payload);
}

uint8_t *
make_payload(size_t len)
{
	uint8_t *payload = malloc(len + 1);

	assert_non_null(payload);
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	return payload;
}
