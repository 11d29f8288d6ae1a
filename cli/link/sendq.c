/*
 * Frames lie in blocks, so that millions of small ones cost neither an allocation nor a list entry each, and writev(2)
 * takes them in large runs. A block holds its frames from the front and, growing from its back, an array with the end
 * of each frame. What always holds: blocks before sent_block are written and blocks behind it are not; only the last
 * block gets new frames; a block whose frames are all answered leaves the list at once.
 */
#include "sendq.h"

#include <assert.h>
#include <stdlib.h>

#include "memory.h"

/* Bytes of data in a block: room for a frame of 64 KiB and its end. */
#define BLOCK_ROOM ((size_t)64 * 1024 + 8)
#define SPARE_MAX 32

/* Bit in the end of a frame: the line goes on in the next frame. */
#define END_OPEN (UINT32_C(1) << 31)

struct sendq_block {
	TAILQ_ENTRY(sendq_block) next;
	size_t size; /* of data; a multiple of 8, so that the ends are aligned */
	size_t len;  /* bytes of frames */
	uint32_t frames;
	uint8_t data[] __attribute__((aligned(8)));
};

static uint32_t *
sendq_block_end_at(const struct sendq_block *b, size_t frame)
{
	return (uint32_t *)(b->data + b->size) - 1 - frame;
}

static size_t
sendq_block_frame_end(const struct sendq_block *b, size_t frame)
{
	return *sendq_block_end_at(b, frame) & ~END_OPEN;
}

static size_t
sendq_block_frame_start(const struct sendq_block *b, size_t frame)
{
	return frame > 0 ? sendq_block_frame_end(b, frame - 1) : 0;
}

static struct sendq_block *
sendq_last(const struct sendq *q)
{
	return TAILQ_LAST(&q->blocks, sendq_blocks);
}

static struct sendq_block *
sendq_block_new(struct sendq *q, size_t room)
{
	struct sendq_block *b = TAILQ_FIRST(&q->spare);

	if (room <= BLOCK_ROOM && b) {
		TAILQ_REMOVE(&q->spare, b, next);
		q->n_spare--;
	} else {
		room = room <= BLOCK_ROOM ? BLOCK_ROOM : (room + 7) & ~(size_t)7;
		b = memory_resize(NULL, sizeof(*b) + room);
		b->size = room;
	}
	b->len = 0;
	b->frames = 0;
	return b;
}

static void
sendq_block_free(struct sendq *q, struct sendq_block *b)
{
	if (b->size != BLOCK_ROOM || q->n_spare >= SPARE_MAX) {
		free(b);
		return;
	}
	TAILQ_INSERT_HEAD(&q->spare, b, next);
	q->n_spare++;
}

static void
sendq_block_free_all(struct sendq_blocks *blocks)
{
	struct sendq_block *b;

	while ((b = TAILQ_FIRST(blocks))) {
		TAILQ_REMOVE(blocks, b, next);
		free(b);
	}
}

void
sendq_init(struct sendq *q)
{
	*q = (struct sendq){ 0 };
	TAILQ_INIT(&q->blocks);
	TAILQ_INIT(&q->spare);
}

void
sendq_deinit(struct sendq *q)
{
	sendq_block_free_all(&q->blocks);
	sendq_block_free_all(&q->spare);
	sendq_init(q);
}

void *
sendq_reserve(struct sendq *q, size_t size)
{
	struct sendq_block *b = sendq_last(q);
	size_t room = size + sizeof(uint32_t);

	assert(size <= SENDQ_FRAME_MAX);
	if (!b || b->size - b->len - b->frames * sizeof(uint32_t) < room) {
		b = sendq_block_new(q, room);
		TAILQ_INSERT_TAIL(&q->blocks, b, next);
		if (!q->sent_block) {
			q->sent_block = b;
			q->sent_offset = 0;
		}
	}
	return b->data + b->len;
}

void
sendq_commit(struct sendq *q, size_t size, bool open)
{
	struct sendq_block *b = sendq_last(q);

	assert(size > 0 && b->size - b->len - (b->frames + 1) * sizeof(uint32_t) >= size);
	b->len += size;
	*sendq_block_end_at(b, b->frames++) = (uint32_t)b->len | (open ? END_OPEN : 0);
	q->frames++;
	q->bytes += size;
}

void
sendq_close_line(struct sendq *q)
{
	struct sendq_block *b = sendq_last(q);

	if (b && b->frames > 0)
		*sendq_block_end_at(b, b->frames - 1) &= ~END_OPEN;
}

