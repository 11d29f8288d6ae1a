/*
 * Memory for output is bounded, and yet no message is lost silently: whoever makes output for a client that does not
 * read has to wait. A client is clogged when more than queue_limit is unsent for it; or, while its user is over
 * queue_limit_per_uid, more than USER_OVER_MIN. It is clogged until it is below half the limit, or every write would
 * wake its publishers and the next message stop them again. While a client is clogged
 * - nothing is read from it, so that it gets no further replies;
 * - publishers to what it receives wait; or the message to it is dropped; or it is disconnected: the policy of the
 *   channel says which (publish.c, run.c).
 * The limit decides who may go on, never whether something is queued: whatever is encoded already is queued for all its
 * receivers. So a queue exceeds its limit by about what one pass can add.
 *
 * A queue that got long within one pass is no sign that its client is slow, as nothing is written before the end of the
 * pass. That is why disconnecting, and dropping messages, wait until the socket was tried once (has_untried, is_slow).
 *
 * Only this file changes state, out_state, clogged and charged of a client, each in one place, together with the lists
 * and sums that follow from it. A client is freed at the end of a pass only: until then it is dead, stays dead, and is
 * passed over. All that are throttled try again whenever a client or user drains. Lists by receiver would wake fewer,
 * but have to be kept for every message; draining is rare.
 */
#include "flow.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* So many log lines about clients are written in so many milliseconds. */
#define CLIENT_LOG_MS 10000
#define CLIENT_LOG_LINES 100

/* A piece of output that waits for the end of EXEC; has a reference to its chunk. */
struct deferred {
	struct chunk *chunk;
	size_t offset, len;
	uint32_t messages;
};

void
flow_init(struct flow *flow, const struct limits *limits)
{
	*flow = (struct flow){ .limits = *limits };
	barrier_pool_init(&flow->barriers);
	flow->unicast.pool = &flow->chunks;
	TAILQ_INIT(&flow->clients);
	TAILQ_INIT(&flow->ready_users);
	TAILQ_INIT(&flow->led_users);
	TAILQ_INIT(&flow->gathering);
	TAILQ_INIT(&flow->throttled);
	TAILQ_INIT(&flow->untried);
	TAILQ_INIT(&flow->excluded);
	TAILQ_INIT(&flow->receivers);
	TAILQ_INIT(&flow->repliers);
	TAILQ_INIT(&flow->blocked);
	TAILQ_INIT(&flow->dead);
	work_end_pass(&flow->work);
	flow->work.share = 1;
	flow_update_time(flow);
	flow->start_ms = flow->now_ms;
	flow->uptime_s = 0;
}

void
flow_deinit(struct flow *flow)
{
	assert(flow->stats.clients == 0 && flow->n_clogged == 0 && flow->deferred.len == 0);
	users_deinit(&flow->users);
	buf_deinit(&flow->deferred);
	stream_deinit(&flow->unicast);
	barrier_pool_deinit(&flow->barriers);
	chunk_pool_deinit(&flow->chunks);
}

void
flow_update_time(struct flow *flow)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	flow->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	flow->uptime_s = (uint32_t)((flow->now_ms - flow->start_ms) / 1000);
}

int
flow_admit(struct flow *flow, struct client *c, const struct identity *given)
{
	struct identity identity = *given;
	struct user *user = users_enter(&flow->users, &identity);

	if (!user) {
		group_set_unref(identity.groups);
		return -ENOMEM;
	}
	*c = (struct client){
		.id = ++flow->last_id,
		.identity = identity,
		.user = user,
		.progress_ms = (uint32_t)flow->now_ms,
		.created_s = flow->uptime_s,
		.active_s = flow->uptime_s,
	};
	TAILQ_INSERT_TAIL(&flow->clients, c, link);
	outq_init(&c->out);
	LIST_INIT(&c->subscriptions);
	flow->stats.clients++;
	return 0;
}

void
flow_begin_walk(struct flow *flow, struct client_walk *walk)
{
	walk->next = TAILQ_FIRST(&flow->clients);
	LIST_INSERT_HEAD(&flow->walks, walk, link);
}

