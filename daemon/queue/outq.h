/*
 * The output queue of one client: a ring of spans, each a piece of a chunk. A span carries either messages or replies.
 * The barrier of a messages span counts it until it is written; a replies span is not written before its barrier is
 * open. The queue owns no descriptor; it gets one as an argument.
 *
 * From the first reply on that waits for a commit of the store, the queue is held: replies go behind it, but messages
 * go before it, to outq_for_messages(). So nobody who publishes to this client waits for the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "barrier.h"
#include "chunk.h"

struct span {
	struct chunk *chunk;
	struct barrier *barrier; /* or NULL */
	uint32_t offset;
	uint32_t len;
	uint32_t messages; /* how many it carries; 0: it carries replies */
	bool is_inner;     /* no message may come between it and the span before: both are of one answer */
};

struct outq {
	struct span *ring; /* NULL while the queue is empty */
	uint32_t head, count, cap;
	uint32_t head_written; /* bytes of the head span that are written already */
	uint32_t detached;     /* spans, from the head on, that outq_detach() has dealt with */
	int unread;            /* for the owner of the socket: bytes in it when last looked at; 0 in a new queue */
	size_t bytes;          /* unsent */
	size_t chunk_bytes;    /* memory of the chunks that the spans keep from being freed, see outq.c */
	struct outq_extra *extra;
};

/* What only queues have that have to wait, allocated on demand. */
struct outq_extra {
	struct chunk *own;   /* for copies, see outq_push_copy(); or NULL */
	uint32_t held;       /* spans from the first one on that messages overtake; 0: the queue is not held */
	size_t unheld_bytes; /* while it is held: unsent bytes of the spans before */
	struct outq ahead;   /* messages that go between these and the held ones; never held itself */
};

enum outq_status {
	OUTQ_EMPTY,  /* everything is written */
	OUTQ_FULL,   /* the socket takes no more now */
	OUTQ_GATED,  /* the next span waits for its barrier, given in *ret_barrier */
	OUTQ_BUDGET, /* the budget is used up */
	OUTQ_ERROR,  /* see errno */
};

/*
 * The largest piece that is copied when it has to wait, in bytes; and the smallest one that all queues share which have
 * to wait with the same piece. A smaller one is copied for each of them.
 */
#define OUTQ_COPY_MAX ((size_t)16 * 1024)
#define OUTQ_SHARED_MIN ((size_t)1024)

/* What a span counts for beside its bytes, see outq_cost(). */
#define OUTQ_SPAN_COST sizeof(struct span)

void outq_init(struct outq *q);

/*
 * Empties the queue, as if its messages had arrived. Returns how many messages were not written; all of a span that was
 * written in part count.
 */
uint64_t outq_clear(struct outq *q);

/*
 * First part of outq_push(), which spares its call where output is dense: lengthens the last span if the piece directly
 * follows it. Returns whether it did.
 */
static inline bool __attribute__((always_inline))
outq_extend(struct outq *q, const struct chunk *chunk, size_t offset, size_t len, const struct barrier *barrier,
            uint32_t messages)
{
	struct span *last;

	if (q->count == 0)
		return false;
	last = &q->ring[(q->head + q->count - 1) & (q->cap - 1)];
	if (last->chunk != chunk || last->offset + last->len != offset || last->barrier != barrier ||
	    (last->messages > 0) != (messages > 0))
		return false;
	last->len += (uint32_t)len;
	last->messages += messages;
	q->bytes += len;
	return true;
}

/*
 * Queues len bytes, at least one, at offset of the chunk. With messages > 0, the barrier counts the span until it is
 * written; otherwise the span waits for the barrier. The barrier may be NULL. Takes references of its own. Returns 0;
 * or -ENOMEM, and then the queue is as before.
 */
int outq_push(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
              uint32_t messages);

/* Second part of outq_push(): queues it as a span of its own, whatever stands before it. The length may be 0. */
int outq_push_apart(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
                    uint32_t messages);

/*
 * Writes to fd whatever may be written. Stops soon after `budget` bytes. *ret_written is always set, *ret_barrier only
 * with OUTQ_GATED.
 */
enum outq_status outq_write(struct outq *q, int fd, size_t budget, size_t *ret_written, struct barrier **ret_barrier);

static inline bool
outq_is_held(const struct outq *q)
{
	return q->extra && q->extra->held > 0;
}

/* Whether messages wait only for the socket, while replies behind them wait for a commit. */
static inline bool
outq_has_overtaken(const struct outq *q)
{
	return q->extra && q->extra->ahead.count > 0 && q->extra->held == q->count;
}

/* Where messages are pushed, and outq_extend()ed. The reference is valid until the queue is written or cleared. */
static inline struct outq *
outq_for_messages(struct outq *q)
{
	return outq_is_held(q) ? &q->extra->ahead : q;
}

/* Unsent bytes, with those of messages that are ahead. */
static inline size_t
outq_unsent(const struct outq *q)
{
	return q->bytes + (q->extra ? q->extra->ahead.bytes : 0);
}

/* Unsent bytes and the memory of their spans. */
static inline size_t
outq_cost(const struct outq *q)
{
	size_t cost = q->bytes + q->count * OUTQ_SPAN_COST;

	return q->extra ? cost + q->extra->ahead.bytes + q->extra->ahead.count * OUTQ_SPAN_COST : cost;
}

/* The part of it that is held. */
static inline size_t
outq_held_cost(const struct outq *q)
{
	return outq_is_held(q) ? q->bytes - q->extra->unheld_bytes + q->extra->held * OUTQ_SPAN_COST : 0;
}

/* Memory of a ring that is longer than the shortest one, in bytes. */
static inline size_t
outq_ring_bytes(const struct outq *q)
{
	return q->cap * sizeof(struct span) > CHUNK_RING_SIZE ? q->cap * sizeof(struct span) : 0;
}

/* What is compared with queue_limit_per_uid: all memory that the queue keeps from being freed. */
static inline size_t
outq_memory(const struct outq *q)
{
	size_t memory = q->chunk_bytes + q->cap * sizeof(struct span);

	return q->extra ? memory + CHUNK_RING_SIZE + outq_memory(&q->extra->ahead) : memory;
}

/* For the other files outq-*.c. Spans are counted from the head on. */
static inline struct span *
outq_span(struct outq *q, uint32_t i)
{
	return &q->ring[(q->head + i) & (q->cap - 1)];
}

/* Likewise: copies a span to place `at` of another ring. */
static inline void
outq_move_span(struct span *ring, uint32_t at, const struct span *span)
{
	ring[at] = *span;
	if (span->barrier && span->barrier->commit == BARRIER_SLOT)
		span->barrier->slot = at & INT32_MAX;
}

/* Likewise. Returns NULL without memory. */
struct outq_extra *outq_get_extra(struct outq *q, struct chunk_pool *pool);

/* What the spans from i on add to chunk_bytes. */
size_t outq_chunk_bytes_from(struct outq *q, uint32_t i);

/* Frees the memory of an empty queue. pool: may be NULL if it has none. */
void outq_free_memory(struct outq *q, struct chunk_pool *pool);

/* Whether anything queued is a message; and whether a publisher waits for one. */
bool outq_has_messages(const struct outq *q);
bool outq_holds_barrier(const struct outq *q);
