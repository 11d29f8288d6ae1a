/*
 * A client whose only output is a slot has nothing to write: it goes to out_state GATED at once, so that waiting costs
 * nothing more. What is filled in behind another slot has to wait, and its user is charged with it.
 */
#include "output-slot.h"

#include "outq-slot.h"
#include "output-limit.h"

/* Spans up to which a queue needs no look at its limits when a slot is added. */
#define FEW_SPANS 512

/* What a queue may take more than its user is charged with, in bytes, until it is flushed. */
#define CHARGE_SLACK ((size_t)1024)

/* Charges what a queue that waits has come to take. */
static inline void
output_charge_slots(struct flow *flow, struct client *c)
{
	if (outq_memory(&c->out) > c->charged + CHARGE_SLACK)
		output_limit_charge_queue(flow, c);
	if (c->out.count > FEW_SPANS || c->out.bytes > CHARGE_SLACK)
		output_limit_check_held(flow, c);
}

struct barrier *
output_push_slot(struct flow *flow, struct client *c)
{
	uint32_t cap = c->out.cap;
	struct barrier *slot;

	if (c->state == CLIENT_DEAD)
		return NULL;
	flow->work.done += WORK_QUEUE;
	slot = outq_push_slot(&c->out, &flow->chunks, &flow->barriers);
	if (!slot) {
		flow_out_of_memory(flow, c);
		return NULL;
	}
	if (c->out_state == CLIENT_OUT_IDLE) {
		c->progress_ms = (uint32_t)flow->now_ms;
		flow_set_out_state(flow, c, c->out.count == 1 ? CLIENT_OUT_GATED : CLIENT_OUT_REPLIER);
		if (c->out.count == 1)
			barrier_wait(slot, &c->gate);
	}
	/* It takes no memory but that of the ring. */
	if (c->out_state >= CLIENT_OUT_BLOCKED && (c->out.cap != cap || c->out.count > FEW_SPANS))
		output_charge_slots(flow, c);
	return slot;
}

void
output_fill(struct flow *flow, struct client *c, struct barrier *slot, struct chunk *chunk, size_t offset, size_t len)
{
	bool must_wait = c->out_state == CLIENT_OUT_BLOCKED || !outq_slot_is_due(&c->out, slot, chunk);

	flow->work.done += WORK_QUEUE;
	if (c->state == CLIENT_DEAD)
		return;
	if (outq_fill(&c->out, slot, chunk, offset, len, must_wait) < 0) {
		flow_out_of_memory(flow, c);
		return;
	}
	if (must_wait) {
		output_charge_slots(flow, c);
	} else if (c->out_state == CLIENT_OUT_GATED) {
		/* It has waited for this one, and is written before the replies of those who have only asked. */
		c->progress_ms = (uint32_t)flow->now_ms;
		c->active_s = flow->uptime_s;
		flow_set_out_state(flow, c, CLIENT_OUT_RECEIVER);
	}
	if (output_limit_must_check(flow, &c->out))
		output_limit_check(flow, c);
}
