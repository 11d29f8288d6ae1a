/*
 * A queue of output is written in order, and its parts are shared with the queues of other clients where that saves
 * memory: a piece of a chunk is queued as a span, which lengthens the last one if it follows it. Once the socket was
 * full, small pieces are copied, so that a client that does not read does not keep the chunks of all others.
 */
#include "output.h"

#include <errno.h>
#include <string.h>

#include "human.h"
#include "outq-copy.h"
#include "outq-held.h"
#include "output-limit.h"

/* A piece of output that waits for the end of EXEC; has a reference to its chunk. messages: 0: a part of one. */
struct deferred {
	struct chunk *chunk;
	size_t offset, len;
	uint32_t messages;
};

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
		         "gone with up to %llu message%s not delivered", (unsigned long long)lost, human_s(lost));
	flow->stats.undelivered += lost;
	flow->stats.undelivered_slow += c->is_slow ? lost : 0;
	output_limit_check(flow, c);
	output_limit_charge_queue(flow, c);
}

void
output_disconnect_slow(struct flow *flow, struct client *c)
{
	if (c->state == CLIENT_DEAD)
		return;
	c->is_slow = true;
	if (c->out_state < CLIENT_OUT_BLOCKED)
		return;
	flow_log(flow, c, LOG_LEVEL_WARNING, "is slow, disconnected with %zu byte%s unsent", c->out.bytes,
	         human_s(c->out.bytes));
	flow->stats.slow_receivers++;
	flow_mark_dead(flow, c);
}

/* Messages do not overtake any more what a commit has released. */
static void
output_release(struct flow *flow, struct client *c)
{
	int64_t n = outq_release(&c->out);

	if (n < 0)
		flow_out_of_memory(flow, c);
	else
		flow->work.done += (uint64_t)n * WORK_VISIT;
}

/* What could not be written has to wait: copies the small pieces. */
static void
output_detach(struct flow *flow, struct client *c)
{
	size_t before = flow->chunks.bytes;

	flow->work.done += outq_undetached(&c->out) * WORK_QUEUE;
	outq_detach(&c->out, &flow->chunks);
	if (flow->chunks.bytes > before)
		flow->work.done += WORK_FRESH * WORK_BYTES(flow->chunks.bytes - before);
}

void
output_flushed(struct flow *flow, struct client *c, enum outq_status status, size_t written, struct barrier *barrier)
{
	flow->work.done += WORK_WRITE + 2 * WORK_BYTES(written);
	switch (status) {
	case OUTQ_EMPTY:
		flow_set_out_state(flow, c, CLIENT_OUT_IDLE);
		if (c->state == CLIENT_CLOSING)
			flow_mark_dead(flow, c);
		break;
	case OUTQ_FULL:
	case OUTQ_BUDGET:
		flow_set_out_state(flow, c, CLIENT_OUT_BLOCKED);
		output_detach(flow, c);
		break;
	case OUTQ_GATED:
		flow_set_out_state(flow, c, CLIENT_OUT_GATED);
		output_detach(flow, c);
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
	if (outq_is_held(&c->out))
		output_release(flow, c);
	if (c->out.extra || c->held_up)
		output_limit_check_held(flow, c);
	if (c->out.count > 0 || c->charged > 0)
		output_limit_charge_queue(flow, c);
	if (c->clogged || flow->users.n_over > 0)
		output_limit_check(flow, c);
	if (c->is_slow && c->clogged)
		output_disconnect_slow(flow, c);
	c->is_slow = c->is_slow && c->state == CLIENT_DEAD;
}

/* The end of queueing a span: *q is the client's queue, or the part of it where messages go. */
static inline void __attribute__((always_inline))
output_push_span(struct flow *flow, struct client *c, struct outq *q, struct chunk *chunk, size_t offset, size_t len,
                 struct barrier *barrier, uint32_t messages, bool is_reply)
{
	bool is_waiting = c->out_state >= CLIENT_OUT_BLOCKED;
	int r;

	flow->work.done += WORK_QUEUE;
	if (is_waiting)
		r = outq_push_waiting(q, chunk, offset, len, barrier, messages);
	else
		r = outq_push(q, chunk, offset, len, barrier, messages);
	if (r < 0) {
		flow_out_of_memory(flow, c);
		return;
	}
	if (c->out_state == CLIENT_OUT_IDLE)
		c->progress_ms = (uint32_t)flow->now_ms;
	if (c->out_state == CLIENT_OUT_IDLE || (!is_reply && c->out_state == CLIENT_OUT_REPLIER))
		flow_set_out_state(flow, c, is_reply ? CLIENT_OUT_REPLIER : CLIENT_OUT_RECEIVER);
	if (is_waiting || outq_ring_bytes(&c->out) > c->charged)
		output_limit_charge_queue(flow, c);
	if (output_limit_must_check(flow, &c->out))
		output_limit_check(flow, c);
}

/* Queues for a client whose output has to wait, or waits for a commit. */
static void __attribute__((noinline))
output_queue_extra(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                   struct barrier *barrier, uint32_t messages, bool is_reply)
{
	struct outq *q = &c->out;

	if (!is_reply && outq_is_held(q)) {
		output_release(flow, c);
		q = outq_for_messages(q);
	}
	output_push_span(flow, c, q, chunk, offset, len, barrier, messages, is_reply);
	if (c->out_state == CLIENT_OUT_GATED && outq_has_overtaken(&c->out))
		flow_set_out_state(flow, c, CLIENT_OUT_RECEIVER);
	output_limit_check(flow, c);
}

/* The part of output_queue() for output that cannot just lengthen the last span. */
static void __attribute__((noinline))
output_queue_span(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                  struct barrier *barrier, uint32_t messages)
{
	if (c->out.extra)
		output_queue_extra(flow, c, chunk, offset, len, barrier, messages, messages == 0);
	else
		output_push_span(flow, c, &c->out, chunk, offset, len, barrier, messages, messages == 0);
}

/* The part of output_queue() for clients that cannot be written to. */
static void __attribute__((noinline))
output_queue_waiting(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                     struct barrier *barrier, uint32_t messages)
{
	if (!outq_extend_copy(&c->out, chunk->data + offset, len, barrier, messages))
		output_queue_span(flow, c, chunk, offset, len, barrier, messages);
	else if (output_limit_must_check(flow, &c->out))
		output_limit_check(flow, c);
	if (outq_is_held(&c->out))
		output_limit_check_held(flow, c);
}

void
output_queue(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
             struct barrier *barrier, uint32_t messages)
{
	if (c->state == CLIENT_DEAD)
		return;
	if (c->out_state >= CLIENT_OUT_BLOCKED)
		output_queue_waiting(flow, c, chunk, offset, len, barrier, messages);
	else if (!outq_extend(&c->out, chunk, offset, len, barrier, messages))
		output_queue_span(flow, c, chunk, offset, len, barrier, messages);
	else if (output_limit_must_check(flow, &c->out))
		output_limit_check(flow, c);
}

static void
output_defer(struct flow *flow, struct client *c, struct deferred deferred)
{
	size_t memory = buf_memory(&flow->deferred);

	if (buf_append(&flow->deferred, &deferred, sizeof(deferred)) == 0)
		chunk_ref(deferred.chunk);
	else
		flow_out_of_memory(flow, c);
	if (buf_memory(&flow->deferred) != memory)
		output_limit_charge(flow, c->user, &flow->deferred_charged, buf_memory(&flow->deferred));
}

void
output_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
               struct barrier *barrier, uint32_t messages)
{
	flow->work.done += WORK_QUEUE / 2;
	if (c != flow->executing)
		output_queue(flow, c, chunk, offset, len, barrier, messages);
	else
		output_defer(flow, c, (struct deferred){ chunk, offset, len, messages });
}

