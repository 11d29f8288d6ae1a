#include "outq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "barrier.h"
#include "chunk.h"

/* Pieces handed to the kernel at once. */
#define IOV_BATCH 64

/* The shortest ring. */
#define RING_MIN (CHUNK_RING_SIZE / sizeof(struct span))

/* Copies share chunks of so many bytes; one that is larger has its own. */
#define OWN_SIZE ((size_t)4096)

static inline struct span *
span_at(struct outq *q, uint32_t i)
{
	return &q->ring[(q->head + i) & (q->cap - 1)];
}

/* What span i keeps beside the spans before it: neighbours mostly share a chunk. */
static size_t
kept_by(struct outq *q, uint32_t i)
{
	const struct chunk *chunk = span_at(q, i)->chunk;

	return i > 0 && span_at(q, i - 1)->chunk == chunk ? 0 : chunk_size(chunk);
}

static size_t
kept_from(struct outq *q, uint32_t i)
{
	size_t kept = 0;

	for (; i < q->count; i++)
		kept += kept_by(q, i);
	return kept;
}

void
outq_init(struct outq *q)
{
	*q = (struct outq){ 0 };
}

static void
free_ring(struct outq *q, struct chunk_pool *pool)
{
	if (q->cap == RING_MIN)
		chunk_ring_free(pool, q->ring);
	else
		free(q->ring);
}

static int
enlarge(struct outq *q, struct chunk_pool *pool)
{
	uint32_t cap = q->cap > 0 ? 2 * q->cap : RING_MIN;
	struct span *ring = q->cap > 0 ? malloc(cap * sizeof(*ring)) : chunk_ring_new(pool);

	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < q->count; i++)
		ring[i] = *span_at(q, i);
	if (q->cap > 0)
		free_ring(q, pool);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return 0;
}

int
outq_push(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier, uint32_t messages)
{
	if (outq_extend(q, chunk, offset, len, barrier, messages))
		return 0;
	if (q->count == q->cap && enlarge(q, chunk->pool) < 0)
		return -ENOMEM;
	if (barrier && messages > 0)
		barrier_add(barrier);
	else if (barrier)
		barrier_ref(barrier);
	*span_at(q, q->count++) = (struct span){
		.chunk = chunk_ref(chunk),
		.barrier = barrier,
		.offset = (uint32_t)offset,
		.len = (uint32_t)len,
		.messages = messages,
	};
	q->bytes += len;
	q->kept += kept_by(q, q->count - 1);
	return 0;
}

/* Copies to a chunk that is the queue's own, which gets a reference. Returns it, or NULL when there is no memory. */
static struct chunk *
copy_to_own(struct outq *q, struct chunk_pool *pool, const uint8_t *data, size_t len, size_t *ret_offset)
{
	struct chunk *chunk = q->own;

	if (chunk && chunk->cap - chunk->len >= len) {
		chunk_ref(chunk);
	} else {
		chunk = chunk_new_exact(pool, len > OWN_SIZE ? len : OWN_SIZE);
		if (!chunk)
			return NULL;
		if (len < OWN_SIZE) {
			chunk_unref(q->own);
			q->own = chunk_ref(chunk);
		}
	}
	*ret_offset = chunk->len;
	memcpy(chunk->data + chunk->len, data, len);
	chunk->len += (uint32_t)len;
	return chunk;
}

int
outq_push_copy(struct outq *q, struct chunk_pool *pool, const uint8_t *data, size_t len, struct barrier *barrier,
               uint32_t messages)
{
	size_t offset;
	struct chunk *copy = copy_to_own(q, pool, data, len, &offset);
	int r = copy ? outq_push(q, copy, offset, len, barrier, messages) : -ENOMEM;

	chunk_unref(copy);
	return r;
}

/* Makes a copy of what is unsent of a span. Returns false when there is no memory. */
static bool
detach(struct outq *q, struct chunk_pool *pool, uint32_t i)
{
	struct span *span = span_at(q, i);
	uint32_t skip = i == 0 ? q->head_written : 0, len = span->len - skip;
	struct chunk *copy;
	size_t offset;

	if (len > OUTQ_COPY_MAX || span->chunk->cap <= (len > OWN_SIZE ? len : OWN_SIZE))
		return true; /* worth its chunk, or a copy already */
	copy = copy_to_own(q, pool, span->chunk->data + span->offset + skip, len, &offset);
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

	if (first == q->count)
		return;
	q->kept -= kept_from(q, first);
	while (q->detached < q->count && detach(q, pool, q->detached))
		q->detached++;
	q->kept += kept_from(q, first);
}

