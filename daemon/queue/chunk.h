/*
 * Memory for what goes out: reference-counted chunks that messages and replies are encoded into once and
 * that any number of output queues point into. Chunks of the standard size come from a free list;
 * chunk_pool_trim(), called now and then, gives back what was not needed since the call before.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chunk_pool;

struct chunk {
	struct chunk_pool *pool;
	struct chunk *next_free;
	uint32_t refs;
	uint32_t cap; /* bytes of data */
	uint32_t len; /* bytes written so far; these never change again */
	uint8_t data[];
};

/* What one chunk of the standard size takes, with its header. */
#define CHUNK_SIZE ((size_t)64 * 1024)
#define CHUNK_ROOM (CHUNK_SIZE - sizeof(struct chunk))

struct chunk_pool {
	struct chunk *free;
	size_t n_free;
	size_t n_spare;  /* the fewest free ones since the last trim */
	size_t bytes;    /* of all chunks, free ones included */
	size_t released; /* bytes given back to the heap; for whoever trims that, and sets it to 0 */
	/* Room for short output queues, which come and go with every answer (outq.c). */
	struct spare_ring *rings;
	uint32_t n_rings;
};

#define CHUNK_RING_SIZE ((size_t)128)

/* Memory of CHUNK_RING_SIZE bytes, or NULL. */
void *chunk_ring_new(struct chunk_pool *pool);
void chunk_ring_free(struct chunk_pool *pool, void *ring);

/* All chunks must have been given back. */
void chunk_pool_deinit(struct chunk_pool *pool);

/* Returns the number of chunks that are still in the free list. */
size_t chunk_pool_trim(struct chunk_pool *pool);

/* A chunk of at least cap bytes of data with one reference, or NULL. */
struct chunk *chunk_new(struct chunk_pool *pool, size_t cap);

/* The same, but never larger than asked for, and not from the free list. */
struct chunk *chunk_new_exact(struct chunk_pool *pool, size_t cap);

/* Enlarges a chunk that nobody else refers to. Returns it (perhaps moved), or NULL and leaves it as it was. */
struct chunk *chunk_grow(struct chunk *chunk, size_t cap);

void chunk_release(struct chunk *chunk);

/* What it takes in all. */
static inline size_t
chunk_size(const struct chunk *chunk)
{
	return sizeof(*chunk) + chunk->cap;
}

static inline struct chunk *
chunk_ref(struct chunk *chunk)
{
	chunk->refs++;
	return chunk;
}

/* Takes NULL. */
static inline void
chunk_unref(struct chunk *chunk)
{
	if (chunk && --chunk->refs == 0)
		chunk_release(chunk);
}

/* Writes one thing after another, into one chunk after another. Zero-initialised but for the pool. */
struct stream {
	struct chunk_pool *pool;
	struct chunk *chunk; /* the one being filled, or NULL */
};

void stream_deinit(struct stream *stream);

int stream_new_chunk(struct stream *stream, size_t room);

/* Sees to it that chunk has room for so many more bytes in one piece. Returns 0 or -ENOMEM. */
static inline int
stream_reserve(struct stream *stream, size_t room)
{
	if (stream->chunk && stream->chunk->cap - stream->chunk->len >= room)
		return 0;
	return stream_new_chunk(stream, room);
}

/* Where the next byte goes. */
static inline uint8_t *
stream_end(const struct stream *stream)
{
	return stream->chunk->data + stream->chunk->len;
}
