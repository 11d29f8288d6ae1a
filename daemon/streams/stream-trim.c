/*
 * Removing entries. What is on disk under a key that no block has any more is remembered in the stream until a batch
 * deletes it: of the oldest blocks only how far they are gone, since most entries go from there, and single keys of
 * others.
 */
#include "stream-trim.h"

#include <errno.h>
#include <stdlib.h>

#include "stream-cache.h"
#include "stream-index.h"
#include "stream-tails.h"

/* Room to remember one more key. Returns 0 or -ENOMEM. */
static int
stream_trim_reserve(struct stream *stream)
{
	size_t cap = stream->gone_cap ? 2 * stream->gone_cap : 4;
	struct stream_id *gone;

	if (stream->n_gone < stream->gone_cap)
		return 0;
	gone = realloc(stream->gone, cap * sizeof(*gone));
	if (!gone)
		return -ENOMEM;
	stream->gone = gone;
	stream->gone_cap = cap;
	return 0;
}

/* The block i is not on disk any more as `key`. There must be room if it is not the first block. */
static void
stream_trim_forget_key(struct stream *stream, size_t i, struct stream_id key)
{
	if (i == 0) {
		if (!stream->has_gone || stream_id_cmp(key, stream->gone_to) > 0)
			stream->gone_to = key;
		stream->has_gone = true;
	} else {
		stream->gone[stream->n_gone++] = key;
	}
}

static void
stream_trim_count(struct streams *streams, struct stream *stream, uint64_t n)
{
	stream->length -= n;
	streams->entries -= n;
}

/* From now on it is known that all before the first entry is gone. */
static void
stream_trim_note(struct stream *stream)
{
	stream->trimmed_to = stream->n_blocks > 0 ? stream_first_id(stream) : stream->last;
	if (stream->n_blocks > 0)
		stream_id_prev(&stream->trimmed_to);
}

/* Removes block i, which is the first one or has no entries. */
static void
stream_trim_remove_block(struct streams *streams, struct stream *stream, size_t i)
{
	struct stream_block *sb = stream_index_at(stream, i);
	struct block *block = sb->block;

	stream_trim_count(streams, stream, sb->n);
	stream->bytes -= sb->bytes;
	stream->owner->bytes -= sb->bytes;
	streams->bytes -= sb->bytes;
	if (!block)
		stream_trim_forget_key(stream, i, sb->first);
	else if (block->is_stored)
		stream_trim_forget_key(stream, i, block->key);
	if (block) {
		stream_tails_settle(streams, stream, block);
		stream_cache_drop(streams, block);
	}
	streams->flow->work.done += WORK_VISIT + WORK_BYTES(stream_index_remove(stream, i) * sizeof(*sb));
	stream_touch(streams, stream);
}

/* Removes an entry of block i, which is in memory, and the block if that was the last one. Returns 0 or -ENOMEM. */
static int
stream_trim_remove_entry(struct streams *streams, struct stream *stream, size_t i, uint32_t at)
{
	struct stream_block *sb = stream_index_at(stream, i);
	struct block *block = sb->block;

	if (at == 0 && block->is_stored) { /* it gets another key */
		if (i > 0 && stream_trim_reserve(stream) < 0)
			return -ENOMEM;
		stream_trim_forget_key(stream, i, block->key);
		block->is_stored = false;
	}
	streams->flow->work.done += WORK_VISIT;
	if (at > 0)
		streams->flow->work.done += WORK_BYTES(block->len) + (block->n - at) / 4;
	block_remove(block, at);
	stream_trim_count(streams, stream, 1);
	stream_block_changed(streams, stream, sb);
	if (block->n == 0)
		stream_trim_remove_block(streams, stream, i);
	return 0;
}

enum stream_step
stream_delete(struct streams *streams, struct stream *stream, struct stream_id id)
{
	size_t i = stream_index_search(stream, id);
	enum stream_step status;
	const struct block *block;
	uint32_t at;

	if (i-- == 0)
		return STREAM_END;
	status = stream_open_block(streams, stream, i, i);
	if (status != STREAM_ENTRY)
		return status;
	block = stream_index_at(stream, i)->block;
	at = block_search(block, id);
	if (at == block->n || stream_id_cmp(block_id(block, at), id) != 0)
		return STREAM_END;
	if (stream_trim_remove_entry(streams, stream, i, at) < 0)
		return STREAM_ERROR;
	if (stream_id_cmp(id, stream->max_deleted) > 0)
		stream->max_deleted = id;
	return STREAM_ENTRY;
}

