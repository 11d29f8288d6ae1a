/*
 * The barrier of a slot knows where in the ring its span is, so that filling it in costs the same however long the
 * queue is: a span stays at its place until the ring itself is replaced (outq_move_span()). While it is empty, the span
 * has the pool's empty chunk, which no other span lengthens.
 */
#include "outq-slot.h"

#include <errno.h>

#include "barrier.h"
#include "chunk.h"
#include "outq-copy.h"

struct barrier *
outq_push_slot(struct outq *q, struct chunk_pool *pool, struct barrier_pool *barriers)
{
	struct barrier *slot = barrier_new_slot(barriers);
	struct chunk *chunk = slot ? chunk_empty(pool) : NULL;

	if (!chunk || outq_push_apart(q, chunk, 0, 0, slot, 0) < 0) {
		chunk_unref(chunk);
		if (slot)
			outq_abandon(slot);
		return NULL;
	}
	chunk_unref(chunk);
	slot->slot = (q->head + q->count - 1) & (q->cap - 1) & INT32_MAX;
	return slot;
}

int
outq_fill(struct outq *q, struct barrier *slot, struct chunk *chunk, size_t offset, size_t len, bool must_wait)
{
	struct span *span = &q->ring[slot->slot], *next;
	uint32_t i = (slot->slot - q->head) & (q->cap - 1);

	if (must_wait)
		chunk = outq_copy_waiting(q, chunk, offset, len, &offset);
	else
		chunk_ref(chunk);
	if (!chunk)
		return -ENOMEM;
	next = i + 1 < q->count ? outq_span(q, i + 1) : NULL;
	/* What the span, and the one behind it, add to chunk_bytes. */
	if (i == 0 || outq_span(q, i - 1)->chunk != span->chunk)
		q->chunk_bytes -= chunk_size(span->chunk);
	if (i == 0 || outq_span(q, i - 1)->chunk != chunk)
		q->chunk_bytes += chunk_size(chunk);
	if (next && next->chunk == span->chunk)
		q->chunk_bytes += chunk_size(next->chunk);
	else if (next && next->chunk == chunk)
		q->chunk_bytes -= chunk_size(chunk);
	chunk_unref(span->chunk);
	span->chunk = chunk;
	span->offset = (uint32_t)offset;
	span->len = (uint32_t)len;
	q->bytes += len;
	if (outq_is_held(q) && i < q->count - q->extra->held)
		q->extra->unheld_bytes += len;
	barrier_arrive(slot);
	return 0;
}

void
outq_abandon(struct barrier *slot)
{
	if (!slot)
		return;
	if (slot->pending > 0)
		barrier_arrive(slot);
	barrier_unref(slot);
}
