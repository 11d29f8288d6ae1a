#include "stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "stream-cache.h"
#include "stream-index.h"

/* About what a changed stream costs in a batch, in bytes: its record. */
#define STREAM_RECORD_BYTES 128

bool
stream_next_id(const struct stream *stream, uint64_t unix_ms, struct stream_id *ret_id)
{
	struct stream_id id = stream->last;

	if (unix_ms > id.ms)
		id = (struct stream_id){ .ms = unix_ms };
	else if (!stream_id_next(&id))
		return false;
	*ret_id = id;
	return true;
}

void
stream_note_full(struct streams *streams, struct stream *stream)
{
	if (stream->is_retaining)
		return;
	stream->is_retaining = true;
	TAILQ_INSERT_TAIL(&streams->retaining, stream, retain_link);
}

void
stream_unnote_full(struct streams *streams, struct stream *stream)
{
	if (stream->is_retaining)
		TAILQ_REMOVE(&streams->retaining, stream, retain_link);
	stream->is_retaining = false;
}

void
stream_touch_part(struct streams *streams, struct stream *stream)
{
	stream->changed_in = streams->batch;
	streams->changes++;
	if (stream->is_kept)
		stream_note_full(streams, stream);
	if (stream->is_dirty)
		return;
	stream->is_dirty = true;
	TAILQ_INSERT_TAIL(&streams->dirty, stream, dirty_link);
	streams->dirty_bytes += STREAM_RECORD_BYTES;
}

void
stream_touch(struct streams *streams, struct stream *stream)
{
	stream->has_changed = true;
	stream_touch_part(streams, stream);
}

static inline void
stream_account(struct streams *streams, struct stream *stream, uint64_t bytes)
{
	stream->bytes += bytes;
	stream->owner->bytes += bytes;
	streams->bytes += bytes;
}

void
stream_block_dirty(struct streams *streams, struct stream *stream, struct block *block)
{
	if (block->place != BLOCK_DIRTY) {
		streams->dirty_bytes += block->len;
		stream_cache_dirty(streams, block);
	}
	if (block_memory(block) != block->memory)
		stream_cache_account(streams, block);
	stream_touch_part(streams, stream);
}

void
stream_block_changed(struct streams *streams, struct stream *stream, struct stream_block *sb)
{
	struct block *block = sb->block;
	uint32_t bytes = (uint32_t)block_bytes(block);

	stream_account(streams, stream, (uint64_t)bytes - sb->bytes);
	sb->bytes = bytes;
	sb->n = block->n;
	if (block->n > 0)
		sb->first = block_id(block, 0);
	block->is_edited = true;
	stream_block_dirty(streams, stream, block);
	stream_touch(streams, stream);
}

static inline bool
stream_has_room(const struct streams *streams, const struct block *block, size_t size)
{
	size_t max = size >= BLOCK_LARGE_ENTRY ? BLOCK_BYTES_LARGE : BLOCK_BYTES;

	return block && block->n > 0 && block->len + size <= max &&
	       (block->n < streams->limits.node_entries || streams->limits.node_entries == 0);
}

/* A block with the entry, at the end of the index. */
static struct stream_block *
stream_add_block(struct streams *streams, struct stream *stream, struct stream_id id, struct stream_fields fields,
                 size_t size)
{
	struct stream_block *old = stream_index_last(stream), *sb;
	struct block *block = block_new();

	if (!block)
		return NULL;
	if (old)
		block_prepare(block, old->bytes + size, old->n + 2);
	if (stream_index_reserve(stream) < 0 || block_append(block, id, fields, size) < 0) {
		block_free(block);
		return NULL;
	}
	old = stream_index_last(stream);
	if (old && old->block && old->block->n > 0) {
		if (old->block->has_tails)
			stream_block_dirty(streams, stream, old->block);
		stream_cache_close(streams, old->block);
	}
	sb = stream_index_add(stream, id);
	sb->block = block;
	block->stream = stream;
	return sb;
}