/* Whether all entries of block i are smaller than the id, as far as that is known without reading. */
static bool
stream_trim_is_before(const struct stream *stream, size_t i, struct stream_id id)
{
	const struct stream_block *sb = stream_index_at(stream, i);

	if (i + 1 < stream->n_blocks ? stream_id_cmp(sb[1].first, id) <= 0 : stream_id_cmp(stream->last, id) < 0)
		return true;
	return sb->block && sb->block->n > 0 && stream_id_cmp(block_id(sb->block, sb->block->n - 1), id) < 0;
}

/* How a trim of whole blocks ends. */
struct stream_trim_plan {
	size_t blocks; /* that go as a whole */
	uint64_t n;    /* their entries */
	bool has_rest; /* entries of the next block go too */
};

static struct stream_trim_plan
stream_trim_make_plan(struct streams *streams, const struct stream *stream, const struct stream_trim *trim,
                      uint64_t more, uint64_t removed)
{
	uint64_t length = stream->length + more;
	struct stream_trim_plan plan = { 0 };

	while (plan.blocks < stream->n_blocks) {
		const struct stream_block *sb = stream_index_at(stream, plan.blocks);
		bool is_whole;

		streams->flow->work.done++;
		if (trim->by_id ? stream_id_cmp(sb->first, trim->min_id) >= 0 : length - plan.n <= trim->max_length)
			break;
		is_whole = trim->by_id ? stream_trim_is_before(stream, plan.blocks, trim->min_id)
		                       : length - plan.n - sb->n >= trim->max_length;
		if (trim->is_rough && trim->limit > 0 && removed + plan.n + sb->n > trim->limit)
			break;
		if (!is_whole) {
			plan.has_rest = !trim->is_rough;
			break;
		}
		plan.blocks++;
		plan.n += sb->n;
	}
	return plan;
}

static enum stream_step
stream_trim_open_rest(struct streams *streams, struct stream *stream, const struct stream_trim_plan *plan)
{
	enum stream_step status;

	if (!plan->has_rest)
		return STREAM_END;
	status = stream_open_block(streams, stream, plan->blocks, plan->blocks);
	return status == STREAM_ENTRY ? STREAM_END : status;
}

enum stream_step
stream_trim_prepare(struct streams *streams, struct stream *stream, const struct stream_trim *trim, uint64_t more)
{
	struct stream_trim_plan plan = stream_trim_make_plan(streams, stream, trim, more, 0);

	return stream_trim_open_rest(streams, stream, &plan);
}

size_t
stream_trim_count_blocks(struct streams *streams, const struct stream *stream, const struct stream_trim *trim,
                         uint64_t more)
{
	return stream_trim_make_plan(streams, stream, trim, more, 0).blocks;
}

/* Without may_go. */
static enum stream_step
stream_trim_blocks(struct streams *streams, struct stream *stream, const struct stream_trim *trim,
                   uint64_t *ret_removed)
{
	struct stream_trim_plan plan = stream_trim_make_plan(streams, stream, trim, 0, *ret_removed);
	enum stream_step status = stream_trim_open_rest(streams, stream, &plan);
	uint32_t n;

	if (status != STREAM_END)
		return status;
	for (size_t i = 0; i < plan.blocks; i++)
		stream_trim_remove_block(streams, stream, 0);
	*ret_removed += plan.n;
	if (plan.n > 0)
		stream_trim_note(stream);
	if (!plan.has_rest)
		return STREAM_END;
	n = trim->by_id ? block_search(stream_index_at(stream, 0)->block, trim->min_id)
	                : (uint32_t)(stream->length - trim->max_length);
	for (uint32_t i = 0; i < n; i++)
		stream_trim_remove_entry(streams, stream, 0, 0); /* of the first block, which needs no memory */
	*ret_removed += n;
	if (n > 0)
		stream_trim_note(stream);
	return STREAM_END;
}

/* Whether the first block goes as a whole. */
static bool
stream_trim_block_goes(const struct stream *stream, const struct stream_bounds *bounds)
{
	const struct stream_block *sb = stream_index_at(stream, 0);

	if (stream->bytes > bounds->hard_bytes && stream->n_blocks > 1)
		return true;
	return stream_trim_is_before(stream, 0, bounds->floor) &&
	       ((stream->length > bounds->entries && stream->length - sb->n >= bounds->entries) ||
	        (stream->bytes > bounds->bytes && stream->n_blocks > 1) ||
	        stream_trim_is_before(stream, 0, bounds->min_id));
}

/* How many entries of the first block go, which is in memory and does not go as a whole. */
static uint32_t
stream_trim_count_going(const struct stream *stream, const struct stream_bounds *bounds)
{
	const struct block *block = stream_index_at(stream, 0)->block;
	uint32_t needed_from = block_search(block, bounds->floor);
	uint64_t n = block_search(block, bounds->min_id);

	if (stream->length > bounds->entries && stream->length - bounds->entries > n)
		n = stream->length - bounds->entries;
	if (stream->bytes > bounds->bytes && stream->n_blocks == 1 && block->n > 1 && n == 0)
		n = 1;
	if (n > needed_from)
		n = needed_from;
	if (stream->bytes > bounds->hard_bytes && stream->n_blocks == 1 && block->n > 1 && n == 0)
		n = 1;
	return (uint32_t)n;
}

