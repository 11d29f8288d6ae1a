/*
 * Memory for output is bounded, and yet no message is lost silently: whoever makes output for a client that does not
 * read has to wait. A client is clogged when more than queue_limit is unsent for it; or, while its user is over
 * queue_limit_per_uid, more than USER_OVER_MIN. It is clogged until it is below half the limit, or every write would
 * wake its publishers and the next message stop them again. While a client is clogged
 * - nothing is read from it, so that it gets no further replies;
 * - publishers to what it receives wait; or the message to it is dropped; or it is disconnected: the policy of the
 *   channel says which (publish.c, batch.c).
 * The limit decides who may go on, never whether something is queued: whatever is encoded already is queued for all its
 * receivers. So a queue exceeds its limit by about what one pass can add.
 *
 * A queue that got long within one pass is no sign that its client is slow, as nothing is written before the end of the
 * pass. That is why disconnecting, and dropping messages, wait until the socket was tried once (has_untried, is_slow).
 *
 * Only this file changes `clogged` of a client and what its user is charged with for output.
 */
#include "output.h"

#include <errno.h>
#include <string.h>

/* A piece of output that waits for the end of EXEC; has a reference to its chunk. */
struct deferred {
	struct chunk *chunk;
	size_t offset, len;
	uint32_t messages;
};

void
output_check_clogged(struct flow *flow, struct client *c)
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
output_charge(struct flow *flow, struct user *user, size_t *charged, size_t cost)
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
			output_check_clogged(flow, c);
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
output_charge_queue(struct flow *flow, struct client *c)
{
	size_t cost = c->out_state >= CLIENT_OUT_BLOCKED ? outq_memory(&c->out) : outq_ring_bytes(&c->out);

	output_charge(flow, c->user, &c->charged, c->out.count > 0 ? cost : 0);
}

void
output_check_limits(struct flow *flow)
{
	struct client *c;

	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		output_charge_queue(flow, c);
		output_check_clogged(flow, c);
	}
	flow_resume_throttled(flow); /* they may be within the new limits */
}

bool
output_drops(const struct client *c, bool is_large)
{
	return c->clogged || (c->user->is_over && is_large);
}

void
output_stop(struct flow *flow, struct client *c)
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
	output_check_clogged(flow, c);
	output_charge_queue(flow, c);
}

void
output_disconnect_slow(struct flow *flow, struct client *c)
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
output_flushed(struct flow *flow, struct client *c, enum outq_status status, size_t written, struct barrier *barrier)
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
		if (barrier->is_broken)
			flow_mark_dead(flow, c); /* what it would be told is not true */
		else
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
		output_charge_queue(flow, c);
	if (c->clogged || flow->users.n_over > 0)
		output_check_clogged(flow, c);
	if (c->is_slow && c->clogged)
		output_disconnect_slow(flow, c);
	c->is_slow = c->is_slow && c->state == CLIENT_DEAD;
}

/* The part of output_queue() for output that cannot just lengthen the last span. */
static void __attribute__((noinline))
output_queue_span(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
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
		output_charge_queue(flow, c);
	if (output_may_be_clogged(flow, &c->out))
		output_check_clogged(flow, c);
}

void
output_queue(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
             struct barrier *barrier, uint32_t messages)
{
	bool is_extended;

	if (c->state == CLIENT_DEAD)
		return;
	if (c->out_state < CLIENT_OUT_BLOCKED)
		is_extended = outq_extend(&c->out, chunk, offset, len, barrier, messages);
	else
		is_extended = outq_extend_copy(&c->out, chunk->data + offset, len, barrier, messages);
	if (!is_extended)
		output_queue_span(flow, c, chunk, offset, len, barrier, messages);
	else if (output_may_be_clogged(flow, &c->out))
		output_check_clogged(flow, c);
}

void
output_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
               struct barrier *barrier, uint32_t messages)
{
	struct deferred deferred = { chunk, offset, len, messages };

	flow->work.done += WORK_QUEUE / 2;
	if (c != flow->executing)
		output_queue(flow, c, chunk, offset, len, barrier, messages);
	else if (buf_append(&flow->deferred, &deferred, sizeof(deferred)) == 0)
		chunk_ref(chunk);
	else
		flow_out_of_memory(flow, c);
}

int64_t
output_append_unicast(struct flow *flow, const void *data, size_t len)
{
	uint32_t offset;

	if (writer_reserve(&flow->unicast, len) < 0)
		return -ENOMEM;
	offset = flow->unicast.chunk->len;
	memcpy(writer_end(&flow->unicast), data, len);
	flow->unicast.chunk->len += (uint32_t)len;
	return offset;
}

void
output_deliver_deferred(struct flow *flow)
{
	struct client *c = flow->executing;
	struct deferred deferred;

	flow->executing = NULL;
	for (size_t at = 0; at < flow->deferred.len; at += sizeof(deferred)) {
		memcpy(&deferred, flow->deferred.data + at, sizeof(deferred));
		output_queue(flow, c, deferred.chunk, deferred.offset, deferred.len, NULL, deferred.messages);
		chunk_unref(deferred.chunk);
	}
	buf_deinit(&flow->deferred);
}