struct client *
flow_walk(struct flow *flow, struct client_walk *walk)
{
	struct client *c = walk->next;

	flow->work.done += WORK_VISIT;
	if (c)
		walk->next = TAILQ_NEXT(c, link);
	return c;
}

void
flow_end_walk(struct client_walk *walk)
{
	LIST_REMOVE(walk, link);
}

void
flow_dismiss(struct flow *flow, struct client *c)
{
	struct client_walk *walk;

	LIST_FOREACH(walk, &flow->walks, link) {
		flow->work.done += WORK_VISIT;
		if (walk->next == c)
			walk->next = TAILQ_NEXT(c, link);
	}
	TAILQ_REMOVE(&flow->clients, c, link);
	flow_resume_listing(flow, c->user);
	users_leave(&flow->users, c->user);
	group_set_unref(c->identity.groups);
	flow->stats.clients -= !c->is_hidden;
}

void
flow_hide(struct flow *flow, struct client *c)
{
	c->is_hidden = true;
	flow->stats.clients--;
}

static bool
flow_may_log(struct flow *flow)
{
	unsigned int omitted;
	bool is_allowed = log_limit_allows(&flow->client_log, CLIENT_LOG_LINES, CLIENT_LOG_MS, flow->now_ms, &omitted);

	if (omitted > 0)
		log_warning("%u lines about clients were left out", omitted);
	return is_allowed;
}

void
flow_log(struct flow *flow, const struct client *c, enum log_level level, const char *format, ...)
{
	char text[512], command[IDENTITY_COMMAND_MAX];
	va_list ap;

	if (!log_is_on(level) || !flow_may_log(flow))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	identity_command(&c->identity, command);
	if (c->identity.anonymous)
		log_write(level, "client %llu (anonymous): %s", (unsigned long long)c->id, text);
	else
		log_write(level, "client %llu (pid %d '%s', uid %u): %s", (unsigned long long)c->id,
		          (int)c->identity.pid, command, c->identity.uid, text);
}

void
flow_set_state(struct flow *flow, struct client *c, enum client_state state, struct client_list *list)
{
	if (c->state == CLIENT_DEAD && (state != CLIENT_DEAD || (list && c->in_list)))
		return;
	if (c->in_list)
		TAILQ_REMOVE(c->in_list, c, in_link);
	if (c->state == CLIENT_READY && TAILQ_EMPTY(&c->user->ready))
		TAILQ_REMOVE(&flow->ready_users, c->user, ready_link);
	if (state == CLIENT_READY && TAILQ_EMPTY(&c->user->ready))
		TAILQ_INSERT_TAIL(&flow->ready_users, c->user, ready_link);
	if (list)
		TAILQ_INSERT_TAIL(list, c, in_link);
	flow->n_ready -= c->state == CLIENT_READY;
	flow->n_ready += state == CLIENT_READY;
	flow->n_waiting -= c->state == CLIENT_WAITING;
	flow->n_waiting += state == CLIENT_WAITING;
	c->in_list = list;
	c->state = (uint8_t)state;
}

void
flow_make_ready(struct flow *flow, struct client *c)
{
	flow_set_state(flow, c, CLIENT_READY, &c->user->ready);
}

bool
flow_begin_turn(struct flow *flow, struct client *c)
{
	struct user *user = c->user;
	int64_t shares = (int64_t)(flow->work.share - user->share);

	if (shares > 0) {
		user->share = flow->work.share;
		/* What they did too much is taken from later shares. */
		user->credit += shares > 1000 ? 1000 * (int64_t)WORK_USER : shares * (int64_t)WORK_USER;
		if (user->credit > (int64_t)WORK_USER)
			user->credit = (int64_t)WORK_USER;
	}
	flow->work.turn_end = flow->work.done + WORK_TURN;
	flow->work.done += WORK_LOOKUP;
	return user->credit > 0;
}

