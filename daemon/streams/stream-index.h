/* The index of a stream: its blocks in the order of ids, found by binary search, whether they are in memory or not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "streams-data.h"

static inline struct stream_block *
stream_index_at(const struct stream *stream, size_t i)
{
	return &stream->blocks[stream->first_block + i];
}

/* The last block, or NULL. */
static inline struct stream_block *
stream_index_last(const struct stream *stream)
{
	return stream->n_blocks > 0 ? stream_index_at(stream, stream->n_blocks - 1) : NULL;
}

/* The number of blocks that begin at or before `id`. So one less is the block that would have the id. */
size_t stream_index_search(const struct stream *stream, struct stream_id id);

/* Makes room for one more block at the end. Returns 0 or -ENOMEM. */
int stream_index_reserve(struct stream *stream);

/* Adds one behind all others; there must be room. */
struct stream_block *stream_index_add(struct stream *stream, struct stream_id first);

/* Takes one out. Returns how many others had to be moved. */
size_t stream_index_remove(struct stream *stream, size_t i);
