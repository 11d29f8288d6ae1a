/*
 * What is written into the open batch is marked as saved at once, piece by piece: a block, a group, a stream. What
 * changes again is written again, and later changes replace earlier ones within the batch. So the batch may be filled
 * over several passes, and be short of memory in between: it is whole once nothing is left to be written, at the end of
 * a pass, and has everything as it is then.
 *
 * So that this moment comes, nothing else begins to change streams meanwhile (is_filling).
 *
 * Keys that are gone are deleted before blocks are written, since an empty stream may begin with a smaller id again
 * (XSETID).
 */
#include "streams-fill.h"

#include <errno.h>
#include <stdlib.h>

#include "group-store.h"
#include "later-store.h"
#include "producers-store.h"
#include "stream-cache.h"
#include "stream-index.h"
#include "stream-tails.h"
#include "streams-record.h"
#include "streams-registry.h"

/* Work is done ahead when such a part of queue_bytes has come since it was done last; and so much of it in one pass. */
#define FILL_AHEAD_PART 64
#define FILL_AHEAD_WORK ((uint64_t)500 * 1000)

/* What a stream, a block or a group that changed costs beside its bytes: each of its parts is in no cache. */
#define FILL_PIECE_WORK (3 * (uint64_t)WORK_LOOKUP)

#define FILL_LOG_LINES 5
#define FILL_LOG_MS 10000

static int
fill_erase_blocks(struct streams *streams, uint64_t no, struct stream_id from, struct stream_id to)
{
	uint8_t first[STORAGE_ID_SIZE], last[STORAGE_ID_SIZE];

	stream_id_put(first, from);
	stream_id_put(last, to);
	streams->flow->work.done += WORK_LOOKUP;
	return storage_delete_blocks(streams->storage, no, first, last);
}

/* Deletes the keys that are gone. */
static int
fill_erase_gone(struct streams *streams, struct stream *stream)
{
	if (stream->has_gone && fill_erase_blocks(streams, stream->no, STREAM_ID_MIN, stream->gone_to) < 0)
		return -ENOMEM;
	stream->has_gone = false;
	for (; stream->n_gone > 0; stream->n_gone--) {
		struct stream_id key = stream->gone[stream->n_gone - 1];

		if (fill_erase_blocks(streams, stream->no, key, key) < 0)
			return -ENOMEM;
	}
	free(stream->gone);
	stream->gone = NULL;
	stream->gone_cap = 0;
	return 0;
}

static int
fill_write_block(struct streams *streams, struct stream *stream, struct block *block)
{
	struct slice bytes = block_encode(block);
	uint8_t id[STORAGE_ID_SIZE];

	streams->flow->work.done += FILL_PIECE_WORK + 2 * WORK_BYTES(bytes.len);
	stream_id_put(id, block_id(block, 0));
	if (storage_put_block(streams->storage, stream->no, id, block->n, bytes) < 0)
		return -ENOMEM;
	block->is_stored = true;
	block->is_edited = false;
	block->n_saved = block->n;
	block->key = block_id(block, 0);
	stream->has_changed = true; /* the record must know of its entries */
	stream_tails_settle(streams, stream, block);
	stream_cache_saved(streams, block, BLOCK_AHEAD);
	return 0;
}

/* Of the last block of a stream, if it has changed. */
static int
fill_write_last(struct streams *streams, struct stream *stream, struct block *block)
{
	if (!stream_tails_can_take(streams, stream, block))
		return fill_write_block(streams, stream, block);
	if (stream_tails_take(streams, stream, block) < 0)
		return -ENOMEM;
	stream_cache_saved(streams, block, BLOCK_AHEAD);
	return 0;
}

/*
 * All blocks that changed. The last one comes last: tails are of one block of a stream only, so those before it must
 * have been written when it has some. -EAGAIN: the work has to end, and something is left.
 */
static int
fill_write_blocks(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	struct stream_block *sb = stream_index_last(stream);
	struct block *last = sb ? sb->block : NULL, *block, *next;

	for (block = TAILQ_FIRST(&stream->dirty_blocks); block; block = next) {
		next = TAILQ_NEXT(block, link);
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		stream->is_stored = true; /* so what is in the batch is deleted if the stream is */
		if (block != last && fill_write_block(streams, stream, block) < 0)
			return -ENOMEM;
	}
	return last && last->place == BLOCK_DIRTY ? fill_write_last(streams, stream, last) : 0;
}

/* What a stream has beside its blocks. -EAGAIN: the work has to end, and something is left. */
static int
fill_write_rest(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	size_t before = storage_batch_bytes(streams->storage);
	struct stream_group *group;
	int r = group_save_gone(streams->storage, stream);

	TAILQ_FOREACH(group, &stream->groups, link) {
		if (r < 0)
			return r;
		streams->flow->work.done += WORK_VISIT + storage_batch_bytes(streams->storage) - before;
		before = storage_batch_bytes(streams->storage);
		if (!group_is_changed(group))
			continue;
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		streams->flow->work.done += FILL_PIECE_WORK;
		r = group_save(streams->storage, group);
	}
	streams->flow->work.done += storage_batch_bytes(streams->storage) - before;
	if (r < 0)
		return r;
	r = later_save(streams, stream, work_end);
	if (r < 0)
		return r;
	r = producers_save(streams, stream);
	if (r == 0)
		producers_saved(stream);
	return r;
}

