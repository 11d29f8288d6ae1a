/*
 * Records of tails are gathered into chapters, which are their owners in the store: a chapter is removed as a whole,
 * when no stream needs it any more. Streams that do are on a list, in the order of the chapters that they need first;
 * so the first one says which chapters are over.
 */
#include "stream-tails.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* A record is not larger than that and one tail; a chapter not larger than that and one record. */
#define TAILS_RECORD_BYTES ((size_t)64 * 1024)
#define TAILS_CHAPTER_BYTES ((size_t)64 * 1024)
/* So many chapters are kept, and beside them twice as many as the tails that count would fill; but not more than the
 * largest number, since all are read at the start. (Until the streams that need older ones have been written, there
 * are more.) */
#define TAILS_CHAPTERS 4
#define TAILS_CHAPTERS_MAX 256
/* What a small record takes beside its bytes. */
#define TAILS_RECORD_HEAD 32

#define TAIL_HEAD_MAX (3 * VARINT_MAX + STORAGE_ID_SIZE)

void
stream_tails_init(struct streams *streams)
{
	streams->tails = (struct stream_tails){ .chapter = 1, .oldest = 1 };
	TAILQ_INIT(&streams->tails.streams);
}

void
stream_tails_deinit(struct streams *streams)
{
	buf_deinit(&streams->tails.open);
}

static bool
stream_tails_are_old(const struct streams *streams, const struct stream *stream)
{
	const struct stream_tails *tails = &streams->tails;
	uint64_t n = TAILS_CHAPTERS + 2 * tails->bytes / TAILS_CHAPTER_BYTES;

	if (n > TAILS_CHAPTERS_MAX)
		n = TAILS_CHAPTERS_MAX;
	return stream->tails_from > 0 && stream->tails_from + n <= tails->chapter;
}

void
stream_tails_count(struct streams *streams, struct stream *stream, uint64_t chapter, size_t bytes)
{
	if (stream->tails_from == 0) {
		stream->tails_from = chapter;
		TAILQ_INSERT_TAIL(&streams->tails.streams, stream, tails_link);
	}
	stream->tails_bytes += bytes;
	streams->tails.bytes += bytes;
}

/* Where the tail of the block begins in its data. */
static uint32_t
stream_tails_begin(const struct block *block)
{
	return block->n > block->n_saved ? block->offsets[block->first + block->n_saved] : block->len;
}

/* A larger tail is not worth it: the block is full after a few entries of that size, and written as a whole anyway. */
bool
stream_tails_can_take(const struct streams *streams, const struct stream *stream, const struct block *block)
{
	return !block->is_edited && block->len - stream_tails_begin(block) <= BLOCK_BYTES &&
	       !stream_tails_are_old(streams, stream);
}

/* Closes the record that is being filled. */
static int
stream_tails_put(struct streams *streams)
{
	struct stream_tails *tails = &streams->tails;
	uint64_t key = htobe64(tails->open_no);

	if (tails->open.len == 0)
		return 0;
	if (storage_put(streams->storage, STORAGE_TAILS, tails->chapter,
	                (struct slice){ (const uint8_t *)&key, sizeof(key) },
	                (struct slice){ tails->open.data, tails->open.len }) < 0)
		return -ENOMEM;
	streams->flow->work.done += WORK_LOOKUP + WORK_BYTES(tails->open.len);
	tails->chapter_bytes += tails->open.len + TAILS_RECORD_HEAD;
	tails->open.len = 0;
	if (tails->chapter_bytes >= TAILS_CHAPTER_BYTES) {
		tails->chapter++;
		tails->chapter_bytes = 0;
	}
	return 0;
}

