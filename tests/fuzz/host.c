#include "host.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "blocked.h"
#include "chunk.h"
#include "command-table.h"
#include "leftover.h"
#include "lifetime.h"
#include "output.h"
#include "pass.h"
#include "requests.h"
#include "service-replies.h"
#include "stream.h"

/* More passes mean that something creates work for itself endlessly. */
#define PASSES_MAX 100000

struct socket {
	struct session session; /* first */
	struct peer *peer;
};

/* The host whose bus runs, between host_enter() and host_leave(); calls of others go to the system. */
static struct host *inside;
static struct peer *written_to;
static uint64_t allocations_left; /* until one fails; 0: none fails */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
ssize_t __wrap_getrandom(void *data, size_t len, unsigned int flags);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
void __wrap_log_write(int level, const char *format, ...);

static void
host_enter(struct host *host)
{
	inside = host;
}

static void
host_leave(void)
{
	inside = NULL;
}

static bool
host_allocation_fails(void)
{
	if (!inside || allocations_left == 0 || --allocations_left > 0)
		return false;
	inside->has_waited = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return host_allocation_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return host_allocation_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return host_allocation_fails() ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

char *
__wrap_strndup(const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	char *copy = __wrap_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

ssize_t
__wrap_send(int fd, const void *data, size_t len, int flags)
{
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return __wrap_sendmsg(fd, &msg, flags);
}

ssize_t
__wrap_sendmsg(int fd __attribute__((unused)), const struct msghdr *msg, int flags __attribute__((unused)))
{
	struct host *host = inside;
	struct peer *peer = written_to;
	size_t total = 0;

	if (peer->is_broken || peer->room == 0) {
		errno = peer->is_broken ? EPIPE : EAGAIN;
		return -1;
	}
	host_leave();
	for (size_t i = 0; i < msg->msg_iovlen && peer->room > 0; i++) {
		size_t len = msg->msg_iov[i].iov_len < peer->room ? msg->msg_iov[i].iov_len : peer->room;

		assert(len > 0);
		assert(buf_append(&peer->got, msg->msg_iov[i].iov_base, len) == 0);
		if (peer->room != SIZE_MAX)
			peer->room -= len;
		total += len;
	}
	host_enter(host);
	return (ssize_t)total;
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	if (!inside)
		return __real_clock_gettime(clock, ret);
	*ret = (struct timespec){ (time_t)(inside->clock_ms / 1000), (long)(inside->clock_ms % 1000) * 1000000 };
	return 0;
}

/* Hash keys must be the same in each run. */
ssize_t
__wrap_getrandom(void *data, size_t len, unsigned int flags __attribute__((unused)))
{
	memset(data, 0x5a, len);
	return (ssize_t)len;
}

/* INFO must not read /proc. */
FILE *
__wrap_fopen64(const char *path, const char *mode)
{
	return inside ? NULL : __real_fopen64(path, mode);
}

void
__wrap_log_write(int level __attribute__((unused)), const char *format __attribute__((unused)), ...)
{
}

static struct peer *
host_peer_of(struct session *s)
{
	return ((struct socket *)s)->peer;
}

static void
host_resume(struct client *c)
{
	struct session *s = session_of(c);

	requests_resume(&host_peer_of(s)->host->bus, s);
}

static void
host_flush(struct client *c)
{
	struct peer *peer = host_peer_of(session_of(c));
	struct bus *bus = &peer->host->bus;
	struct barrier *barrier = NULL;
	enum outq_status status;
	size_t written;

	if (c->state == CLIENT_DEAD) {
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_IDLE);
		return;
	}
	written_to = peer;
	status = outq_write(&c->out, -1, peer->budget, &written, &barrier);
	if (status == OUTQ_EMPTY && c->state == CLIENT_CLOSING)
		peer->was_killed = false;
	output_flushed(&bus->flow, c, status, written, barrier);
}

static void
host_close(struct client *c)
{
	struct session *s = session_of(c);
	struct peer *peer = host_peer_of(s);

	assert(peer->unsent == SIZE_MAX || (c->out.bytes == peer->unsent && c->out.count == peer->n_spans));
	leftover_free(s->leftover);
	session_deinit(&peer->host->bus, s);
	free(peer->socket); /* so that the sanitizer finds any use of it */
	peer->socket = NULL;
}

static const struct pass_ops ops = { .resume = host_resume, .flush = host_flush, .close = host_close };

static void
host_note_waiting(struct host *host)
{
	struct peer *peer;

	host->has_waited |= host->bus.flow.stats.waits > 0 || host->bus.flow.clog_generation > 0;
	TAILQ_FOREACH(peer, &host->peers, link)
		if (peer->socket) {
			int state = peer->socket->session.client.state;

			host->has_waited |= state == CLIENT_WAITING || state == CLIENT_READY;
		}
}

/* publish, subscribe: NULL for all users. */
static void
host_add_rule(struct host *host, const char *glob, const char *publish, const char *subscribe, enum slow_policy slow)
{
	struct access_rule *rule = access_rule_new(glob);
	char bad[64];

	assert(rule);
	if (publish)
		assert(access_list_parse(publish, &rule->publish, bad, sizeof(bad)) == 0);
	if (subscribe)
		assert(access_list_parse(subscribe, &rule->subscribe, bad, sizeof(bad)) == 0);
	rule->slow = slow;
	STAILQ_INSERT_TAIL(&host->rules, rule, link);
}

void
host_init(struct host *host, uint64_t queue_limit, uint64_t max_message)
{
	struct limits limits = {
		.max_clients = 100,
		.max_clients_per_uid = 100,
		.max_message = max_message,
		.max_subscriptions = 6,
		.max_subscriptions_per_uid = 9,
		.max_patterns_per_uid = 7,
		.queue_limit = queue_limit,
		.queue_limit_per_uid = queue_limit * 3 / 2,
		.slow_timeout = 5000,
	};

	*host = (struct host){ .clock_ms = 1000000 };
	TAILQ_INIT(&host->peers);
	STAILQ_INIT(&host->rules);
	host_add_rule(host, "own*", "uid:1000", "uid:0", SLOW_WAIT);
	host_add_rule(host, "drop*", NULL, NULL, SLOW_DROP);
	host_add_rule(host, "cut*", NULL, NULL, SLOW_DISCONNECT);
	allocations_left = 0;
	host_enter(host);
	assert(sessions_init(&host->sessions, &limits, command_table) == 0);
	services_set_ops(&host->sessions.bus.services, &service_replies);
	bus_set_rules(&host->bus, &host->rules);
	host_leave();
}

void
host_open_streams(struct host *host, const struct streams_limits *limits)
{
	host->disk = memory_disk_new();
	host_enter(host);
	assert(streams_init(&host->streams, &host->bus.flow, memory_store_open(host->disk), limits) == 0);
	host->sessions.streams = &host->streams;
	host_leave();
}

void
host_look(struct host *host, void (*look)(struct streams *streams))
{
	host_enter(host);
	flow_update_time(&host->bus.flow);
	look(&host->streams);
	host_leave();
}

void
host_collect(struct host *host)
{
	host_enter(host);
	flow_update_time(&host->bus.flow);
	streams_collect(&host->streams);
	blocked_check(&host->streams);
	host_leave();
}

void
host_pass(struct host *host)
{
	struct bus *bus = &host->bus;
	struct peer *peer;

	TAILQ_FOREACH(peer, &host->peers, link)
		host_read(peer, SIZE_MAX);
	host_enter(host);
	flow_update_time(&bus->flow);
	if (host->sessions.streams && !bus->flow.executing)
		streams_advance(&host->streams);
	TAILQ_FOREACH(peer, &host->peers, link)
		if (peer->socket && peer->socket->session.client.out_state == CLIENT_OUT_BLOCKED &&
		    (peer->room > 0 || peer->is_broken))
			flow_set_out_state(&bus->flow, &peer->socket->session.client, CLIENT_OUT_RECEIVER);
	pass_resume(bus, &ops);
	host_leave();
	host_note_waiting(host);
	host_enter(host);
	if (services_must_advance(&bus->services) && !bus->flow.is_exclusive)
		services_advance(&bus->services);
	if (host->sessions.streams && !bus->flow.executing)
		streams_commit(&host->streams);
	pass_end(bus, &ops);
	host_leave();
	host_note_waiting(host);
	assert(TAILQ_EMPTY(&bus->flow.receivers) && TAILQ_EMPTY(&bus->flow.repliers) && TAILQ_EMPTY(&bus->flow.dead));
}

void
host_tick(struct host *host)
{
	struct bus *bus = &host->bus;
	struct client *c;

	host_enter(host);
	flow_update_time(&bus->flow);
	TAILQ_FOREACH(c, &bus->flow.blocked, out_link)
		if (c->state != CLIENT_DEAD &&
		    (uint32_t)bus->flow.now_ms - c->progress_ms >= bus->flow.limits.slow_timeout &&
		    (c->state == CLIENT_CLOSING || outq_has_messages(&c->out))) {
			bus_kill(bus, c);
			host->has_waited = true;
		}
	resp_request_deinit(&host->sessions.request);
	channels_forget_unnamed(&bus->subscriptions.channels);
	chunk_pool_trim(&bus->flow.chunks);
	host_leave();
}

void
host_fail_allocation(struct host *host __attribute__((unused)), unsigned int n)
{
	allocations_left = n + 1;
}

struct peer *
host_add(struct host *host, pid_t pid, uid_t uid)
{
	struct identity identity = { .pid = pid, .uid = uid, .gid = uid, .anonymous = pid == 0 };
	struct peer *peer = calloc(1, sizeof(*peer));

	assert(peer);
	*peer = (struct peer){ .host = host, .room = SIZE_MAX, .budget = SIZE_MAX, .unsent = SIZE_MAX };
	peer->was_killed = true;
	peer->socket = calloc(1, sizeof(*peer->socket));
	assert(peer->socket);
	peer->socket->peer = peer;
	host_enter(host);
	if (session_init(&host->bus, &peer->socket->session, &identity) < 0) {
		free(peer->socket);
		peer->socket = NULL;
	}
	host_leave();
	TAILQ_INSERT_TAIL(&host->peers, peer, link);
	return peer;
}

/* One read of at most max bytes. */
static void
host_read_once(struct peer *peer, size_t max)
{
	struct host *host = peer->host;
	struct session *s = &peer->socket->session;
	size_t left = peer->sent.len - peer->sent_at, len = max < left ? max : left, first, taken;
	uint8_t *buffer = exact_copy(peer->sent.data + peer->sent_at, len);
	const uint8_t *from = peer->sent.data + peer->sent_at;
	uint64_t begin = host->bus.flow.work.done;
	struct iovec iov[2];
	int n;

	host_enter(host);
	flow_update_time(&host->bus.flow);
	if (!flow_begin_turn(&host->bus.flow, &s->client)) { /* as conn_read() does */
		flow_make_ready(&host->bus.flow, &s->client);
		host_leave();
		free(buffer);
		return;
	}
	n = requests_room(s, buffer, len, iov);
	if (n < 0) {
		flow_out_of_memory(&host->bus.flow, &s->client);
	} else {
		taken = iov[0].iov_len + (n == 2 ? iov[1].iov_len : 0);
		taken = taken < len ? taken : len;
		assert(taken > 0);
		first = taken < iov[0].iov_len ? taken : iov[0].iov_len;
		memcpy(iov[0].iov_base, from, first);
		if (taken > first)
			memcpy(iov[1].iov_base, from + first, taken - first);
		peer->sent_at += taken;
		(void)requests_received(&host->bus, s, iov, n, taken);
	}
	flow_end_turn(&host->bus.flow, &s->client, begin);
	host_leave();
	host_note_waiting(host);
	free(buffer);
}

void
host_read(struct peer *peer, size_t max)
{
	while (peer->socket && peer->sent_at < peer->sent.len && peer->socket->session.client.state == CLIENT_OPEN) {
		if (peer->socket->session.client.clogged) {
			peer->host->has_waited = true;
			break;
		}
		host_read_once(peer, max);
	}
}

void
host_kill(struct peer *peer)
{
	if (!peer->socket || peer->socket->session.client.state == CLIENT_DEAD)
		return;
	host_enter(peer->host);
	bus_kill(&peer->host->bus, &peer->socket->session.client);
	host_leave();
	peer->unsent = peer->socket->session.client.out.bytes;
	peer->n_spans = peer->socket->session.client.out.count;
}

void
host_finish(struct peer *peer)
{
	if (!peer->socket || peer->socket->session.client.state != CLIENT_OPEN || peer->socket->session.client.clogged)
		return;
	host_enter(peer->host);
	bus_finish(&peer->host->bus, &peer->socket->session.client);
	host_leave();
}

/* Whether streams go on by themselves, without waiting for a time. */
static bool
host_streams_go_on(struct host *host)
{
	bool go_on;

	if (!host->sessions.streams)
		return false;
	host_enter(host);
	go_on = streams_have_changes(&host->streams) || streams_have_work(&host->streams) ||
	        streams_must_retain(&host->streams) || !TAILQ_EMPTY(&host->streams.cache.fetching);
	host_leave();
	return go_on;
}

static bool
host_can_go_on(struct host *host)
{
	const struct peer *peer;

	if (host_streams_go_on(host) || (services_have_work(&host->bus.services) && !host->bus.flow.is_exclusive))
		return true;
	TAILQ_FOREACH(peer, &host->peers, link) {
		const struct session *s = peer->socket ? &peer->socket->session : NULL;

		if (s && (s->client.out_state == CLIENT_OUT_BLOCKED || s->client.state == CLIENT_READY))
			return true;
		if (s && s->client.state == CLIENT_OPEN && peer->sent_at < peer->sent.len)
			return true;
	}
	return false;
}

/* Whether replies of the client are not known yet, since it has called a service or waits for a request. */
static bool
host_has_slots(const struct host *host, const struct session *s)
{
	const struct party *party = party_find(&host->bus.services, &s->client);

	return party && party->n_slots > 0;
}

/* All output is drained, so a client may only wait for a receiver, a worker or a request now. */
static void
host_check_none_is_stuck(const struct host *host)
{
	const struct peer *peer;
	bool has_slots = false;

	TAILQ_FOREACH(peer, &host->peers, link)
		has_slots = has_slots || (peer->socket && host_has_slots(host, &peer->socket->session));
	assert(host->bus.flow.n_clogged == 0);
	/* While an answer is not known, what is behind it may reach a limit. */
	assert(has_slots || TAILQ_EMPTY(&host->bus.flow.throttled));
	assert(TAILQ_EMPTY(&host->bus.flow.blocked) && host->bus.flow.n_ready == 0);
	TAILQ_FOREACH(peer, &host->peers, link) {
		const struct session *s = peer->socket ? &peer->socket->session : NULL;

		if (!s)
			continue;
		assert(s->client.state == CLIENT_OPEN ||
		       (s->client.state == CLIENT_CLOSING && host_has_slots(host, s)) ||
		       (s->client.state == CLIENT_WAITING &&
		        (s->client.wait_receivers > 0 || (s->info && s->info->blocked) || has_slots)));
		assert(host_has_slots(host, s) ? s->client.out_state == CLIENT_OUT_GATED && s->client.out.count > 0
		                               : s->client.out_state == CLIENT_OUT_IDLE && s->client.out.count == 0);
		assert(s->client.state != CLIENT_OPEN || peer->sent_at == peer->sent.len);
	}
}

void
host_settle(struct host *host)
{
	struct peer *peer;

	allocations_left = 0;
	TAILQ_FOREACH(peer, &host->peers, link)
		peer->room = SIZE_MAX;
	for (int i = 0; i == 0 || host_can_go_on(host); i++) {
		assert(i < PASSES_MAX);
		if (host->sessions.streams)
			host_collect(host);
		host_pass(host);
	}
	host_check_none_is_stuck(host);
	TAILQ_FOREACH(peer, &host->peers, link)
		if (peer->socket)
			peer->was_killed = false;
}

void
host_deinit(struct host *host)
{
	struct access_rule *rule;
	struct peer *peer;

	TAILQ_FOREACH(peer, &host->peers, link)
		host_kill(peer);
	host_pass(host);
	while ((peer = TAILQ_FIRST(&host->peers))) {
		assert(!peer->socket);
		TAILQ_REMOVE(&host->peers, peer, link);
		buf_deinit(&peer->sent);
		buf_deinit(&peer->got);
		free(peer);
	}
	assert(host->bus.flow.n_waiting == 0 && host->bus.flow.n_clogged == 0);
	assert(host->bus.subscriptions.table.n == 0);
	assert(host->bus.flow.n_ready == 0 && TAILQ_EMPTY(&host->bus.flow.throttled) &&
	       TAILQ_EMPTY(&host->bus.flow.blocked));
	host_enter(host);
	if (host->sessions.streams) {
		assert(host->streams.n_blocked == 0 && TAILQ_EMPTY(&host->streams.blocked));
		streams_deinit(&host->streams);
		memory_disk_free(host->disk);
	}
	sessions_deinit(&host->sessions);
	host_leave();
	while ((rule = STAILQ_FIRST(&host->rules))) {
		STAILQ_REMOVE_HEAD(&host->rules, link);
		access_rule_free(rule);
	}
}

void
host_check_replies(const struct peer *peer, void (*check)(const struct resp_reply *reply, void *arg), void *arg)
{
	struct resp_reply reply = { 0 };
	size_t at = 0;

	while (at < peer->got.len) {
		enum resp_reply_status status =
		    resp_reply_parse(&reply, peer->got.data + at, peer->got.len - at, (size_t)1 << 30);

		if (status == RESP_REPLY_MORE && peer->was_killed)
			break;
		if (status != RESP_REPLY_OK) {
			fprintf(stderr, "not a reply (%s) at %zu:\n%.*s\n", reply.error, at, (int)(peer->got.len - at),
			        (const char *)peer->got.data + at);
			abort();
		}
		check(&reply, arg);
		at += reply.used;
	}
	resp_reply_deinit(&reply);
}