void
flow_end_turn(struct flow *flow, struct client *c, uint64_t begin)
{
	c->user->credit -= (int64_t)(flow->work.done - begin);
}

static struct client_list *
flow_out_list(struct flow *flow, enum client_out_state state)
{
	switch (state) {
	case CLIENT_OUT_RECEIVER:
		return &flow->receivers;
	case CLIENT_OUT_REPLIER:
		return &flow->repliers;
	case CLIENT_OUT_BLOCKED:
		return &flow->blocked;
	case CLIENT_OUT_IDLE:
	case CLIENT_OUT_GATED:
		return NULL;
	}
	return NULL;
}

void
flow_set_out_state(struct flow *flow, struct client *c, enum client_out_state state)
{
	struct client_list *from = flow_out_list(flow, c->out_state), *to = flow_out_list(flow, state);

	if (c->out_state == state)
		return;
	if (c->out_state == CLIENT_OUT_GATED)
		barrier_forget(&c->gate);
	if (from)
		TAILQ_REMOVE(from, c, out_link);
	if (to)
		TAILQ_INSERT_TAIL(to, c, out_link);
	if (state == CLIENT_OUT_GATED) /* where out_link was */
		c->gate = (struct barrier_waiter){ 0 };
	c->out_state = (uint8_t)state;
}

bool
flow_wait(struct flow *flow, struct client *c, struct client_list *list)
{
	flow_set_state(flow, c, CLIENT_WAITING, list);
	return c->state == CLIENT_WAITING;
}

void
flow_resume(struct flow *flow, struct client *c)
{
	if (c->state == CLIENT_WAITING)
		flow_make_ready(flow, c);
}

void
flow_resume_listing(struct flow *flow, struct user *user)
{
	struct client *c = TAILQ_FIRST(&user->listing_waiters);

	if (c && user->n_listings == 0)
		flow_resume(flow, c);
}

void
flow_resume_throttled(struct flow *flow)
{
	struct client *waiting;

	while ((waiting = TAILQ_FIRST(&flow->throttled))) {
		flow->work.done += WORK_VISIT;
		flow_resume(flow, waiting);
	}
}

void
flow_mark_dead(struct flow *flow, struct client *c)
{
	if (c->state != CLIENT_DEAD)
		flow_set_state(flow, c, CLIENT_DEAD, &flow->dead);
}

void
flow_out_of_memory(struct flow *flow, struct client *c)
{
	flow_log(flow, c, LOG_LEVEL_ERROR, "out of memory, closed");
	flow_mark_dead(flow, c);
}

void
flow_check_clogged(struct flow *flow, struct client *c)
{
	size_t limit = flow->limits.queue_limit, cost = outq_cost(&c->out);
	bool clogged = cost > (c->clogged ? limit / 2 : limit) || (c->user->is_over && cost > USER_OVER_MIN);

	if (clogged == c->clogged)
		return;
	c->clogged = clogged;
	flow->clog_generation++;
	log_debug("client %llu: %s, %zu bytes unsent", (unsigned long long)c->id, clogged ? "clogged" : "drained",
	          cost);
	if (clogged) {
		flow->n_clogged++;
		flow->has_untried = flow->has_untried || c->out_state < CLIENT_OUT_BLOCKED;
		return;
	}
	flow->n_clogged--;
	c->drained = flow->has_drained = true;
	/* The ready list makes the owner of the socket listen to it again. */
	if (c->state == CLIENT_OPEN)
		flow_make_ready(flow, c);
	flow_resume_throttled(flow);
}

void
flow_charge(struct flow *flow, struct user *user, size_t *charged, size_t cost)
{
	struct client *c;

	if (!users_charge(&flow->users, user, charged, cost, &flow->limits, flow->now_ms))
		return;
	/* The user has gone over the quota or is within it again: another limit holds for all of their clients. */
	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		if (c->user != user)
			continue;
		if (c->clogged || c->out.count > 0)
			flow_check_clogged(flow, c);
		if (!c->clogged && !user->is_over)
			c->drained = flow->has_drained = true;
	}
	flow_resume_throttled(flow);
}

