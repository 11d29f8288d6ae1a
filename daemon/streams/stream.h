/*
 * One stream: entries in the order of their ids, in blocks of about 4 KiB of which only the index and some are in
 * memory, and the groups that read it. Commands change it here at once; streams_commit() makes the change durable.
 * Knows no protocol: fields come and go as slices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streams-data.h"

/* Fields and values, as given: n_fields pairs, so 2 * n_fields slices. */
struct stream_fields {
	const struct slice *argv;
	size_t n_fields;
};

/* The id of the next entry that gets its id from the clock (Unix time in ms). Returns false if ids are exhausted. */
bool stream_next_id(const struct stream *stream, uint64_t unix_ms, struct stream_id *ret_id);

/* Adds an entry with an id larger than stream.last. Wakes nobody. Returns 0 or -ENOMEM, and then it is as before. */
int stream_append(struct streams *streams, struct stream *stream, struct stream_id id, struct stream_fields fields);

/* The smallest id in the stream, or 0-0 while it is empty. Needs no block from disk. */
struct stream_id stream_first_id(const struct stream *stream);

/* One entry, valid until the next call of anything that changes or reads streams. */
struct stream_entry {
	struct stream_id id;
	size_t n_fields;
	const uint8_t *p, *end; /* for stream_entry_next() */
	const uint8_t *names;   /* of fields that are as in the entry before; or NULL */
};

/* Goes through names and values in turn, 2 * n_fields slices. */
struct slice stream_entry_next(struct stream_entry *entry);

enum stream_step {
	STREAM_ENTRY,
	STREAM_END,
	STREAM_COLD,  /* a block is on disk: it has been asked for, and the client waits with streams_wait_cold() */
	STREAM_ERROR, /* without memory, or a block is damaged: the reason is logged */
};

/* A place in a stream, for one walk in one turn. Nothing may be changed meanwhile. */
struct stream_cursor {
	struct stream *stream;
	struct stream_id from, to; /* both included */
	bool is_backward;
	size_t block;
	size_t offset; /* in the block */
	size_t at;     /* which entry of the block */
	struct stream_id id;
};

/* Begins at `from`, or at `to` if backward. */
void stream_seek(struct stream_cursor *cursor, struct stream *stream, struct stream_id from, struct stream_id to,
                 bool is_backward);
enum stream_step stream_step(struct streams *streams, struct stream_cursor *cursor, struct stream_entry *ret_entry);

/* Reads one entry. STREAM_END: there is none with this id. */
enum stream_step stream_find(struct streams *streams, struct stream *stream, struct stream_id id,
                             struct stream_entry *ret_entry);

/* Deletes an entry; STREAM_END: there was none; STREAM_COLD as above. Groups are not told. */
enum stream_step stream_delete(struct streams *streams, struct stream *stream, struct stream_id id);

/* What a trim leaves. */
struct stream_trim {
	bool by_id;    /* entries smaller than min_id go; else all but the newest max_length */
	bool is_rough; /* "~": whole blocks only */
	uint64_t max_length;
	struct stream_id min_id;
	uint64_t limit; /* entries at most; 0: no limit */
};

/*
 * Trims from the oldest entry on. *ret_removed counts what has gone, also when it returns STREAM_COLD, after which it
 * is called again. may_go: asked for each entry, or NULL; entries that may not go stay.
 */
enum stream_step stream_trim(struct streams *streams, struct stream *stream, const struct stream_trim *trim,
                             bool (*may_go)(void *arg, struct stream *stream, struct stream_id id), void *arg,
                             uint64_t *ret_removed);

/* XSETID. */
void stream_set_last(struct streams *streams, struct stream *stream, struct stream_id last);

/* Entries whose ids are larger than `id`, exactly if no block has to be read for it; else UINT64_MAX. */
uint64_t stream_count_after(struct streams *streams, const struct stream *stream, struct stream_id id);

/* Call after any change of what is stored for the stream or one of its groups: it is saved with the next commit. */
void stream_touch(struct streams *streams, struct stream *stream);
