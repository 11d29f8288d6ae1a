/* Where each block in memory is, in exactly one list or none (see enum block_place), and the sums that follow from it.
 */
#pragma once

#include <stddef.h>

#include "block.h"

/* What may be asked for ahead, and stay until it is looked into, whatever the limit of the cache is. In bytes. */
#define STREAM_PLACE_AWAITED_MIN ((size_t)64 * 1024)

static inline size_t
stream_place_awaited_max(const struct streams *streams)
{
	size_t max = streams->limits.cache / 2;

	return max > STREAM_PLACE_AWAITED_MIN ? max : STREAM_PLACE_AWAITED_MIN;
}

/* BLOCK_USED becomes BLOCK_KEPT for a block that is kept, see stream-keep.h. */
void stream_place_move(struct streams *streams, struct block *block, enum block_place place);