/* Removes the head span, written or not. */
static void
drop_head(struct outq *q)
{
	struct span *span = span_at(q, 0);

	if (q->count == 1 || span_at(q, 1)->chunk != span->chunk)
		q->kept -= chunk_size(span->chunk);
	chunk_unref(span->chunk);
	if (span->barrier && span->messages > 0)
		barrier_arrive(span->barrier);
	else
		barrier_unref(span->barrier);
	q->bytes -= span->len - q->head_written;
	q->head_written = 0;
	q->head = (q->head + 1) & (q->cap - 1);
	q->detached -= q->detached > 0;
	q->count--;
}

/* An empty queue gives its memory back. */
static void
shrink(struct outq *q, struct chunk_pool *pool)
{
	if (!q->ring)
		return;
	chunk_unref(q->own);
	free_ring(q, pool);
	outq_init(q);
}

uint64_t
outq_clear(struct outq *q)
{
	struct chunk_pool *pool = q->count > 0 ? span_at(q, 0)->chunk->pool : NULL;
	uint64_t messages = 0;

	while (q->count > 0) {
		messages += span_at(q, 0)->messages;
		drop_head(q);
	}
	assert(q->bytes == 0 && q->kept == 0);
	shrink(q, pool);
	return messages;
}

bool
outq_has_messages(const struct outq *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		if (q->ring[(q->head + i) & (q->cap - 1)].messages > 0)
			return true;
	return false;
}

static bool
is_gated(const struct span *span)
{
	return span->messages == 0 && span->barrier && span->barrier->pending > 0;
}

/* Collects what may be written now, merging neighbours; returns the number of pieces. */
static int
collect(struct outq *q, struct iovec *iov, size_t *ret_len)
{
	size_t total = 0, skip = q->head_written;
	int n = 0;

	for (uint32_t i = 0; i < q->count; i++, skip = 0) {
		struct span *span = span_at(q, i);
		uint8_t *start = span->chunk->data + span->offset + skip;
		size_t len = span->len - skip;

		if (is_gated(span))
			break;
		if (n > 0 && (uint8_t *)iov[n - 1].iov_base + iov[n - 1].iov_len == start) {
			iov[n - 1].iov_len += len;
		} else {
			if (n == IOV_BATCH)
				break;
			iov[n++] = (struct iovec){ start, len };
		}
		total += len;
	}
	*ret_len = total;
	return n;
}

/* Takes written bytes off the front. */
static void
advance(struct outq *q, size_t written)
{
	while (written > 0) {
		size_t left = span_at(q, 0)->len - q->head_written;

		if (written < left) {
			q->head_written += (uint32_t)written;
			q->bytes -= written;
			return;
		}
		written -= left;
		drop_head(q);
	}
}

static ssize_t
send_pieces(int fd, struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };

	/* One piece is the usual case, and send() costs less than sendmsg(). */
	if (n == 1)
		return send(fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

enum outq_status
outq_write(struct outq *q, int fd, size_t budget, size_t *ret_written, struct barrier **ret_barrier)
{
	struct chunk_pool *pool = q->count > 0 ? span_at(q, 0)->chunk->pool : NULL;
	struct iovec iov[IOV_BATCH];
	size_t len;

	*ret_written = 0;
	while (q->count > 0) {
		int n = collect(q, iov, &len);
		ssize_t written;

		if (n == 0) {
			*ret_barrier = span_at(q, 0)->barrier;
			return OUTQ_GATED;
		}
		written = send_pieces(fd, iov, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? OUTQ_FULL : OUTQ_ERROR;
		*ret_written += (size_t)written;
		advance(q, (size_t)written);
		if ((size_t)written < len)
			return OUTQ_FULL;
		if (q->count > 0 && *ret_written >= budget)
			return OUTQ_BUDGET;
	}
	shrink(q, pool);
	return OUTQ_EMPTY;
}
