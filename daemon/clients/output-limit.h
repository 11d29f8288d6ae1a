/*
 * The limits of output that is unsent, queue_limit and queue_limit_per_uid: who has reached one is "clogged", and is
 * not written for without end. output-limit.c says how. What then happens to publishers and messages is decided by
 * bus/slow-policy.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "flow.h"

/* Finds out whether the client is clogged. Call after queueing or writing. */
void output_limit_check(struct flow *flow, struct client *c);

/* Likewise for all clients. Call after the limits have changed. */
void output_limit_check_all(struct flow *flow);

/* Replaces what the user was charged with for some memory (*charged) by cost, both in bytes. */
void output_limit_charge(struct flow *flow, struct user *user, size_t *charged, size_t cost);

/*
 * Charges the user with the memory of the client's queue: once it could not be written at once, with all that it keeps;
 * before, with the ring alone, since the chunks are shared with the other receivers, and bounded by FLOW_PASS_BYTES.
 */
void output_limit_charge_queue(struct flow *flow, struct client *c);

/* Whether the client has no room for a further message. is_large: the message has its own chunk. */
static inline bool
output_limit_is_reached(const struct client *c, bool is_large)
{
	return c->clogged || (c->user->is_over && is_large);
}

/* Finds out whether the client is held up. Call after writing, if it has replies that wait for a commit, or is. */
void output_limit_check_held(struct flow *flow, struct client *c);

/* Whether output_limit_check() has to be called after output was queued. */
static inline bool
output_limit_must_check(const struct flow *flow, const struct outq *q)
{
	return q->bytes + q->count * OUTQ_SPAN_COST > flow->limits.queue_limit || flow->users.n_over > 0;
}