/* -EAGAIN: the work has to end, and something is left. */
static int
fill_write_stream(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	uint64_t before = storage_batch_bytes(streams->storage) + streams->tails.no;
	uint8_t record[STREAM_RECORD_MAX];
	int r;

	streams->flow->work.done += FILL_PIECE_WORK;
	if (fill_erase_gone(streams, stream) < 0)
		return -ENOMEM;
	r = fill_write_blocks(streams, stream, work_end);
	if (r < 0)
		return r;
	stream->is_stored = true;
	r = fill_write_rest(streams, stream, work_end);
	/* If what has changed needs nothing to be stored, an answer may wait for it all the same. */
	if (r == 0 && (stream->has_changed || storage_batch_bytes(streams->storage) + streams->tails.no == before))
		r = storage_put(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY,
		                (struct slice){ record, stream_record_put(record, stream) });
	stream->has_changed = stream->has_changed && r < 0;
	return r;
}

static int
fill_erase_stream(struct streams *streams, struct stream *stream)
{
	if (storage_delete(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY) < 0 ||
	    fill_erase_blocks(streams, stream->no, STREAM_ID_MIN, STREAM_ID_MAX) < 0)
		return -ENOMEM;
	streams->flow->work.done += FILL_PIECE_WORK + stream->n_groups * WORK_LOOKUP;
	if (group_erase_all(streams->storage, stream) < 0)
		return -ENOMEM;
	if (stream->has_later && later_erase(streams, stream) < 0)
		return -ENOMEM;
	return producers_erase(streams, stream);
}

static int
fill_write_all(struct streams *streams, uint64_t work_end)
{
	struct stream *stream;
	uint8_t no[VARINT_MAX];
	struct slice value = { no, (size_t)(varint_put(no, streams->last_no) - no) };
	int r = 0;

	while (r == 0 && (stream = TAILQ_FIRST(&streams->deleted))) {
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		r = fill_erase_stream(streams, stream);
		if (r < 0)
			return r;
		TAILQ_REMOVE(&streams->deleted, stream, dirty_link);
		streams_free(streams, stream);
	}
	while (r == 0 && (stream = TAILQ_FIRST(&streams->dirty))) {
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		r = fill_write_stream(streams, stream, work_end);
		if (r < 0)
			return r;
		TAILQ_REMOVE(&streams->dirty, stream, dirty_link);
		stream->is_dirty = false;
	}
	if (stream_tails_save(streams) < 0)
		return -ENOMEM;
	if (streams->saved_no != streams->last_no)
		r = storage_put(streams->storage, STORAGE_META, 0, STREAMS_LAST_NO_KEY, value);
	if (r == 0)
		streams->saved_no = streams->last_no;
	return r;
}

/* Streams whose tails are too old: their last blocks are written. If they are very many, some are left for the next
 * batch: their tails are kept until then. */
static void
fill_mark_old(struct streams *streams, uint64_t work_end)
{
	struct stream *stream = NULL;

	while (streams->flow->work.done < work_end && (stream = stream_tails_next_old(streams, stream))) {
		struct block *block = stream_index_last(stream)->block;

		streams->flow->work.done += WORK_LOOKUP;
		if (block && block->has_tails)
			stream_block_dirty(streams, stream, block);
	}
}

bool
streams_fill(struct streams *streams, uint64_t work)
{
	uint64_t work_end = work < UINT64_MAX ? streams->flow->work.done + work : UINT64_MAX;
	int r;

	if (!streams->is_filling)
		fill_mark_old(streams, work_end);
	r = fill_write_all(streams, work_end);

	streams->has_filled = true;
	streams->is_filling = r == -EAGAIN;
	if (r == -ENOMEM && log_limit_allows(&streams->log, FILL_LOG_LINES, FILL_LOG_MS, streams->flow->now_ms, NULL))
		log_error("out of memory: changes of streams are not stored yet");
	return r == 0;
}

void
streams_filled(struct streams *streams)
{
	struct block *block;

	while ((block = TAILQ_FIRST(&streams->cache.ahead))) {
		streams->flow->work.done += WORK_VISIT;
		stream_cache_saved(streams, block, BLOCK_COMMITTING);
	}
	streams->committing_bytes = streams->dirty_bytes;
	streams->dirty_bytes = streams->ahead_bytes = 0;
	streams->has_filled = false;
}

/* The blocks of a stream that nothing is added to any more. Returns -ENOMEM also when it has done enough. */
static int
fill_stream_ahead(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	struct block *block, *next;

	streams->flow->work.done += WORK_VISIT;
	for (block = TAILQ_FIRST(&stream->dirty_blocks); block; block = next) {
		next = TAILQ_NEXT(block, link);
		if (block == stream_index_last(stream)->block)
			continue;
		if (streams->flow->work.done >= work_end || fill_erase_gone(streams, stream) < 0)
			return -ENOMEM;
		stream->is_stored = true; /* so what is in the batch is deleted if the stream is */
		if (fill_write_block(streams, stream, block) < 0)
			return -ENOMEM;
	}
	return 0;
}

void
streams_fill_ahead(struct streams *streams)
{
	uint64_t work_end = streams->flow->work.done + FILL_AHEAD_WORK;
	size_t before = storage_batch_bytes(streams->storage);
	struct stream *last = TAILQ_LAST(&streams->dirty, stream_list), *stream = NULL;

	if (streams->dirty_bytes < streams->ahead_bytes + streams->limits.queue_bytes / FILL_AHEAD_PART)
		return;
	while (stream != last && streams->flow->work.done < work_end) {
		stream = TAILQ_FIRST(&streams->dirty);
		if (fill_stream_ahead(streams, stream, work_end) < 0)
			return;
		TAILQ_REMOVE(&streams->dirty, stream, dirty_link); /* next time, others come first */
		TAILQ_INSERT_TAIL(&streams->dirty, stream, dirty_link);
	}
	/* It pays to go on in the next pass if something was found. */
	if (stream == last || storage_batch_bytes(streams->storage) == before)
		streams->ahead_bytes = streams->dirty_bytes;
}
