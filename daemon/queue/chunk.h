/*
 * Memory for output: reference-counted chunks. A message or reply is encoded into a chunk once, and any number of
 * output queues point to it there. Chunks of the standard size come from a free list.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chunk_pool;

struct chunk {
	struct chunk_pool *pool;
	struct chunk *next; /* in the free list, or in the list of compact copies */
	uint32_t refs;
	uint32_t cap;         /* bytes of data */
	uint32_t len;         /* bytes written so far; these never change again */
	struct chunk *copies; /* of pieces of it, made by chunk_compact() */
	uint32_t copied_from; /* of a copy: where its bytes were */
	uint8_t data[];
};

/* The standard size of a chunk: with its header, and of its data. */
#define CHUNK_SIZE ((size_t)64 * 1024)
#define CHUNK_ROOM (CHUNK_SIZE - sizeof(struct chunk))

struct chunk_pool {
	struct chunk *free;
	size_t n_free;
	size_t n_spare;  /* the smallest n_free since the last trim */
	size_t bytes;    /* of all chunks, free ones included, and of all rings in use */
	size_t released; /* bytes given back to the heap, by others, too; reset by whoever trims the heap */
	/* Free list of memory for short output queues (outq.c), which come and go with every reply. */
	struct spare_ring *rings;
	uint32_t n_rings;
	struct chunk *empty; /* see chunk_empty(); or NULL */
};

#define CHUNK_RING_SIZE ((size_t)128)

/* Memory for the ring of an output queue, of at least CHUNK_RING_SIZE bytes; or NULL. */
void *chunk_ring_new(struct chunk_pool *pool, size_t size);
void chunk_ring_free(struct chunk_pool *pool, void *ring, size_t size);

/* All chunks and rings must have been given back. */
void chunk_pool_deinit(struct chunk_pool *pool);

/* Frees the chunks that nobody has needed since the last call. Returns how many stay in the free list. */
size_t chunk_pool_trim(struct chunk_pool *pool);

/* A chunk for at least cap bytes of data, with one reference; or NULL. */
struct chunk *chunk_new(struct chunk_pool *pool, size_t cap);

/* Likewise, but from the heap, and not larger than asked for. */
struct chunk *chunk_new_exact(struct chunk_pool *pool, size_t cap);

/* A chunk without room, for spans whose bytes are not known yet: with one more reference, or NULL. */
struct chunk *chunk_empty(struct chunk_pool *pool);

/*
 * A chunk with a copy of the bytes at `from` and nothing else, with one reference; or NULL without memory. Whoever
 * wants the same piece next gets the same copy.
 */
struct chunk *chunk_compact(struct chunk *chunk, size_t from, size_t len);

/* Enlarges a chunk with a single reference. Returns it, perhaps moved; or NULL, and then it is as before. */
struct chunk *chunk_grow(struct chunk *chunk, size_t cap);

/* For chunk_unref(): the last reference is gone. */
void chunk_release(struct chunk *chunk);

/* Bytes of memory, with the header. */
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

/* Writes things one behind the other, into one chunk after another. Zero-initialised but for the pool. */
struct writer {
	struct chunk_pool *pool;
	struct chunk *chunk; /* the one being filled, or NULL */
};

void writer_deinit(struct writer *writer);

/* For writer_reserve(): the current chunk has not enough room. */
int writer_new_chunk(struct writer *writer, size_t room);

/*
 * Makes room for so many more bytes in one piece. May start the chunk anew if nobody else refers to it: whoever needs
 * what was written before takes a reference. Returns 0 or -ENOMEM.
 */
static inline int
writer_reserve(struct writer *writer, size_t room)
{
	if (writer->chunk && writer->chunk->cap - writer->chunk->len >= room)
		return 0;
	return writer_new_chunk(writer, room);
}

/* Where the next byte goes. The caller then adds to chunk->len what it has written. */
static inline uint8_t *
writer_end(const struct writer *writer)
{
	return writer->chunk->data + writer->chunk->len;
}
