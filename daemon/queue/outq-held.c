#include "outq-held.h"

#include <errno.h>

#include "barrier.h"
#include "chunk.h"

/* Whether messages overtake the span, if it is the first one. */
static inline bool
outq_is_overtaken(const struct span *span)
{
	return span->messages == 0 && !span->is_inner && barrier_is_overtaken(span->barrier);
}

/*
 * Moves what is ahead into the ring, before the span that is held first. The caller then says what is held. Returns 0;
 * or -ENOMEM, and then the queue is as before.
 */
static int
outq_merge_ahead(struct outq *q)
{
	struct outq *ahead = &q->extra->ahead;
	struct chunk_pool *pool;
	uint32_t at = q->count - q->extra->held, cap = q->cap;
	struct span *ring;

	if (ahead->count == 0)
		return 0;
	pool = outq_span(ahead, 0)->chunk->pool;
	while (cap < q->count + ahead->count)
		cap *= 2;
	ring = chunk_ring_new(pool, cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < at; i++)
		outq_move_span(ring, i, outq_span(q, i));
	for (uint32_t i = 0; i < ahead->count; i++)
		ring[at + i] = *outq_span(ahead, i);
	for (uint32_t i = at; i < q->count; i++)
		outq_move_span(ring, i + ahead->count, outq_span(q, i));
	if (q->detached >= at)
		q->detached = ahead->detached == ahead->count ? q->detached + ahead->count : at + ahead->detached;
	if (at == 0)
		q->head_written = ahead->head_written;
	chunk_ring_free(pool, q->ring, q->cap * sizeof(*ring));
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	q->count += ahead->count;
	q->bytes += ahead->bytes;
	q->chunk_bytes = outq_chunk_bytes_from(q, 0);
	q->extra->unheld_bytes += ahead->bytes;
	outq_free_memory(ahead, pool);
	return 0;
}

int64_t
outq_release(struct outq *q)
{
	uint32_t held = outq_is_held(q) ? q->extra->held : 0, from, moved;

	while (held > 0 && !outq_is_overtaken(outq_span(q, q->count - held)))
		held--;
	if (!q->extra || held == q->extra->held)
		return 1;
	moved = q->extra->held - held + (q->extra->ahead.count > 0 ? q->count + q->extra->ahead.count : 0);
	if (outq_merge_ahead(q) < 0)
		return -ENOMEM;
	for (from = q->count - q->extra->held; from < q->count - held; from++)
		q->extra->unheld_bytes += outq_span(q, from)->len - (from == 0 ? q->head_written : 0);
	q->extra->held = held;
	return moved;
}

int
outq_pin(struct outq *q)
{
	if (!outq_is_held(q))
		return 0;
	if (outq_merge_ahead(q) < 0)
		return -ENOMEM;
	q->extra->held = 0;
	return 0;
}

int
outq_begin_answer(struct outq *q, uint32_t *ret_at)
{
	struct chunk *own = q->extra ? q->extra->own : NULL;

	if (outq_is_held(q) && outq_merge_ahead(q) < 0)
		return -ENOMEM;
	if (own && own->len < own->cap)
		own->data[own->len++] = 0; /* or the answer could lengthen the last copy */
	*ret_at = q->count;
	return 0;
}

uint32_t
outq_end_answer(struct outq *q, uint32_t at, bool is_pinned)
{
	struct barrier *last = NULL;
	size_t bytes = 0;

	if (!outq_is_held(q))
		return 0;
	if (is_pinned) {
		q->extra->held = 0;
		return 0;
	}
	for (uint32_t i = at; i < q->count; i++) {
		struct span *span = outq_span(q, i);

		bytes += span->len;
		if (outq_is_overtaken(span))
			last = barrier_later(last, span->barrier);
		span->is_inner = i > at;
	}
	if (!last)
		return q->count - at;
	/*
	 * The first span stands for all: while it is held, so are they. Afterwards some may still wait for receivers;
	 * then messages go behind the answer.
	 */
	barrier_ref(last);
	barrier_unref(outq_span(q, at)->barrier);
	outq_span(q, at)->barrier = last;
	if (q->extra->held < q->count - at) {
		q->extra->held = q->count - at;
		q->extra->unheld_bytes = q->bytes - bytes;
	}
	return q->count - at;
}