/*
 * Charges the user with the memory of output: once it could not be written at once, with all that it keeps; before,
 * with the ring alone, since the chunks are shared with the other receivers, and bounded by FLOW_PASS_BYTES.
 */
static void
flow_charge_output(struct flow *flow, struct client *c)
{
	size_t cost = c->out_state >= CLIENT_OUT_BLOCKED ? outq_memory(&c->out) : outq_ring_bytes(&c->out);

	flow_charge(flow, c->user, &c->charged, c->out.count > 0 ? cost : 0);
}

void
flow_check_limits(struct flow *flow)
{
	struct client *c;

	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		flow_charge_output(flow, c);
		flow_check_clogged(flow, c);
	}
	flow_resume_throttled(flow); /* they may be within the new limits */
}

bool
flow_drops(const struct client *c, bool is_large)
{
	return c->clogged || (c->user->is_over && is_large);
}

void
flow_stop_output(struct flow *flow, struct client *c)
{
	uint64_t lost;

	flow->work.done += c->out.count * WORK_VISIT;
	flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
	lost = outq_clear(&c->out);
	if (lost > 0)
		/* Clients that write to a channel and never read from it, such as logger(1), always leave like this. */
		flow_log(flow, c, c->encoding >= ENCODING_LINE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		         "gone with up to %llu messages not delivered", (unsigned long long)lost);
	flow->stats.undelivered += lost;
	flow->stats.undelivered_slow += c->is_slow ? lost : 0;
	flow_check_clogged(flow, c);
	flow_charge_output(flow, c);
}

void
flow_disconnect_slow(struct flow *flow, struct client *c)
{
	if (c->state == CLIENT_DEAD)
		return;
	c->is_slow = true;
	if (c->out_state < CLIENT_OUT_BLOCKED)
		return;
	flow_log(flow, c, LOG_LEVEL_WARNING, "is slow, disconnected with %zu bytes unsent", c->out.bytes);
	flow->stats.slow_receivers++;
	flow_mark_dead(flow, c);
}

void
flow_flushed(struct flow *flow, struct client *c, enum outq_status status, size_t written, struct barrier *barrier)
{
	flow->work.done += WORK_SYSCALL + 2 * WORK_BYTES(written);
	switch (status) {
	case OUTQ_EMPTY:
		flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
		if (c->state == CLIENT_CLOSING)
			flow_mark_dead(flow, c);
		break;
	case OUTQ_FULL:
	case OUTQ_BUDGET:
		flow->work.done += (c->out.count - c->out.detached) * WORK_QUEUE;
		flow_set_out_state(flow, c, CLIENT_OUT_BLOCKED);
		outq_detach(&c->out, &flow->chunks);
		break;
	case OUTQ_GATED:
		flow->work.done += (c->out.count - c->out.detached) * WORK_QUEUE;
		flow_set_out_state(flow, c, CLIENT_OUT_GATED);
		outq_detach(&c->out, &flow->chunks);
		barrier_wait(barrier, &c->gate);
		break;
	case OUTQ_ERROR:
		flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
		flow_mark_dead(flow, c);
		break;
	}
	if (written > 0) {
		c->progress_ms = (uint32_t)flow->now_ms;
		flow->stats.bytes_out += written;
	}
	if (c->out.count > 0 || c->charged > 0)
		flow_charge_output(flow, c);
	if (c->clogged || flow->users.n_over > 0)
		flow_check_clogged(flow, c);
	if (c->is_slow && c->clogged)
		flow_disconnect_slow(flow, c);
	c->is_slow = c->is_slow && c->state == CLIENT_DEAD;
}

