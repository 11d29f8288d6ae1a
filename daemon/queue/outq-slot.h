/*
 * Replies that are not known yet, while what comes behind them is: a slot keeps the place of such a reply in the queue.
 * It is a span without bytes that waits for a barrier of its own. Like replies that wait for a commit of the store, it
 * holds the queue, so messages go before it. What is filled in is written as any other reply.
 */
#pragma once

#include <stddef.h>

#include "outq.h"

/*
 * Queues a slot. Returns its barrier, with a reference for the caller; or NULL without memory. The caller calls
 * outq_fill() once, unless outq_clear() comes first; then it calls outq_abandon().
 */
struct barrier *outq_push_slot(struct outq *q, struct chunk_pool *pool, struct barrier_pool *barriers);

/* Whether nothing stands before the slot. */
static inline bool
outq_slot_is_first(const struct outq *q, const struct barrier *slot)
{
	return slot->slot == q->head && !outq_has_overtaken(q);
}

/*
 * Whether the reply of the slot need not be copied: it is the first one, and so can be written; or the one before it
 * was filled in from the same chunk and not copied either, since it can be written, too, or keeps that chunk anyway.
 */
static inline bool
outq_slot_is_due(const struct outq *q, const struct barrier *slot, const struct chunk *chunk)
{
	const struct span *before = &q->ring[(slot->slot - 1) & (q->cap - 1)];

	return outq_slot_is_first(q, slot) ||
	       (slot->slot != q->head && before->chunk == chunk && before->barrier &&
	        before->barrier->commit == BARRIER_SLOT && before->barrier->pending == 0);
}

/*
 * Fills in the bytes of the reply, at least one, and opens the slot; the caller keeps its reference to the barrier,
 * whose other one ends when the reply is written or dropped. Takes a reference to the chunk. must_wait: the reply
 * cannot be written now, so a small one is copied. Returns 0; or -ENOMEM, and then the slot is as before.
 */
int outq_fill(struct outq *q, struct barrier *slot, struct chunk *chunk, size_t offset, size_t len, bool must_wait);

/* The queue of the slot is cleared, or will be: it is not filled any more. Ends the caller's reference. Takes NULL. */
void outq_abandon(struct barrier *slot);

/* Whether the first reply that is held is a slot. */
static inline bool
outq_is_held_by_slot(const struct outq *q)
{
	const struct barrier *barrier;

	if (!outq_is_held(q))
		return false;
	barrier = q->ring[(q->head + q->count - q->extra->held) & (q->cap - 1)].barrier;
	return barrier && barrier->commit == BARRIER_SLOT;
}

/* Whether the slot's reply was filled in, and not all of it is written or dropped yet. */
static inline bool
outq_slot_is_unsent(const struct barrier *slot)
{
	return slot->pending == 0 && slot->refs > 1;
}
