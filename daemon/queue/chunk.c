/*
 * Bytes that were written to a chunk never change, so any number of queues may point into it. A chunk has two kinds of
 * memory behind it: the standard size goes through the free list, since nearly all output uses it; any other size is
 * the heap's. chunk_pool_trim() frees only what stayed unused since the trim before, so a load that comes in waves does
 * not allocate anew with each of them.
 */
#include "chunk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Size of the free list of rings: enough for nearly every pass. More go back to the heap. */
#define RINGS_MAX 256

struct spare_ring {
	struct spare_ring *next;
};

void *
chunk_ring_new(struct chunk_pool *pool, size_t size)
{
	struct spare_ring *ring = pool->rings;

	if (size > CHUNK_RING_SIZE || !ring) {
		ring = malloc(size);
		pool->bytes += ring ? size : 0;
		return ring;
	}
	pool->bytes += size;
	pool->rings = ring->next;
	pool->n_rings--;
	return ring;
}

void
chunk_ring_free(struct chunk_pool *pool, void *memory, size_t size)
{
	struct spare_ring *ring = memory;

	pool->bytes -= size;
	if (size > CHUNK_RING_SIZE || pool->n_rings == RINGS_MAX) {
		pool->released += size;
		free(ring);
		return;
	}
	ring->next = pool->rings;
	pool->rings = ring;
	pool->n_rings++;
}

void
chunk_pool_deinit(struct chunk_pool *pool)
{
	struct spare_ring *ring;

	while ((ring = pool->rings)) {
		pool->rings = ring->next;
		free(ring);
	}
	pool->n_rings = 0;
	chunk_unref(pool->empty);
	pool->n_spare = pool->n_free;
	chunk_pool_trim(pool);
	assert(pool->bytes == 0);
}

size_t
chunk_pool_trim(struct chunk_pool *pool)
{
	for (; pool->n_spare > 0; pool->n_spare--) {
		struct chunk *chunk = pool->free;

		pool->free = chunk->next;
		pool->n_free--;
		pool->bytes -= CHUNK_SIZE;
		pool->released += CHUNK_SIZE;
		free(chunk);
	}
	pool->n_spare = pool->n_free;
	return pool->n_free;
}

static void
chunk_begin(struct chunk_pool *pool, struct chunk *chunk, size_t size)
{
	chunk->pool = pool;
	chunk->refs = 1;
	chunk->cap = (uint32_t)(size - sizeof(*chunk));
	chunk->len = 0;
	chunk->copies = NULL;
}

struct chunk *
chunk_new_exact(struct chunk_pool *pool, size_t cap)
{
	size_t size = sizeof(struct chunk) + cap;
	struct chunk *chunk = size <= UINT32_MAX ? malloc(size) : NULL;

	if (!chunk)
		return NULL;
	pool->bytes += size;
	chunk_begin(pool, chunk, size);
	return chunk;
}

struct chunk *
chunk_new(struct chunk_pool *pool, size_t cap)
{
	struct chunk *chunk = pool->free;

	if (cap > CHUNK_ROOM || !chunk)
		return chunk_new_exact(pool, cap > CHUNK_ROOM ? cap : CHUNK_ROOM);
	pool->free = chunk->next;
	if (--pool->n_free < pool->n_spare)
		pool->n_spare = pool->n_free;
	chunk_begin(pool, chunk, CHUNK_SIZE);
	return chunk;
}

struct chunk *
chunk_empty(struct chunk_pool *pool)
{
	if (!pool->empty)
		pool->empty = chunk_new_exact(pool, 0);
	return pool->empty ? chunk_ref(pool->empty) : NULL;
}

struct chunk *
chunk_grow(struct chunk *chunk, size_t cap)
{
	size_t size = sizeof(*chunk) + cap;

	assert(chunk->refs == 1);
	if (cap <= chunk->cap)
		return chunk;
	if (size > UINT32_MAX)
		return NULL;
	chunk = realloc(chunk, size);
	if (!chunk)
		return NULL;
	chunk->pool->bytes += cap - chunk->cap;
	chunk->cap = (uint32_t)cap;
	return chunk;
}

/* Chunks that still use one of the copies keep it; nobody gets it anew. */
static void
chunk_forget_copies(struct chunk *chunk)
{
	struct chunk *copy;

	while ((copy = chunk->copies)) {
		chunk->copies = copy->next;
		chunk_unref(copy);
	}
}

void
chunk_release(struct chunk *chunk)
{
	struct chunk_pool *pool = chunk->pool;

	assert(chunk->refs == 0);
	chunk_forget_copies(chunk);
	if (chunk->cap != CHUNK_ROOM) {
		pool->bytes -= sizeof(*chunk) + chunk->cap;
		pool->released += sizeof(*chunk) + chunk->cap;
		free(chunk);
		return;
	}
	chunk->next = pool->free;
	pool->free = chunk;
	pool->n_free++;
}

struct chunk *
chunk_compact(struct chunk *chunk, size_t from, size_t len)
{
	struct chunk *copy;

	/* Queues come to wait in the same pass, so there are few copies, and the one made last is asked for most. */
	for (copy = chunk->copies; copy; copy = copy->next)
		if (copy->copied_from == from && copy->len == len)
			return chunk_ref(copy);
	copy = chunk_new_exact(chunk->pool, len);
	if (!copy)
		return NULL;
	memcpy(copy->data, chunk->data + from, len);
	copy->len = (uint32_t)len;
	copy->copied_from = (uint32_t)from;
	copy->next = chunk->copies;
	chunk->copies = chunk_ref(copy);
	return copy;
}

void
writer_deinit(struct writer *writer)
{
	chunk_unref(writer->chunk);
	writer->chunk = NULL;
}

int
writer_new_chunk(struct writer *writer, size_t room)
{
	struct chunk *chunk = writer->chunk;

	if (chunk && chunk->refs == 1 && chunk->cap >= room) {
		chunk->len = 0; /* nobody else refers to its bytes */
		chunk_forget_copies(chunk);
		return 0;
	}
	chunk = chunk_new(writer->pool, room);
	if (!chunk)
		return -ENOMEM;
	chunk_unref(writer->chunk);
	writer->chunk = chunk;
	return 0;
}
