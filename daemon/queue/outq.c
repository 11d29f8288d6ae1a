/*
 * The ring of spans exists only while something is queued: nearly all clients are idle, and an idle one should cost
 * nothing here. Spans are written in order. The first gated span stops everything behind it, so a client always gets
 * its replies in the order of its commands.
 *
 * `chunk_bytes` says what the queue keeps from being freed, were it the only one; it counts a chunk once where
 * neighbours share it, which is nearly always exact.
 *
 * A held queue consists of three parts, which are written in this order: the spans before the first held one, the queue
 * `ahead`, and the held spans, which may lengthen the last of them without a look at `extra`. Messages go to `ahead`,
 * since a queue of its own takes any number of them at constant cost each. The held part begins with a reply whose
 * commit was under way when that was looked at last: outq_release() moves its begin on, and what is ahead to where it
 * was. So `ahead` is empty before a held span is written, and as long as it is not empty, there are held spans.
 */
#include "outq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "barrier.h"
#include "chunk.h"

/* Pieces given to the kernel in one call. */
#define IOV_BATCH 64

/* Spans in the shortest ring. */
#define RING_MIN (CHUNK_RING_SIZE / sizeof(struct span))

static struct chunk_pool *
outq_pool(struct outq *q)
{
	return q->count > 0 ? outq_span(q, 0)->chunk->pool : NULL;
}

/* What span i adds to chunk_bytes: nothing if it shares its chunk with the span before it. */
static size_t
outq_chunk_bytes_of(struct outq *q, uint32_t i)
{
	const struct chunk *chunk = outq_span(q, i)->chunk;

	return i > 0 && outq_span(q, i - 1)->chunk == chunk ? 0 : chunk_size(chunk);
}

size_t
outq_chunk_bytes_from(struct outq *q, uint32_t i)
{
	size_t bytes = 0;

	for (; i < q->count; i++)
		bytes += outq_chunk_bytes_of(q, i);
	return bytes;
}

void
outq_init(struct outq *q)
{
	*q = (struct outq){ 0 };
}

static void
outq_free_ring(struct outq *q, struct chunk_pool *pool)
{
	chunk_ring_free(pool, q->ring, q->cap * sizeof(struct span));
}

/* Inline, since it makes the ring of each queue that was empty. */
static inline int __attribute__((always_inline)) outq_enlarge(struct outq *q, struct chunk_pool *pool)
{
	uint32_t cap = q->cap > 0 ? 2 * q->cap : RING_MIN;
	struct span *ring = chunk_ring_new(pool, cap * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < q->count; i++)
		outq_move_span(ring, i, outq_span(q, i));
	if (q->cap > 0)
		outq_free_ring(q, pool);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return 0;
}

struct outq_extra *
outq_get_extra(struct outq *q, struct chunk_pool *pool)
{
	static_assert(sizeof(*q->extra) <= CHUNK_RING_SIZE, "it lies in a chunk");

	if (q->extra)
		return q->extra;
	q->extra = chunk_ring_new(pool, CHUNK_RING_SIZE);
	if (q->extra)
		*q->extra = (struct outq_extra){ 0 };
	return q->extra;
}

/* The span that is pushed next is held, and perhaps the first one that is. Returns 0 or -ENOMEM. */
static int
outq_begin_hold(struct outq *q, struct chunk_pool *pool)
{
	struct outq_extra *extra = outq_get_extra(q, pool);

	if (!extra)
		return -ENOMEM;
	if (extra->held > 0)
		return 0;
	extra->held = 1;
	extra->unheld_bytes = q->bytes;
	return 0;
}

static inline void
outq_give_back(struct outq *q, struct chunk_pool *pool)
{
	if (q->extra) {
		chunk_unref(q->extra->own);
		chunk_ring_free(pool, q->extra, CHUNK_RING_SIZE);
	}
	if (q->ring)
		outq_free_ring(q, pool);
	outq_init(q);
}

void
outq_free_memory(struct outq *q, struct chunk_pool *pool)
{
	outq_give_back(q, pool);
}

/* There is no memory. Returns -ENOMEM. */
static int
outq_fail(struct outq *q, struct chunk_pool *pool)
{
	if (q->count == 0)
		outq_give_back(q, pool);
	return -ENOMEM;
}

static inline int __attribute__((always_inline))
outq_append(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier, uint32_t messages)
{
	if (q->count == q->cap && outq_enlarge(q, chunk->pool) < 0)
		return outq_fail(q, chunk->pool);
	if (outq_is_held(q))
		q->extra->held++;
	if (barrier && messages > 0) {
		barrier_add(barrier);
	} else if (barrier) {
		if (barrier_is_overtaken(barrier) && outq_begin_hold(q, chunk->pool) < 0)
			return outq_fail(q, chunk->pool);
		barrier_ref(barrier);
	}
	*outq_span(q, q->count++) = (struct span){
		.chunk = chunk_ref(chunk),
		.barrier = barrier,
		.offset = (uint32_t)offset,
		.len = (uint32_t)len,
		.messages = messages,
	};
	q->bytes += len;
	q->chunk_bytes += outq_chunk_bytes_of(q, q->count - 1);
	return 0;
}

