/*
 * One stream: entries in the order of their ids, in blocks of about 4 KiB of which only the index and some are in
 * memory, and the groups that read it. Commands change it here at once; streams_commit() makes the change durable.
 * Knows no protocol: fields come and go as slices. stream-trim.h has what removes entries.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block.h"
#include "stream-owner.h"
#include "streams-data.h"

/* The id of the next entry that gets its id from the clock (Unix time in ms). Returns false if ids are exhausted. */
bool stream_next_id(const struct stream *stream, uint64_t unix_ms, struct stream_id *ret_id);

/* Adds an entry with an id larger than stream.last. Wakes nobody. Returns 0 or -ENOMEM, and then it is as before. */
int stream_append(struct streams *streams, struct stream *stream, struct stream_id id, struct stream_fields fields);

/* The smallest id in the stream, or 0-0 while it is empty. Needs no block from disk. */
struct stream_id stream_first_id(const struct stream *stream);

enum stream_step {
	STREAM_ENTRY,
	STREAM_END,
	STREAM_COLD,  /* a block is on disk: it has been asked for, and the client waits with streams_wait_cold() */
	STREAM_ERROR, /* without memory, or a block is damaged: the reason is logged */
	STREAM_MORE,  /* the turn is over; only from stream_trim() */
};

/* A place in a stream, for one walk in one turn. Nothing may be changed meanwhile. */
struct stream_cursor {
	struct stream *stream;
	struct stream_id from, to; /* both included */
	bool is_backward;
	bool is_inside; /* `at` is set */
	size_t block;   /* in the index */
	uint32_t at;    /* the entry of the block that comes next */
};

/* Begins at `from`, or at `to` if backward. */
void stream_seek(struct stream_cursor *cursor, struct stream *stream, struct stream_id from, struct stream_id to,
                 bool is_backward);
/* The entry (struct stream_entry, see block.h) is read with stream_entry_next(). */
enum stream_step stream_step(struct streams *streams, struct stream_cursor *cursor, struct stream_entry *ret_entry);

/* Reads one entry. STREAM_END: there is none with this id. */
enum stream_step stream_find(struct streams *streams, struct stream *stream, struct stream_id id,
                             struct stream_entry *ret_entry);

/* The bytes of block i, which is in memory when it returns STREAM_ENTRY; or STREAM_COLD or STREAM_ERROR. Other blocks
 * up to `until` will be wanted next. */
enum stream_step stream_open_block(struct streams *streams, struct stream *stream, size_t i, size_t until);

/* Entries whose ids are larger than `id`, exactly if no block has to be read for it; else UINT64_MAX. */
uint64_t stream_count_after(struct streams *streams, const struct stream *stream, struct stream_id id);
/* Likewise, but never unknown: a block that would have to be read counts whole. */
uint64_t stream_count_about_after(struct streams *streams, const struct stream *stream, struct stream_id id);

/* XSETID. */
void stream_set_last(struct streams *streams, struct stream *stream, struct stream_id last);

/* Call after any change of what is stored for the stream: it is saved with the next commit. */
void stream_touch(struct streams *streams, struct stream *stream);
/* If only what is stored beside its record has changed: groups, producers. */
void stream_touch_part(struct streams *streams, struct stream *stream);
/* Only the block, which is in memory, is about to change or has changed. */
void stream_block_dirty(struct streams *streams, struct stream *stream, struct block *block);

/* stream-retain.c looks at the stream in this pass: it may have too much by its rule. */
void stream_note_full(struct streams *streams, struct stream *stream);
/* Not any more. */
void stream_unnote_full(struct streams *streams, struct stream *stream);

/* The block has changed: what depends on its size and first entry follows. */
void stream_block_changed(struct streams *streams, struct stream *stream, struct stream_block *sb);

/* Frees the index and all blocks in memory. */
void stream_free_blocks(struct streams *streams, struct stream *stream);
