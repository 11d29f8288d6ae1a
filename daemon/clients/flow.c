#include "flow.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Lines about clients in so many milliseconds. */
#define CLIENT_LOG_MS 10000
#define CLIENT_LOG_LINES 100

/* A piece that waits for the end of EXEC. */
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
	TAILQ_INIT(&flow->ready);
	TAILQ_INIT(&flow->throttled);
	TAILQ_INIT(&flow->postponed);
	TAILQ_INIT(&flow->untried);
	TAILQ_INIT(&flow->receivers);
	TAILQ_INIT(&flow->repliers);
	TAILQ_INIT(&flow->blocked);
	TAILQ_INIT(&flow->dead);
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
flow_dismiss(struct flow *flow, struct client *c)
{
	TAILQ_REMOVE(&flow->clients, c, link);
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
may_log(struct flow *flow)
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

	if (!log_is_on(level) || !may_log(flow))
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
	if (list)
		TAILQ_INSERT_TAIL(list, c, in_link);
	flow->n_waiting -= c->state == CLIENT_WAITING;
	flow->n_waiting += state == CLIENT_WAITING;
	c->in_list = list;
	c->state = (uint8_t)state;
}

static struct client_list *
out_list(struct flow *flow, enum client_out_state state)
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
	struct client_list *from = out_list(flow, c->out_state), *to = out_list(flow, state);

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
		flow_set_state(flow, c, CLIENT_READY, &flow->ready);
}

void
flow_resume_throttled(struct flow *flow)
{
	struct client *waiting;

	while ((waiting = TAILQ_FIRST(&flow->throttled)))
		flow_resume(flow, waiting);
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
	/* Within what its user may have, a client with little queued is no reason to wait for it. */
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
	/* Its socket is listened to again, also where it was not its own write that drained it. */
	if (c->state == CLIENT_OPEN)
		flow_set_state(flow, c, CLIENT_READY, &flow->ready);
	flow_resume_throttled(flow);
}

/* A user went over his quota, or is within it again. */
static void
recheck(struct flow *flow, const struct user *user)
{
	struct client *c;

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

/* Charges its user with what could not be written at once. */
static void
charge(struct flow *flow, struct client *c)
{
	if (users_charge(&flow->users, c->user, &c->charged, c->out.count > 0 ? outq_memory(&c->out) : 0, &flow->limits,
	                 flow->now_ms))
		recheck(flow, c->user);
}

void
flow_check_limits(struct flow *flow)
{
	struct client *c;

	TAILQ_FOREACH(c, &flow->clients, link) {
		charge(flow, c);
		flow_check_clogged(flow, c);
	}
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

	flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
	lost = outq_clear(&c->out);
	if (lost > 0)
		/* Who only writes to a channel that it is delivered, as logger(1) does, always leaves so. */
		flow_log(flow, c, c->encoding >= ENCODING_LINE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		         "gone with up to %llu messages not delivered", (unsigned long long)lost);
	flow->stats.undelivered += lost;
	flow->stats.undelivered_slow += c->is_slow ? lost : 0;
	flow_check_clogged(flow, c);
	charge(flow, c);
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
	switch (status) {
	case OUTQ_EMPTY:
		flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
		if (c->state == CLIENT_CLOSING)
			flow_mark_dead(flow, c);
		break;
	case OUTQ_FULL:
	case OUTQ_BUDGET:
		flow_set_out_state(flow, c, CLIENT_OUT_BLOCKED);
		outq_detach(&c->out, &flow->chunks);
		break;
	case OUTQ_GATED:
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
		charge(flow, c);
	if (c->clogged || flow->users.n_over > 0)
		flow_check_clogged(flow, c);
	if (c->is_slow && c->clogged)
		flow_disconnect_slow(flow, c);
	c->is_slow = c->is_slow && c->state == CLIENT_DEAD;
}

/* What cannot just lengthen what was queued before. */
static void __attribute__((noinline)) queue_apart(struct flow *flow, struct client *c, struct chunk *chunk,
                                                  size_t offset, size_t len, struct barrier *barrier, uint32_t messages)
{
	bool is_waiting = c->out_state >= CLIENT_OUT_BLOCKED;
	int r;

	if (is_waiting && len <= OUTQ_COPY_MAX)
		r = outq_push_copy(&c->out, &flow->chunks, chunk->data + offset, len, barrier, messages);
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
	if (is_waiting)
		charge(flow, c);
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
		queue_apart(flow, c, chunk, offset, len, barrier, messages);
	else if (flow_may_be_clogged(flow, &c->out))
		flow_check_clogged(flow, c);
}

static void
defer(struct flow *flow, struct chunk *chunk, size_t offset, size_t len, uint32_t messages)
{
	struct deferred deferred = { chunk, offset, len, messages };

	if (buf_append(&flow->deferred, &deferred, sizeof(deferred)) == 0)
		chunk_ref(chunk);
	else
		flow_out_of_memory(flow, flow->executing);
}

void
flow_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
             struct barrier *barrier, uint32_t messages)
{
	if (c == flow->executing)
		defer(flow, chunk, offset, len, messages);
	else
		flow_queue(flow, c, chunk, offset, len, barrier, messages);
}

int64_t
flow_put(struct flow *flow, const void *data, size_t len)
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

void
flow_keep(struct flow *flow, struct client *c, uint32_t *kept, bool *is_unfinished, size_t now_kept,
          bool now_unfinished)
{
	struct user *user = c->user;
	bool was_over = user->kept > user_kept_max(&flow->limits);

	user->kept += now_kept - *kept;
	user->unfinished += (now_unfinished ? now_kept : 0) - (*is_unfinished ? *kept : 0);
	*kept = (uint32_t)now_kept;
	*is_unfinished = now_unfinished;
	if (was_over && user->kept <= user_kept_max(&flow->limits))
		flow_resume_throttled(flow);
}
