/*
 * For EXEC, which cannot wait once it has begun: blocks that are fetched before stay in memory until it is done, for
 * one client at a time.
 */
#pragma once

#include <stdbool.h>

#include "block.h"

/*
 * From now on, what is looked into while cache.is_keeping is set stays in memory, until stream_keep_end(). Returns
 * false if that is done for another client; then c may wait on cache.keep_waiters.
 */
bool stream_keep_begin(struct streams *streams, struct client *c);
/* No-op if nothing is kept for the client. */
void stream_keep_end(struct streams *streams, struct client *c);

/* While cache.is_keeping is set: whether the block may be kept, or is. There is room for half of the cache, but for one
 * block of any size. */
bool stream_keep_may_add(const struct streams *streams, const struct stream_block *sb);

/* Call when a block is looked into while cache.is_keeping is set. */
void stream_keep_add(struct streams *streams, struct block *block);