/* Queues the first part of a message. */
static void
output_queue_part(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len)
{
	if (!outq_is_held(&c->out))
		output_queue(flow, c, chunk, offset, len, NULL, 0);
	else if (c->state != CLIENT_DEAD)
		output_queue_extra(flow, c, chunk, offset, len, NULL, 0, false);
}

void
output_deliver_part(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len)
{
	flow->work.done += WORK_QUEUE / 2;
	if (c == flow->executing)
		output_defer(flow, c, (struct deferred){ chunk, offset, len, 0 });
	else
		output_queue_part(flow, c, chunk, offset, len);
}

void
output_pin(struct flow *flow, struct client *c)
{
	if (c == flow->executing)
		flow->executing_is_pinned = true; /* and so is the rest of the answer */
	if (!outq_is_held(&c->out))
		return;
	flow->work.done += c->out.count * WORK_VISIT;
	if (outq_pin(&c->out) < 0)
		flow_out_of_memory(flow, c);
	output_limit_check(flow, c);
}

uint32_t
output_begin_answer(struct flow *flow, struct client *c)
{
	struct chunk *chunk = flow->unicast.chunk;
	uint32_t at = 0;

	flow->executing_is_pinned = false;
	flow->work.done += c->out.extra ? c->out.count * WORK_VISIT : 0;
	if (chunk && chunk->len < chunk->cap)
		chunk->data[chunk->len++] = 0; /* so that no span has the end of one answer and the begin of the next */
	if (outq_begin_answer(&c->out, &at) < 0)
		flow_out_of_memory(flow, c);
	return at;
}

void
output_end_answer(struct flow *flow, struct client *c, uint32_t at)
{
	if (outq_is_held(&c->out) && c->state != CLIENT_DEAD)
		flow->work.done += outq_end_answer(&c->out, at, flow->executing_is_pinned) * WORK_VISIT;
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

bool
output_deliver_deferred(struct flow *flow, uint64_t end)
{
	struct client *c = flow->executing;
	struct deferred deferred;

	while (flow->deferred_at < flow->deferred.len) {
		if (flow->work.done >= end)
			return false;
		memcpy(&deferred, flow->deferred.data + flow->deferred_at, sizeof(deferred));
		flow->deferred_at += sizeof(deferred);
		flow->work.done += WORK_VISIT;
		if (deferred.messages > 0)
			output_queue(flow, c, deferred.chunk, deferred.offset, deferred.len, NULL, deferred.messages);
		else
			output_queue_part(flow, c, deferred.chunk, deferred.offset, deferred.len);
		chunk_unref(deferred.chunk);
	}
	flow->deferred_at = 0;
	buf_deinit(&flow->deferred);
	output_limit_charge(flow, c->user, &flow->deferred_charged, 0);
	return true;
}
