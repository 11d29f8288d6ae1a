/*
 * Nothing is marked as saved before all of a batch is complete: without memory the batch is dropped, and everything is
 * as changed as it was. Blocks that were written ahead are in a place of their own meanwhile; one that changes again is
 * written again.
 *
 * Within the batch, keys that are gone are deleted before blocks are written, since an empty stream may begin with a
 * smaller id again (XSETID). What was deleted so far is remembered as well: a key must not be deleted once more after a
 * block was written as it.
 */
#include "streams-fill.h"

#include <errno.h>
#include <stdlib.h>

#include "group-store.h"
#include "producers-store.h"
#include "stream-cache.h"
#include "stream-index.h"
#include "streams-record.h"
#include "streams-registry.h"

/* Work is done ahead when such a part of queue_bytes has come since it was done last; and so much of it in one pass. */
#define FILL_AHEAD_PART 64
#define FILL_AHEAD_WORK ((uint64_t)500 * 1000)

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

/* Deletes the keys that are gone and were not deleted in this batch yet. */
static int
fill_erase_gone(struct streams *streams, struct stream *stream)
{
	if (stream->has_gone && fill_erase_blocks(streams, stream->no, STREAM_ID_MIN, stream->gone_to) < 0)
		return -ENOMEM;
	if (stream->has_gone && (!stream->has_erased || stream_id_cmp(stream->gone_to, stream->erased_to) > 0))
		stream->erased_to = stream->gone_to;
	stream->has_erased = stream->has_erased || stream->has_gone;
	stream->has_gone = false;
	for (; stream->n_erased < stream->n_gone; stream->n_erased++) {
		struct stream_id key = stream->gone[stream->n_erased];

		if (fill_erase_blocks(streams, stream->no, key, key) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The batch was dropped, with what it has deleted. */
static void
fill_forget_erased(struct stream *stream)
{
	if (stream->has_erased && (!stream->has_gone || stream_id_cmp(stream->gone_to, stream->erased_to) < 0))
		stream->gone_to = stream->erased_to;
	stream->has_gone = stream->has_gone || stream->has_erased;
	stream->has_erased = false;
	stream->n_erased = 0;
}

static int
fill_write_block(struct streams *streams, struct stream *stream, struct block *block)
{
	struct slice bytes = block_encode(block);
	uint8_t id[STORAGE_ID_SIZE];

	streams->flow->work.done += WORK_LOOKUP + 2 * WORK_BYTES(bytes.len);
	stream_id_put(id, block_id(block, 0));
	return storage_put_block(streams->storage, stream->no, id, block->n, bytes);
}

static int
fill_write_stream(struct streams *streams, struct stream *stream)
{
	uint8_t record[STREAM_RECORD_MAX];
	struct slice value = { record, stream_record_put(record, stream) };
	struct block *block;

	streams->flow->work.done += WORK_LOOKUP;
	if (storage_put(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY, value) < 0 ||
	    fill_erase_gone(streams, stream) < 0)
		return -ENOMEM;
	TAILQ_FOREACH(block, &stream->dirty_blocks, link) {
		if (fill_write_block(streams, stream, block) < 0)
			return -ENOMEM;
	}
	streams->flow->work.done += stream->n_groups * WORK_VISIT;
	if (group_save_all(streams->storage, stream) < 0)
		return -ENOMEM;
	return producers_save(streams, stream);
}

static int
fill_erase_stream(struct streams *streams, struct stream *stream)
{
	if (storage_delete(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY) < 0 ||
	    fill_erase_blocks(streams, stream->no, STREAM_ID_MIN, STREAM_ID_MAX) < 0)
		return -ENOMEM;
	streams->flow->work.done += stream->n_groups * WORK_LOOKUP;
	if (group_erase_all(streams->storage, stream) < 0)
		return -ENOMEM;
	return producers_erase(streams, stream);
}

static int
fill_write_all(struct streams *streams)
{
	struct stream *stream;
	uint8_t no[VARINT_MAX];
	struct slice value = { no, (size_t)(varint_put(no, streams->last_no) - no) };

	TAILQ_FOREACH(stream, &streams->deleted, dirty_link) {
		if (fill_erase_stream(streams, stream) < 0)
			return -ENOMEM;
	}
	TAILQ_FOREACH(stream, &streams->dirty, dirty_link) {
		if (fill_write_stream(streams, stream) < 0)
			return -ENOMEM;
	}
	if (streams->saved_no == streams->last_no)
		return 0;
	return storage_put(streams->storage, STORAGE_META, 0, STREAMS_LAST_NO_KEY, value);
}

/* The block is in the batch, as its key is now. */
static void
fill_mark_block(struct streams *streams, struct block *block, enum block_place place)
{
	block->is_stored = true;
	block->key = block_id(block, 0);
	stream_cache_saved(streams, block, place);
}

/* All of it is in the batch. */
static void
fill_mark_saved(struct streams *streams)
{
	struct stream *stream;
	struct block *block;

	while ((stream = TAILQ_FIRST(&streams->deleted))) {
		TAILQ_REMOVE(&streams->deleted, stream, dirty_link);
		streams_free(streams, stream);
	}
	while ((stream = TAILQ_FIRST(&streams->dirty))) {
		TAILQ_REMOVE(&streams->dirty, stream, dirty_link);
		stream->is_dirty = false;
		stream->is_stored = true;
		stream->has_erased = false;
		stream->n_erased = stream->n_gone = stream->gone_cap = 0;
		free(stream->gone);
		stream->gone = NULL;
		while ((block = TAILQ_FIRST(&stream->dirty_blocks)))
			fill_mark_block(streams, block, BLOCK_COMMITTING);
		group_saved_all(stream);
		producers_saved(stream);
	}
	while ((block = TAILQ_FIRST(&streams->cache.ahead)))
		stream_cache_saved(streams, block, BLOCK_COMMITTING);
	streams->saved_no = streams->last_no;
	streams->committing_bytes = streams->dirty_bytes;
	streams->dirty_bytes = streams->ahead_bytes = 0;
}

static void
fill_drop(struct streams *streams)
{
	struct stream *stream;
	struct block *block;

	storage_drop_batch(streams->storage);
	while ((block = TAILQ_FIRST(&streams->cache.ahead)))
		stream_cache_dirty(streams, block);
	TAILQ_FOREACH(stream, &streams->dirty, dirty_link)
		fill_forget_erased(stream);
	streams->ahead_bytes = 0;
}

bool
streams_fill(struct streams *streams)
{
	if (fill_write_all(streams) == 0) {
		fill_mark_saved(streams);
		return true;
	}
	fill_drop(streams);
	if (log_limit_allows(&streams->log, FILL_LOG_LINES, FILL_LOG_MS, streams->flow->now_ms, NULL))
		log_error("out of memory: changes of streams are not stored yet");
	return false;
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
		fill_mark_block(streams, block, BLOCK_AHEAD);
	}
	return 0;
}

void
streams_fill_ahead(struct streams *streams)
{
	uint64_t work_end = streams->flow->work.done + FILL_AHEAD_WORK;
	struct stream *stream;

	if (streams->dirty_bytes < streams->ahead_bytes + streams->limits.queue_bytes / FILL_AHEAD_PART)
		return;
	TAILQ_FOREACH(stream, &streams->dirty, dirty_link) {
		if (fill_stream_ahead(streams, stream, work_end) < 0)
			return;
	}
	streams->ahead_bytes = streams->dirty_bytes;
}
