/*
 * What was added to the last block of a stream since the last commit is its tail. A commit writes the tails of all
 * streams into records of their own, one behind the other, instead of each block that has grown, with its record and
 * its place in the index: so it writes few pages, however many streams there are. A block is written once it is full,
 * if more than that was changed, if its tail is large, or when its tails have become old, since only so many are kept.
 *
 * Tails have numbers. Those up to stream.tails_done are of blocks that have been written since, or have gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "block.h"
#include "streams-data.h"

void stream_tails_init(struct streams *streams);
void stream_tails_deinit(struct streams *streams);

/* Whether a tail is all that has to be written of the block, which is the last one of its stream. */
bool stream_tails_can_take(const struct streams *streams, const struct stream *stream, const struct block *block);

/* Takes the tail of the block. Returns 0 or -ENOMEM. */
int stream_tails_take(struct streams *streams, struct stream *stream, struct block *block);

/* A tail of so many bytes, which counts, is in the chapter or in a later one. */
void stream_tails_count(struct streams *streams, struct stream *stream, uint64_t chapter, size_t bytes);

/* The block that has tails is in the batch as a whole, or has gone: its tails count no more. */
void stream_tails_settle(struct streams *streams, struct stream *stream, struct block *block);

/* The stream goes. */
void stream_tails_leave(struct streams *streams, struct stream *stream);

/* The next stream with tails that are too old to be kept, or NULL. */
struct stream *stream_tails_next_old(const struct streams *streams, const struct stream *after);

/* Writes what was taken into the open batch, and removes records that nobody needs any more. Returns 0 or -ENOMEM. */
int stream_tails_save(struct streams *streams);

/* What a record of tails says about one block; slices refer to the record. */
struct stream_tail {
	uint64_t stream; /* its number */
	uint64_t no;     /* of the tail */
	struct stream_id first;
	uint32_t n;
	struct slice bytes; /* a block of its own, see block_parse() */
};

/* Reads the tail at *p and moves *p behind it; no: of the tail. Returns 0; or -EBADMSG: there is none. */
int stream_tail_get(const uint8_t **p, const uint8_t *end, uint64_t no, struct stream_tail *ret_tail);

/* Likewise, the key of a record: the number of its first tail. */
bool stream_tails_key(struct slice key, uint64_t *ret_no);
