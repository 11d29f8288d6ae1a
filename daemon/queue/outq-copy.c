/*
 * Chunks are shared, so a few bytes that wait could keep 64 KiB from being freed. Whatever has to wait is therefore
 * copied if it is small: at once when the queue waits already (outq_push_copy), and otherwise when a write ended early
 * (outq_detach). Small copies share a chunk of the queue's own; of larger ones there is one for all queues that wait
 * with the same piece, so that a message to thousands of receivers that do not read is not copied thousands of times.
 */
#include "outq-copy.h"

#include <errno.h>

#include "barrier.h"
#include "chunk.h"

/* Bytes of a chunk that several copies share. A larger copy gets a chunk for itself. */
#define OWN_CHUNK_SIZE ((size_t)4096)

/* Copies to the queue's own chunk, or a new one. Returns it with a reference more, or NULL when there is no memory. */
static struct chunk *
outq_copy(struct outq *q, struct chunk_pool *pool, const uint8_t *data, size_t len, size_t *ret_offset)
{
	struct outq_extra *extra = outq_get_extra(q, pool);
	struct chunk *chunk;

	if (!extra)
		return NULL;
	chunk = extra->own;
	if (chunk && chunk->cap - chunk->len >= len) {
		chunk_ref(chunk);
	} else {
		chunk = chunk_new_exact(pool, len > OWN_CHUNK_SIZE ? len : OWN_CHUNK_SIZE);
		if (!chunk)
			return NULL;
		if (len < OWN_CHUNK_SIZE) {
			chunk_unref(extra->own);
			extra->own = chunk_ref(chunk);
		}
	}
	*ret_offset = chunk->len;
	memcpy(chunk->data + chunk->len, data, len);
	chunk->len += (uint32_t)len;
	return chunk;
}

static int
outq_push_copy(struct outq *q, struct chunk_pool *pool, const uint8_t *data, size_t len, struct barrier *barrier,
               uint32_t messages)
{
	size_t offset;
	struct chunk *copy = outq_copy(q, pool, data, len, &offset);
	int r = copy ? outq_push(q, copy, offset, len, barrier, messages) : -ENOMEM;

	chunk_unref(copy);
	if (q->count == 0)
		outq_free_memory(q, pool);
	return r;
}

int
outq_push_waiting(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
                  uint32_t messages)
{
	struct chunk *copy;
	int r;

	if (len > OUTQ_COPY_MAX || chunk->cap <= (len > OWN_CHUNK_SIZE ? len : OWN_CHUNK_SIZE))
		return outq_push(q, chunk, offset, len, barrier, messages);
	if (len < OUTQ_SHARED_MIN)
		return outq_push_copy(q, chunk->pool, chunk->data + offset, len, barrier, messages);
	copy = chunk_compact(chunk, offset, len);
	r = copy ? outq_push(q, copy, 0, len, barrier, messages) : -ENOMEM;
	chunk_unref(copy);
	return r;
}

struct chunk *
outq_copy_waiting(struct outq *q, struct chunk *chunk, size_t offset, size_t len, size_t *ret_offset)
{
	*ret_offset = offset;
	if (len > OUTQ_COPY_MAX || chunk->cap <= (len > OWN_CHUNK_SIZE ? len : OWN_CHUNK_SIZE))
		return chunk_ref(chunk);
	if (len < OUTQ_SHARED_MIN)
		return outq_copy(q, chunk->pool, chunk->data + offset, len, ret_offset);
	*ret_offset = 0;
	return chunk_compact(chunk, offset, len);
}

/* Replaces the unsent part of a span with a copy, if it is small. Returns false when there is no memory. */
static bool
outq_detach_span(struct outq *q, struct chunk_pool *pool, uint32_t i)
{
	struct span *span = outq_span(q, i);
	uint32_t skip = i == 0 ? q->head_written : 0, len = span->len - skip;
	struct chunk *copy;
	size_t offset;

	if (len > OUTQ_COPY_MAX || span->chunk->cap <= (span->len > OWN_CHUNK_SIZE ? span->len : OWN_CHUNK_SIZE))
		return true; /* large enough to keep its chunk, or a copy already */
	if (span->len >= OUTQ_SHARED_MIN) {
		copy = chunk_compact(span->chunk, span->offset, span->len);
		if (!copy)
			return false;
		chunk_unref(span->chunk);
		span->chunk = copy;
		span->offset = 0;
		return true;
	}
	copy = outq_copy(q, pool, span->chunk->data + span->offset + skip, len, &offset);
	if (!copy)
		return false;
	chunk_unref(span->chunk);
	span->chunk = copy;
	span->offset = (uint32_t)offset;
	span->len = len;
	if (i == 0)
		q->head_written = 0;
	return true;
}

void
outq_detach(struct outq *q, struct chunk_pool *pool)
{
	uint32_t first = q->detached;

	if (q->extra && q->extra->ahead.count > 0)
		outq_detach(&q->extra->ahead, pool);
	if (first > 0 && outq_span(q, 0)->chunk->cap == CHUNK_ROOM && outq_span(q, 0)->barrier)
		first = q->detached = 0; /* a reply that was filled in later (outq-slot.h), and could not be written */
	if (first == q->count)
		return;
	q->chunk_bytes -= outq_chunk_bytes_from(q, first);
	while (q->detached < q->count && outq_detach_span(q, pool, q->detached))
		q->detached++;
	q->chunk_bytes += outq_chunk_bytes_from(q, first);
}