int
sendq_peek(struct sendq *q, struct iovec *iov, int max)
{
	struct sendq_block *b = q->sent_block;
	size_t offset = q->sent_offset;
	int n = 0;

	for (; b && n < max; b = TAILQ_NEXT(b, next), offset = 0)
		if (offset < b->len)
			iov[n++] = (struct iovec){ b->data + offset, b->len - offset };
	return n;
}

void
sendq_sent(struct sendq *q, size_t n)
{
	size_t left;

	assert(n <= q->bytes - q->sent_bytes);
	q->sent_bytes += n;
	while (n > (left = q->sent_block->len - q->sent_offset)) {
		n -= left;
		q->sent_block = TAILQ_NEXT(q->sent_block, next);
		q->sent_offset = 0;
	}
	q->sent_offset += n;
}

/* Removes the first n frames, which all lie in b, the first block. */
static void
sendq_pop(struct sendq *q, struct sendq_block *b, size_t n)
{
	size_t start = sendq_block_frame_start(b, q->answered), end = sendq_block_frame_end(b, q->answered + n - 1);

	q->answered += (uint32_t)n;
	q->frames -= n;
	q->bytes -= end - start;
	if (q->sent_block != b || q->sent_offset >= end)
		q->sent_bytes -= end - start;
	else {
		q->sent_bytes -= q->sent_offset - start;
		q->sent_offset = end;
	}
	if (q->answered < b->frames)
		return;
	q->answered = 0;
	TAILQ_REMOVE(&q->blocks, b, next);
	if (q->sent_block == b) {
		q->sent_block = TAILQ_FIRST(&q->blocks);
		q->sent_offset = 0;
	}
	sendq_block_free(q, b);
}

bool
sendq_answered(struct sendq *q, size_t n)
{
	struct sendq_block *b;
	size_t take;

	while (n > 0) {
		b = TAILQ_FIRST(&q->blocks);
		take = b ? b->frames - q->answered : 0;
		if (take > n)
			take = n;
		if (take == 0 ||
		    (b == q->sent_block && sendq_block_frame_end(b, q->answered + take - 1) > q->sent_offset))
			return false;
		sendq_pop(q, b, take);
		n -= take;
	}
	return true;
}

void
sendq_drop_first(struct sendq *q)
{
	assert(q->frames > 0);
	sendq_pop(q, TAILQ_FIRST(&q->blocks), 1);
}

void
sendq_drop_read(struct sendq *q, uint64_t unread)
{
	uint64_t read = q->sent_bytes > unread ? q->sent_bytes - unread : 0;
	const struct sendq_block *b = TAILQ_FIRST(&q->blocks);
	size_t frame = q->answered, seen = 0, whole = 0, len;

	/* Counts the frames that were read, up to the last one that ends a line. */
	for (; b; b = TAILQ_NEXT(b, next), frame = 0) {
		for (; frame < b->frames; frame++) {
			len = sendq_block_frame_end(b, frame) - sendq_block_frame_start(b, frame);
			if (len > read)
				break;
			read -= len;
			seen++;
			if (!(*sendq_block_end_at(b, frame) & END_OPEN))
				whole = seen;
		}
		if (frame < b->frames)
			break;
	}
	sendq_answered(q, whole);
}

void
sendq_rewind(struct sendq *q)
{
	q->sent_block = TAILQ_FIRST(&q->blocks);
	q->sent_offset = q->sent_block ? sendq_block_frame_start(q->sent_block, q->answered) : 0;
	q->sent_bytes = 0;
}

uint64_t
sendq_sent_frames(const struct sendq *q)
{
	const struct sendq_block *b;
	uint64_t n = 0;
	size_t frame = q->answered;

	TAILQ_FOREACH(b, &q->blocks, next) {
		if (b == q->sent_block)
			break;
		n += b->frames - frame;
		frame = 0;
	}
	for (; b && frame < b->frames && sendq_block_frame_end(b, frame) <= q->sent_offset; frame++)
		n++;
	return n;
}

bool
sendq_first_is_sent(const struct sendq *q)
{
	const struct sendq_block *b = TAILQ_FIRST(&q->blocks);

	return b != q->sent_block || sendq_block_frame_end(b, q->answered) <= q->sent_offset;
}

struct slice
sendq_first(const struct sendq *q)
{
	const struct sendq_block *b = TAILQ_FIRST(&q->blocks);
	size_t start = sendq_block_frame_start(b, q->answered);

	return (struct slice){ b->data + start, sendq_block_frame_end(b, q->answered) - start };
}
