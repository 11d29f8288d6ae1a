/*
 * The output queue of one client: a ring of spans, each a piece of a chunk. A span either carries messages,
 * and its barrier counts it until it is written, or carries replies, and may have to wait until its barrier
 * is open. The queue knows a descriptor only as an argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chunk.h"

struct barrier;

struct span {
	struct chunk *chunk;
	struct barrier *barrier; /* or NULL */
	uint32_t offset;
	uint32_t len;
	uint32_t messages; /* how many it carries; 0: replies */
};

struct outq {
	struct span *ring; /* NULL while the queue is empty */
	uint32_t head, count, cap;
	uint32_t head_written; /* bytes of the head span that are written already */
	uint32_t detached;     /* so many spans, from the head on, have been through outq_detach() */
	int unread;            /* for the owner: bytes the peer had not taken when last looked at; 0 in a new queue */
	size_t bytes;          /* unsent */
	size_t kept;           /* of chunks, for these, were this the only queue */
	struct chunk *own;     /* holds copies, see outq_push_copy(); or NULL */
};

enum outq_status {
	OUTQ_EMPTY,  /* all is written */
	OUTQ_FULL,   /* the socket takes no more now */
	OUTQ_GATED,  /* the next span waits for its barrier, given in *ret_barrier */
	OUTQ_BUDGET, /* the budget is used up */
	OUTQ_ERROR,  /* errno tells */
};

/* What a queued span costs beside its bytes, for limits. */
#define OUTQ_SPAN_COST sizeof(struct span)

void outq_init(struct outq *q);

/*
 * Drops everything; barriers are told. Returns the number of messages that were not written, or more: those of a
 * span that was written in part all count.
 */
uint64_t outq_clear(struct outq *q);

/* The first half of outq_push(): whether the piece directly follows the last span, and now belongs to it. */
static inline bool
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
 * Queues len bytes at offset of chunk; what directly follows the last span only lengthens it. messages > 0:
 * barrier (or NULL) counts the span until it is written. messages 0: the span waits for barrier (or NULL).
 * Takes references of its own. Returns 0 or -ENOMEM, and then the queue is as it was.
 */
int outq_push(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
              uint32_t messages);

/* Pieces up to so many bytes are copied while they cannot be written. */
#define OUTQ_COPY_MAX ((size_t)16 * 1024)

/*
 * Queues a copy of at most OUTQ_COPY_MAX bytes: for a queue that has to wait, so that a few bytes in it do not keep
 * a whole shared chunk. Otherwise as outq_push().
 */
int outq_push_copy(struct outq *q, struct chunk_pool *pool, const uint8_t *data, size_t len, struct barrier *barrier,
                   uint32_t messages);

/* Whether a copy behind the last span, which is a copy, was enough; else outq_push_copy() has to be called. */
static inline bool
outq_extend_copy(struct outq *q, const uint8_t *data, size_t len, const struct barrier *barrier, uint32_t messages)
{
	struct chunk *own = q->own;

	if (!own || own->cap - own->len < len || !outq_extend(q, own, own->len, len, barrier, messages))
		return false;
	memcpy(own->data + own->len, data, len);
	own->len += (uint32_t)len;
	return true;
}

/* Makes copies of the small pieces that were queued since the last call, as far as there is memory. */
void outq_detach(struct outq *q, struct chunk_pool *pool);

/*
 * Writes to fd what may be written, at most about budget bytes. *ret_written is always set.
 */
enum outq_status outq_write(struct outq *q, int fd, size_t budget, size_t *ret_written, struct barrier **ret_barrier);

/* Unsent bytes and what it takes to remember them: what the limit of one queue is held against. */
static inline size_t
outq_cost(const struct outq *q)
{
	return q->bytes + q->count * OUTQ_SPAN_COST;
}

/* The memory that the queue keeps from being freed: what a user's limit is held against. */
static inline size_t
outq_memory(const struct outq *q)
{
	return q->kept + q->cap * sizeof(struct span);
}

/* Whether messages are among what is queued. */
bool outq_has_messages(const struct outq *q);