/* In the record, a tail is: number of the stream, number of entries, id of the first one, length, a block. */
static int
stream_tails_add(struct streams *streams, struct stream *stream, const struct block *block)
{
	struct buf *open = &streams->tails.open;
	uint32_t from = stream_tails_begin(block);
	size_t len = block->entries + block->len - from;
	uint8_t *p;

	if (buf_reserve(open, TAIL_HEAD_MAX + len) < 0)
		return -ENOMEM;
	streams->tails.no++;
	if (open->len == 0)
		streams->tails.open_no = streams->tails.no;
	p = varint_put(open->data + open->len, stream->no);
	p = varint_put(p, block->n - block->n_saved);
	stream_id_put(p, block_id(block, block->n_saved));
	p = varint_put(p + STORAGE_ID_SIZE, len);
	p = slice_put(p, (struct slice){ block->data, block->entries });
	p = slice_put(p, (struct slice){ block->data + from, block->len - from });
	open->len = (size_t)(p - open->data);
	stream_tails_count(streams, stream, streams->tails.chapter, len);
	streams->flow->work.done += WORK_LOOKUP + WORK_BYTES(len);
	return 0;
}

int
stream_tails_take(struct streams *streams, struct stream *stream, struct block *block)
{
	struct stream_tails *tails = &streams->tails;

	if (block->n == block->n_saved)
		return 0;
	if (tails->open.len >= TAILS_RECORD_BYTES && stream_tails_put(streams) < 0)
		return -ENOMEM;
	if (stream_tails_add(streams, stream, block) < 0)
		return -ENOMEM;
	block->n_saved = block->n;
	block->has_tails = true;
	return 0;
}

void
stream_tails_leave(struct streams *streams, struct stream *stream)
{
	if (stream->tails_from > 0)
		TAILQ_REMOVE(&streams->tails.streams, stream, tails_link);
	streams->tails.bytes -= stream->tails_bytes;
	stream->tails_from = stream->tails_bytes = 0;
}

void
stream_tails_settle(struct streams *streams, struct stream *stream, struct block *block)
{
	if (!block->has_tails)
		return;
	block->has_tails = false;
	stream->tails_done = streams->tails.no;
	stream_tails_leave(streams, stream);
}

struct stream *
stream_tails_next_old(const struct streams *streams, const struct stream *after)
{
	struct stream *stream = after ? TAILQ_NEXT(after, tails_link) : TAILQ_FIRST(&streams->tails.streams);

	return stream && stream_tails_are_old(streams, stream) ? stream : NULL;
}

int
stream_tails_save(struct streams *streams)
{
	struct stream_tails *tails = &streams->tails;
	const struct stream *first = TAILQ_FIRST(&tails->streams);

	if (stream_tails_put(streams) < 0)
		return -ENOMEM;
	for (; tails->oldest < (first ? first->tails_from : tails->chapter); tails->oldest++) {
		streams->flow->work.done += WORK_LOOKUP;
		if (storage_delete_owner(streams->storage, STORAGE_TAILS, tails->oldest) < 0)
			return -ENOMEM;
	}
	buf_shrink(&tails->open);
	return 0;
}

int
stream_tail_get(const uint8_t **p, const uint8_t *end, uint64_t no, struct stream_tail *ret_tail)
{
	struct stream_tail tail = { .no = no };
	uint64_t n, len;

	if (!varint_get(p, end, &tail.stream) || !varint_get(p, end, &n) || n > UINT32_MAX ||
	    end - *p < STORAGE_ID_SIZE)
		return -EBADMSG;
	tail.n = (uint32_t)n;
	tail.first = stream_id_get(*p);
	*p += STORAGE_ID_SIZE;
	if (!varint_get(p, end, &len) || len > (uint64_t)(end - *p))
		return -EBADMSG;
	tail.bytes = (struct slice){ *p, len };
	*p += len;
	*ret_tail = tail;
	return 0;
}

bool
stream_tails_key(struct slice key, uint64_t *ret_no)
{
	uint64_t no;

	if (key.len != sizeof(no))
		return false;
	memcpy(&no, key.p, sizeof(no));
	*ret_no = be64toh(no);
	return true;
}
