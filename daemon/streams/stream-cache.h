/*
 * Which blocks are in memory: those that are not durable yet, the last one of each stream, and as many others as
 * limits.cache has room for. The rest is fetched when it is asked for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "block.h"

void stream_cache_init(struct streams *streams);
void stream_cache_deinit(struct streams *streams);

/* A block comes into memory, or has changed its size. */
void stream_cache_account(struct streams *streams, struct block *block);

/* Call when a block is looked into: it stays longer then. */
void stream_cache_use(struct streams *streams, struct block *block);

/* The block has changed, and is saved with the next commit. */
void stream_cache_dirty(struct streams *streams, struct block *block);

/* It has been put into the open batch (place: BLOCK_AHEAD), or into the one that is handed over (BLOCK_COMMITTING). */
void stream_cache_saved(struct streams *streams, struct block *block, enum block_place place);

/* It is not the last one of its stream any more. */
void stream_cache_close(struct streams *streams, struct block *block);

/*
 * Asks for a block that is on disk only, or being fetched, and for some of its neighbours that will be wanted next, up
 * to block `until`, which may be before it. Clients may wait for it then with stream_cache_wait(). Returns 0 or
 * -ENOMEM.
 */
int stream_cache_fetch(struct streams *streams, struct stream *stream, size_t i, size_t until);

/* The client waits until the block that was asked for last is there. Returns false if it has died. */
bool stream_cache_wait(struct streams *streams, struct client *c);

/* Takes what the store has fetched. */
void stream_cache_fetched(struct streams *streams, const struct storage_event *event);

/* The store has failed: what was asked for does not come. */
void stream_cache_fail(struct streams *streams);

/* The stream has no such block any more, or goes itself. */
void stream_cache_drop(struct streams *streams, struct block *block);

/* The batch under way is durable. */
void stream_cache_committed(struct streams *streams);

/* Lets go of blocks while there are more than the limit allows. Nobody may look into any. */
void stream_cache_shrink(struct streams *streams);