int
stream_append(struct streams *streams, struct stream *stream, struct stream_id id, struct stream_fields fields)
{
	struct stream_block *sb = stream_index_last(stream);
	size_t size = block_entry_size(fields), added;
	struct block *block;

	assert(stream_id_cmp(id, stream->last) > 0);
	if (sb && stream_has_room(streams, sb->block, size)) {
		block = sb->block;
		added = block->len;
		if (block_append(block, id, fields, size) < 0)
			return -ENOMEM;
		added = block->len - added;
	} else {
		sb = stream_add_block(streams, stream, id, fields, size);
		if (!sb)
			return -ENOMEM;
		block = sb->block;
		added = block->len;
	}
	sb->bytes += (uint32_t)added;
	sb->n++;
	stream_account(streams, stream, added);
	if (block->place != BLOCK_DIRTY || block_memory(block) != block->memory)
		stream_block_dirty(streams, stream, block);
	streams->dirty_bytes += added;
	streams->flow->work.done += WORK_VISIT + WORK_BYTES(size);
	stream->last = id;
	stream->length++;
	stream->added++;
	streams->entries++;
	streams->added++;
	if (stream->length > stream->bound_entries || stream->bytes > stream->bound_bytes)
		stream_note_full(streams, stream);
	return 0;
}

struct stream_id
stream_first_id(const struct stream *stream)
{
	return stream->n_blocks > 0 ? stream_index_at(stream, 0)->first : STREAM_ID_MIN;
}

void
stream_set_last(struct streams *streams, struct stream *stream, struct stream_id last)
{
	stream->last = last;
	stream_touch(streams, stream);
}

enum stream_step
stream_open_block(struct streams *streams, struct stream *stream, size_t i, size_t until)
{
	struct stream_block *sb = stream_index_at(stream, i);

	streams->flow->work.done += WORK_VISIT;
	if (sb->block && sb->block->n > 0) {
		stream_cache_use(streams, sb->block);
		return STREAM_ENTRY;
	}
	if (streams->is_dead || (sb->block && sb->block->place == BLOCK_DAMAGED) ||
	    stream_cache_fetch(streams, stream, i, until) < 0)
		return STREAM_ERROR;
	return STREAM_COLD;
}

void
stream_seek(struct stream_cursor *cursor, struct stream *stream, struct stream_id from, struct stream_id to,
            bool is_backward)
{
	size_t i = stream_index_search(stream, is_backward ? to : from);

	*cursor = (struct stream_cursor){
		.stream = stream,
		.from = from,
		.to = to,
		.is_backward = is_backward,
		.block = is_backward || i == 0 ? i : i - 1, /* backward: one more than the block */
	};
}

/* The next block, and the first entry in it; which may be none: `at` is block.n then, or UINT32_MAX backward. */
static enum stream_step
stream_enter(struct streams *streams, struct stream_cursor *cursor)
{
	struct stream *stream = cursor->stream;
	size_t i = cursor->block, until;
	const struct block *block;
	enum stream_step status;

	if (cursor->is_backward ? i == 0 : i >= stream->n_blocks)
		return STREAM_END;
	if (stream_id_cmp(cursor->from, cursor->to) > 0)
		return STREAM_END;
	if (cursor->is_backward) {
		until = stream_index_search(stream, cursor->from);
		if (i < until)
			return STREAM_END; /* the block behind has begun with `from` */
		i--;
		until = until > 0 ? until - 1 : 0;
	} else {
		if (stream_id_cmp(stream_index_at(stream, i)->first, cursor->to) > 0)
			return STREAM_END;
		until = stream_index_search(stream, cursor->to) - 1;
	}
	status = stream_open_block(streams, stream, i, until);
	if (status != STREAM_ENTRY)
		return status;
	block = stream_index_at(stream, i)->block;
	if (cursor->is_backward) {
		cursor->block = i;
		cursor->at = block_search(block, cursor->to);
		if (cursor->at == block->n || stream_id_cmp(block_id(block, cursor->at), cursor->to) > 0)
			cursor->at--; /* or wraps */
	} else {
		cursor->at = block_search(block, cursor->from);
	}
	cursor->is_inside = true;
	return STREAM_ENTRY;
}