/* Removes entries of the first block that goes in part. STREAM_END: there are none. */
static enum stream_step
stream_trim_part(struct streams *streams, struct stream *stream, struct stream_bounds *bounds)
{
	const struct stream_block *sb = stream_index_at(stream, 0);
	bool is_hard = stream->bytes > bounds->hard_bytes;
	enum stream_step step;
	uint32_t n;

	if (!is_hard && stream_id_cmp(bounds->floor, sb->first) <= 0)
		return STREAM_END;
	step = stream_open_block(streams, stream, 0, 0);
	if (step != STREAM_ENTRY)
		return step;
	n = stream_trim_count_going(stream, bounds);
	for (uint32_t i = 0; i < n; i++) {
		bounds->removed_needed += stream_id_cmp(stream_first_id(stream), bounds->floor) >= 0;
		stream_trim_remove_entry(streams, stream, 0, 0); /* of the first block, which needs no memory */
	}
	bounds->removed += n;
	return n > 0 ? STREAM_ENTRY : STREAM_END;
}

enum stream_step
stream_trim_to_bounds(struct streams *streams, struct stream *stream, struct stream_bounds *bounds, uint64_t work_end)
{
	enum stream_step step = STREAM_ENTRY;
	bool is_over = false;

	while (step == STREAM_ENTRY && stream->n_blocks > 0) {
		const struct stream_block *sb = stream_index_at(stream, 0);

		is_over = stream->length > bounds->entries || stream->bytes > bounds->bytes ||
		          stream_id_cmp(sb->first, bounds->min_id) < 0;
		if (!is_over && stream->bytes <= bounds->hard_bytes)
			break;
		if (streams->flow->work.done >= work_end) {
			step = STREAM_MORE;
		} else if (stream_trim_block_goes(stream, bounds)) {
			bounds->removed += sb->n;
			bounds->removed_needed += stream_trim_is_before(stream, 0, bounds->floor) ? 0 : sb->n;
			stream_trim_remove_block(streams, stream, 0);
		} else {
			step = stream_trim_part(streams, stream, bounds);
		}
	}
	bounds->is_kept = step == STREAM_END && is_over;
	if (bounds->removed > 0)
		stream_trim_note(stream);
	return step == STREAM_ENTRY ? STREAM_END : step;
}

/* Whether a trim goes on to the entry at `at` of block i. */
static bool
stream_trim_wants(const struct stream *stream, const struct stream_trim *trim, size_t i, struct stream_id id,
                  uint64_t removed)
{
	uint32_t n = stream_index_at(stream, i)->n;

	if (trim->is_rough && trim->limit > 0 && removed >= trim->limit)
		return false;
	if (trim->by_id)
		return stream_id_cmp(id, trim->min_id) < 0 &&
		       (!trim->is_rough || stream_trim_is_before(stream, i, trim->min_id));
	return stream->length > trim->max_length && (!trim->is_rough || stream->length - n >= trim->max_length);
}

enum stream_step
stream_trim(struct streams *streams, struct stream *stream, struct stream_trim *trim,
            bool (*may_go)(void *arg, struct stream *stream, struct stream_id id), void *arg, uint64_t *ret_removed)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step status;

	if (!may_go)
		return stream_trim_blocks(streams, stream, trim, ret_removed);
	stream_seek(&cursor, stream, trim->at, STREAM_ID_MAX, false);
	for (;;) {
		size_t n_blocks = stream->n_blocks;

		if (work_is_turn_over(&streams->flow->work))
			return STREAM_MORE;
		status = stream_step(streams, &cursor, &entry);
		if (status == STREAM_COLD && stream_id_cmp(stream_index_at(stream, cursor.block)->first, trim->at) > 0)
			trim->at =
			    stream_index_at(stream, cursor.block)->first; /* the block before is not needed again */
		if (status != STREAM_ENTRY)
			return status;
		if (!stream_trim_wants(stream, trim, cursor.block, entry.id, *ret_removed))
			return STREAM_END;
		if (may_go(arg, stream, entry.id)) {
			if (stream_trim_remove_entry(streams, stream, cursor.block, cursor.at - 1) < 0)
				return STREAM_ERROR;
			++*ret_removed;
			stream_trim_note(stream);
			if (stream->n_blocks < n_blocks)
				cursor.is_inside = false; /* the next block is where this one was */
			else
				cursor.at--;
		}
		trim->at = entry.id;
		if (!stream_id_next(&trim->at))
			return STREAM_END;
	}
}