int
outq_push(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier, uint32_t messages)
{
	return outq_extend(q, chunk, offset, len, barrier, messages)
	           ? 0
	           : outq_append(q, chunk, offset, len, barrier, messages);
}

int
outq_push_apart(struct outq *q, struct chunk *chunk, size_t offset, size_t len, struct barrier *barrier,
                uint32_t messages)
{
	return outq_append(q, chunk, offset, len, barrier, messages);
}

/* Removes the head span, written or not. */
static void
outq_drop_head(struct outq *q)
{
	struct span *span = outq_span(q, 0);

	if (q->count == 1 || outq_span(q, 1)->chunk != span->chunk)
		q->chunk_bytes -= chunk_size(span->chunk);
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

uint64_t
outq_clear(struct outq *q)
{
	struct chunk_pool *pool = outq_pool(q);
	uint64_t messages = q->extra && q->extra->ahead.count > 0 ? outq_clear(&q->extra->ahead) : 0;

	while (q->count > 0) {
		messages += outq_span(q, 0)->messages;
		outq_drop_head(q);
	}
	assert(q->bytes == 0 && q->chunk_bytes == 0);
	outq_free_memory(q, pool);
	return messages;
}

bool
outq_has_messages(const struct outq *q)
{
	if (q->extra && q->extra->ahead.count > 0)
		return true;
	for (uint32_t i = 0; i < q->count; i++)
		if (q->ring[(q->head + i) & (q->cap - 1)].messages > 0)
			return true;
	return false;
}

bool
outq_holds_barrier(const struct outq *q)
{
	if (q->extra && outq_holds_barrier(&q->extra->ahead))
		return true;
	for (uint32_t i = 0; i < q->count; i++) {
		const struct span *span = &q->ring[(q->head + i) & (q->cap - 1)];

		if (span->messages > 0 && span->barrier)
			return true;
	}
	return false;
}

/* Collects what may be written now, joining neighbours. Returns the number of pieces. */
static int
outq_collect(struct outq *q, struct iovec *iov, size_t *ret_len)
{
	uint32_t end = q->extra && q->extra->ahead.count > 0 ? q->count - q->extra->held : q->count;
	size_t total = 0, skip = q->head_written;
	int n = 0;

	for (uint32_t i = 0; i < end; i++, skip = 0) {
		struct span *span = outq_span(q, i);
		uint8_t *start = span->chunk->data + span->offset + skip;
		size_t len = span->len - skip;

		if (span->messages == 0 && span->barrier && span->barrier->pending > 0)
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

/* Removes so many written bytes from the front. */
static void
outq_advance(struct outq *q, size_t written)
{
	while (written > 0) {
		size_t left = outq_span(q, 0)->len - q->head_written;

		if (written < left) {
			q->head_written += (uint32_t)written;
			q->bytes -= written;
			return;
		}
		written -= left;
		outq_drop_head(q);
	}
}

/* Takes note that so many bytes were removed from the front. */
static void
outq_note_written(struct outq *q, size_t written)
{
	struct outq_extra *extra = q->extra;

	extra->unheld_bytes -= written < extra->unheld_bytes ? written : extra->unheld_bytes;
	if (extra->held > q->count)
		extra->held = q->count;
}

static ssize_t
outq_send(int fd, struct iovec *iov, int n)
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
	struct chunk_pool *pool = outq_pool(q);
	struct iovec iov[IOV_BATCH];
	enum outq_status status;
	size_t len;

	*ret_written = 0;
	while (q->count > 0) {
		int n = outq_collect(q, iov, &len);
		ssize_t written;

		if (n == 0 && outq_has_overtaken(q)) {
			status = outq_write(&q->extra->ahead, fd, budget - *ret_written, &len, ret_barrier);
			*ret_written += len;
			if (status != OUTQ_EMPTY || *ret_written >= budget)
				return status != OUTQ_EMPTY ? status : OUTQ_BUDGET;
			continue;
		}
		if (n == 0) {
			*ret_barrier = outq_span(q, 0)->barrier;
			return OUTQ_GATED;
		}
		written = outq_send(fd, iov, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? OUTQ_FULL : OUTQ_ERROR;
		*ret_written += (size_t)written;
		outq_advance(q, (size_t)written);
		if (q->extra)
			outq_note_written(q, (size_t)written);
		if ((size_t)written < len)
			return OUTQ_FULL;
		if (q->count > 0 && *ret_written >= budget)
			return OUTQ_BUDGET;
	}
	outq_give_back(q, pool);
	return OUTQ_EMPTY;
}
