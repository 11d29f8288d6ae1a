/* What removes entries from a stream. Groups are not told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

/* Deletes an entry; STREAM_END: there was none; STREAM_COLD or STREAM_ERROR: nothing has changed. */
enum stream_step stream_delete(struct streams *streams, struct stream *stream, struct stream_id id);

/* What a stream may have, for stream_trim_to_bounds(). */
struct stream_bounds {
	uint64_t entries, bytes;
	uint64_t hard_bytes;     /* whatever the floor */
	struct stream_id min_id; /* older ones go */
	struct stream_id floor;  /* nothing from here on goes, but for hard_bytes */
	/* Results, counted up and set. */
	uint64_t removed, removed_needed; /* entries; of these, those from the floor on */
	bool is_kept;                     /* there is too much, but for the floor */
};

/*
 * Removes the oldest entries until the stream is within the bounds. For bytes, blocks go as a whole, and the newest
 * entry stays. STREAM_END: all is done; STREAM_MORE: work.done is work_end; STREAM_COLD: a block was asked for;
 * STREAM_ERROR: it cannot be read. But for STREAM_END it is called again later.
 */
enum stream_step stream_trim_to_bounds(struct streams *streams, struct stream *stream, struct stream_bounds *bounds,
                                       uint64_t work_end);

/* What a trim leaves. */
struct stream_trim {
	bool by_id;    /* entries smaller than min_id go; else all but the newest max_length */
	bool is_rough; /* "~": whole blocks only */
	uint64_t max_length;
	struct stream_id min_id;
	uint64_t limit;      /* entries at most; 0: no limit. Rough trims only. */
	struct stream_id at; /* 0-0 at first: where the next call goes on */
};

/*
 * Trims from the oldest entry on, until it returns STREAM_END. *ret_removed, which the caller sets to 0 first, is
 * counted up. may_go: asked for each entry, or NULL: all may; entries that may not go stay.
 *
 * STREAM_COLD: a block has to be read first; without may_go, nothing has changed then. STREAM_MORE (only with may_go):
 * the turn is over. After both it is called again with the same trim. STREAM_ERROR: without memory, or a block cannot
 * be read.
 */
enum stream_step stream_trim(struct streams *streams, struct stream *stream, struct stream_trim *trim,
                             bool (*may_go)(void *arg, struct stream *stream, struct stream_id id), void *arg,
                             uint64_t *ret_removed);

/*
 * For a trim without may_go that follows after `more` entries will have been added: STREAM_END if it will find all that
 * it has to read; or STREAM_COLD or STREAM_ERROR as it would return.
 */
enum stream_step stream_trim_prepare(struct streams *streams, struct stream *stream, const struct stream_trim *trim,
                                     uint64_t more);

/* The number of blocks that such a trim would remove as a whole. */
size_t stream_trim_count_blocks(struct streams *streams, const struct stream *stream, const struct stream_trim *trim,
                                uint64_t more);