/* The part of flow_queue() for output that cannot just lengthen the last span. */
static void __attribute__((noinline))
flow_queue_span(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                struct barrier *barrier, uint32_t messages)
{
	bool is_waiting = c->out_state >= CLIENT_OUT_BLOCKED;
	int r;

	flow->work.done += WORK_QUEUE;
	if (is_waiting)
		r = outq_push_waiting(&c->out, chunk, offset, len, barrier, messages);
	else
		r = outq_push(&c->out, chunk, offset, len, barrier, messages);
	if (r < 0) {
		flow_out_of_memory(flow, c);
		return;
	}
	if (c->out_state == CLIENT_OUT_IDLE)
		c->progress_ms = (uint32_t)flow->now_ms;
	if (c->out_state == CLIENT_OUT_IDLE || (messages > 0 && c->out_state == CLIENT_OUT_REPLIER))
		flow_set_out_state(flow, c, messages > 0 ? CLIENT_OUT_RECEIVER : CLIENT_OUT_REPLIER);
	if (is_waiting || outq_ring_bytes(&c->out) > c->charged)
		flow_charge_output(flow, c);
	if (flow_may_be_clogged(flow, &c->out))
		flow_check_clogged(flow, c);
}

void
flow_queue(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
           uint32_t messages)
{
	bool is_extended;

	if (c->state == CLIENT_DEAD)
		return;
	if (c->out_state < CLIENT_OUT_BLOCKED)
		is_extended = outq_extend(&c->out, chunk, offset, len, barrier, messages);
	else
		is_extended = outq_extend_copy(&c->out, chunk->data + offset, len, barrier, messages);
	if (!is_extended)
		flow_queue_span(flow, c, chunk, offset, len, barrier, messages);
	else if (flow_may_be_clogged(flow, &c->out))
		flow_check_clogged(flow, c);
}

void
flow_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
             struct barrier *barrier, uint32_t messages)
{
	struct deferred deferred = { chunk, offset, len, messages };

	flow->work.done += WORK_QUEUE / 2;
	if (c != flow->executing)
		flow_queue(flow, c, chunk, offset, len, barrier, messages);
	else if (buf_append(&flow->deferred, &deferred, sizeof(deferred)) == 0)
		chunk_ref(chunk);
	else
		flow_out_of_memory(flow, c);
}

int64_t
flow_append_unicast(struct flow *flow, const void *data, size_t len)
{
	uint32_t offset;

	if (stream_reserve(&flow->unicast, len) < 0)
		return -ENOMEM;
	offset = flow->unicast.chunk->len;
	memcpy(stream_end(&flow->unicast), data, len);
	flow->unicast.chunk->len += (uint32_t)len;
	return offset;
}

void
flow_deliver_deferred(struct flow *flow)
{
	struct client *c = flow->executing;
	struct deferred deferred;

	flow->executing = NULL;
	for (size_t at = 0; at < flow->deferred.len; at += sizeof(deferred)) {
		memcpy(&deferred, flow->deferred.data + at, sizeof(deferred));
		flow_queue(flow, c, deferred.chunk, deferred.offset, deferred.len, NULL, deferred.messages);
		chunk_unref(deferred.chunk);
	}
	buf_deinit(&flow->deferred);
}

static void
flow_end_lead(struct flow *flow, struct user *user)
{
	user->leader = NULL;
	TAILQ_REMOVE(&flow->led_users, user, leader_link);
	flow_resume_throttled(flow); /* another one may become it */
}

bool
flow_charge_input(struct flow *flow, struct client *c, size_t old, size_t new)
{
	struct user *user = c->user;
	uint64_t limit = user_input_max(&flow->limits);
	bool was_over = user->input > limit, is_much = new > USER_OVER_MIN &&client_is_live(c);

	user->input += new - old;
	flow->users.input += new - old;
	if (user->leader && (user->input <= limit || (user->leader == c && !is_much)))
		flow_end_lead(flow, user);
	if (user->input <= limit) {
		if (was_over)
			flow_resume_throttled(flow);
		return false;
	}
	if (!is_much || c->state != CLIENT_OPEN)
		return false;
	if (user->leader && user->leader != c)
		return true;
	if (!user->leader)
		TAILQ_INSERT_TAIL(&flow->led_users, user, leader_link);
	user->leader = c;
	user->leader_active_s = flow->uptime_s;
	return false;
}