enum stream_step
stream_step(struct streams *streams, struct stream_cursor *cursor, struct stream_entry *ret_entry)
{
	const struct block *block;

	for (;;) {
		if (!cursor->is_inside) {
			enum stream_step status = stream_enter(streams, cursor);

			if (status != STREAM_ENTRY)
				return status;
		}
		block = stream_index_at(cursor->stream, cursor->block)->block;
		if (cursor->at < block->n)
			break;
		cursor->is_inside = false;
		cursor->block += !cursor->is_backward; /* backward it is one more than the next block already */
	}
	block_entry(block, cursor->at, ret_entry);
	if (cursor->is_backward ? stream_id_cmp(ret_entry->id, cursor->from) < 0
	                        : stream_id_cmp(ret_entry->id, cursor->to) > 0)
		return STREAM_END;
	cursor->at += cursor->is_backward ? UINT32_MAX : 1;
	streams->flow->work.done += WORK_VISIT;
	return STREAM_ENTRY;
}

enum stream_step
stream_find(struct streams *streams, struct stream *stream, struct stream_id id, struct stream_entry *ret_entry)
{
	struct stream_cursor cursor;

	stream_seek(&cursor, stream, id, id, false);
	return stream_step(streams, &cursor, ret_entry);
}

/* Entries in blocks[from .. to). */
static uint64_t
stream_sum(struct streams *streams, const struct stream *stream, size_t from, size_t to)
{
	uint64_t sum = 0;

	streams->flow->work.done += (to - from) / 2;
	for (size_t i = from; i < to; i++)
		sum += stream_index_at(stream, i)->n;
	return sum;
}

/* *ret_is_exact: no block has to be read for it; else as many as there can be. */
static uint64_t
stream_count(struct streams *streams, const struct stream *stream, struct stream_id id, bool *ret_is_exact)
{
	size_t i = stream_index_search(stream, id);
	const struct stream_block *sb;
	uint64_t count;
	uint32_t at;

	*ret_is_exact = true;
	if (i == 0)
		return stream->length;
	if (stream_id_cmp(id, stream->last) >= 0)
		return 0;
	/* The shorter way; the blocks have all that the stream has. */
	count = i < stream->n_blocks - i ? stream->length - stream_sum(streams, stream, 0, i)
	                                 : stream_sum(streams, stream, i, stream->n_blocks);
	sb = stream_index_at(stream, i - 1);
	if (sb->n == 1)
		return count;
	*ret_is_exact = sb->block && sb->block->n > 0;
	if (!*ret_is_exact)
		return count + sb->n - 1;
	at = block_search(sb->block, id);
	return count + sb->block->n - at - (at < sb->block->n && stream_id_cmp(block_id(sb->block, at), id) == 0);
}

uint64_t
stream_count_after(struct streams *streams, const struct stream *stream, struct stream_id id)
{
	bool is_exact;
	uint64_t count = stream_count(streams, stream, id, &is_exact);

	return is_exact ? count : UINT64_MAX;
}

uint64_t
stream_count_about_after(struct streams *streams, const struct stream *stream, struct stream_id id)
{
	bool is_exact;

	return stream_count(streams, stream, id, &is_exact);
}

void
stream_free_blocks(struct streams *streams, struct stream *stream)
{
	for (size_t i = 0; i < stream->n_blocks; i++) {
		struct stream_block *sb = stream_index_at(stream, i);

		if (sb->block)
			stream_cache_drop(streams, sb->block);
	}
	streams->flow->work.done += stream->n_blocks / 2;
	stream_account(streams, stream, -stream->bytes);
	streams->entries -= stream->length;
	free(stream->blocks);
	stream->blocks = NULL;
	stream->first_block = stream->n_blocks = stream->blocks_cap = 0;
}
