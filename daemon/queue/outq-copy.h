/* Copies of output that has to wait, so that it does not keep the chunks of all others from being freed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "outq.h"

/*
 * As outq_push(), for a queue that has to wait: queues a copy of a small piece, so that a few bytes do not keep a whole
 * shared chunk from being freed.
 */
int outq_push_waiting(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
                      uint32_t messages);

/* First part of outq_push_waiting(): lengthens the last span if it is a copy with room behind it. Returns whether so.
 */
static inline bool
outq_extend_copy(struct outq *q, const uint8_t *data, size_t len, const struct barrier *barrier, uint32_t messages)
{
	struct chunk *own = q->extra ? q->extra->own : NULL;

	if (!own || len >= OUTQ_SHARED_MIN || own->cap - own->len < len ||
	    !outq_extend(q, own, own->len, len, barrier, messages))
		return false;
	memcpy(own->data + own->len, data, len);
	own->len += (uint32_t)len;
	return true;
}

/*
 * A piece of output as it has to be queued when it waits: a copy of a small piece, and the chunk itself of a large one.
 * Returns a chunk with a reference more and where the piece is in it, or NULL without memory.
 */
struct chunk *outq_copy_waiting(struct outq *q, struct chunk *chunk, size_t offset, size_t len, size_t *ret_offset);

/* Call when output has to wait: copies the small pieces that were queued since the last call, while there is memory. */
void outq_detach(struct outq *q, struct chunk_pool *pool);

/* Spans that outq_detach() has not dealt with yet. */
static inline uint32_t
outq_undetached(const struct outq *q)
{
	return q->count - q->detached + (q->extra ? q->extra->ahead.count - q->extra->ahead.detached : 0);
}
