/*
 * Each block in memory is in exactly one place (stream-place.h). It can be let go of when it is durable and not
 * the last one of its stream: then the index alone remembers it.
 *
 * A command that meets a block on disk asks for it and runs again when it is there. It must find it then, or it could
 * wait for ever while others push each other's blocks out. So a block that was fetched is "fresh" until it is looked
 * into, and fresh blocks may take half of the cache, whatever else is used, and one at least.
 *
 * Nor must it then miss a block that it had before: those that were looked into last are "pinned" while it waits for
 * another one, until that is looked into, or goes. They count as fresh ones do, but one command at a time may pin its
 * blocks whatever they take, so that there is always one that goes on.
 *
 * EXEC cannot wait once it has begun, so what it needs is fetched before. Meanwhile it is kept, for one client at a
 * time and in the same half of the cache; and while an EXEC runs nothing is let go of at all.
 */
#include "stream-cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream-index.h"
#include "stream-keep.h"
#include "stream-name.h"
#include "stream-place.h"

/* So many blocks are asked for at once: the store has the next ones ready while the first one is worked on. */
#define CACHE_AHEAD ((size_t)8)

#define CACHE_LOG_LINES 20
#define CACHE_LOG_MS 10000

void
stream_cache_init(struct streams *streams)
{
	struct stream_cache *cache = &streams->cache;

	*cache = (struct stream_cache){ 0 };
	TAILQ_INIT(&cache->used);
	TAILQ_INIT(&cache->fresh);
	TAILQ_INIT(&cache->ahead);
	TAILQ_INIT(&cache->committing);
	TAILQ_INIT(&cache->fetching);
	TAILQ_INIT(&cache->kept);
	TAILQ_INIT(&cache->keep_waiters);
}

void
stream_cache_deinit(struct streams *streams)
{
	struct stream_cache *cache = &streams->cache;
	struct block *block;

	while ((block = TAILQ_FIRST(&cache->fetching))) {
		TAILQ_REMOVE(&cache->fetching, block, link);
		cache->bytes -= block->memory;
		block_free(block);
	}
	assert(cache->bytes == 0);
}

void
stream_cache_account(struct streams *streams, struct block *block)
{
	size_t memory = block_memory(block);

	streams->cache.bytes += memory - block->memory;
	block->memory = memory;
}

/* The block is there for whoever waited for it, or will not come. */
static void
stream_cache_unpin(struct streams *streams, struct block *block)
{
	struct block *pinned;

	while ((pinned = TAILQ_FIRST(&block->pins)))
		stream_place_move(streams, pinned, BLOCK_USED);
}

/* A command that has looked into the recent ones waits for the block. */
static void
stream_cache_pin(struct streams *streams, struct block *block)
{
	struct stream_cache *cache = &streams->cache;

	for (size_t i = 0; i < STREAM_CACHE_RECENT; i++) {
		struct block *recent = cache->recent[i];

		cache->recent[i] = NULL;
		if (!recent || recent->place != BLOCK_USED || block->n_pins == STREAM_CACHE_RECENT)
			continue;
		if (cache->awaited_bytes + recent->len > stream_place_awaited_max(streams) &&
		    cache->n_pinned > block->n_pins)
			continue;
		recent->pinned_for = block;
		stream_place_move(streams, recent, BLOCK_PINNED);
		block->n_pins++;
		cache->n_pinned++;
	}
}

void
stream_cache_use(struct streams *streams, struct block *block)
{
	struct stream_cache *cache = &streams->cache;
	bool is_recent = false;

	if (cache->is_keeping)
		stream_keep_add(streams, block);
	if (block->place == BLOCK_USED || block->place == BLOCK_FRESH) {
		stream_cache_unpin(streams, block);
		stream_place_move(streams, block, BLOCK_USED);
	}
	for (size_t i = 0; i < STREAM_CACHE_RECENT; i++)
		is_recent = is_recent || cache->recent[i] == block;
	if (is_recent)
		return;
	cache->recent[cache->at_recent] = block;
	cache->at_recent = (cache->at_recent + 1) % STREAM_CACHE_RECENT;
}

void
stream_cache_dirty(struct streams *streams, struct block *block)
{
	if (block->place != BLOCK_DIRTY)
		stream_place_move(streams, block, BLOCK_DIRTY);
}

void
stream_cache_saved(struct streams *streams, struct block *block, enum block_place place)
{
	stream_place_move(streams, block, place);
	stream_cache_account(streams, block);
}

void
stream_cache_close(struct streams *streams, struct block *block)
{
	block_seal(block);
	stream_cache_account(streams, block);
	if (block->place == BLOCK_OPEN)
		stream_place_move(streams, block, BLOCK_USED);
}

static void
stream_cache_resume(struct streams *streams, struct block *block)
{
	struct client *c;

	if (streams->cache.wanted == block)
		streams->cache.wanted = NULL;
	while ((c = TAILQ_FIRST(&block->waiters)))
		flow_resume(streams->flow, c);
}

/* Where the index of its stream has it. */
static struct stream_block *
stream_cache_slot(struct block *block)
{
	struct stream_id first = block->n > 0 ? block_id(block, 0) : block->key;

	return stream_index_at(block->stream, stream_index_search(block->stream, first) - 1);
}

static void
stream_cache_free(struct streams *streams, struct block *block)
{
	struct stream_cache *cache = &streams->cache;

	stream_cache_unpin(streams, block);
	for (size_t i = 0; i < STREAM_CACHE_RECENT; i++)
		if (cache->recent[i] == block)
			cache->recent[i] = NULL;
	stream_place_move(streams, block, BLOCK_OPEN);
	cache->bytes -= block->memory;
	block_free(block);
}

void
stream_cache_drop(struct streams *streams, struct block *block)
{
	streams->flow->work.done += WORK_LOOKUP;
	if (block->place != BLOCK_FETCHING) {
		stream_cache_free(streams, block);
		return;
	}
	block->stream = NULL; /* stream_cache_fetched() frees it */
	stream_cache_resume(streams, block);
}

/* Begins to fetch the block of the index. */
static int
stream_cache_ask(struct streams *streams, struct stream *stream, struct stream_block *sb)
{
	struct block *block = block_new();
	uint8_t id[STORAGE_ID_SIZE];

	if (!block)
		return -ENOMEM;
	stream_id_put(id, sb->first);
	if (storage_fetch(streams->storage, stream->no, id, block) < 0) {
		block_free(block);
		return -ENOMEM;
	}
	streams->flow->work.done += WORK_LOOKUP;
	block->stream = stream;
	block->len = sb->bytes;
	block->is_stored = true;
	block->key = sb->first;
	sb->block = block;
	stream_place_move(streams, block, BLOCK_FETCHING);
	stream_cache_account(streams, block);
	return 0;
}

int
stream_cache_fetch(struct streams *streams, struct stream *stream, size_t i, size_t until)
{
	struct stream_cache *cache = &streams->cache;
	struct stream_block *sb = stream_index_at(stream, i);

	if (!sb->block && stream_cache_ask(streams, stream, sb) < 0)
		return -ENOMEM;
	cache->wanted = sb->block;
	for (size_t n = 1; n < CACHE_AHEAD && i != until; n++) {
		i = until > i ? i + 1 : i - 1;
		sb = stream_index_at(stream, i);
		if (!sb->block && (cache->awaited_bytes + sb->bytes > stream_place_awaited_max(streams) ||
		                   stream_cache_ask(streams, stream, sb) < 0))
			break;
	}
	return 0;
}

bool
stream_cache_wait(struct streams *streams, struct client *c)
{
	struct block *block = streams->cache.wanted;

	if (block) {
		stream_cache_pin(streams, block);
		return flow_wait(streams->flow, c, &block->waiters);
	}
	flow_make_ready(streams->flow, c); /* it has gone already */
	return client_is_live(c);
}

static void
stream_cache_damaged(struct streams *streams, struct block *block, int error)
{
	stream_cache_unpin(streams, block);
	stream_place_move(streams, block, BLOCK_DAMAGED);
	block->len = 0;
	if (log_limit_allows(&streams->log, CACHE_LOG_LINES, CACHE_LOG_MS, streams->flow->now_ms, NULL))
		log_error("stream '%s': the block of entry %llu-%llu cannot be read: %s",
		          stream_name_text(block->stream).text, (unsigned long long)block->key.ms,
		          (unsigned long long)block->key.seq, error == -EBADMSG ? "it is damaged" : strerror(-error));
}

void
stream_cache_fetched(struct streams *streams, const struct storage_event *event)
{
	struct block *block = event->arg;
	struct stream_block *sb;
	int error = event->error;

	stream_cache_resume(streams, block);
	streams->flow->work.done += WORK_LOOKUP + 2 * WORK_BYTES(event->len);
	if (!block->stream) {
		stream_cache_free(streams, block);
		free(event->data);
		return;
	}
	sb = stream_cache_slot(block);
	if (error == 0)
		error =
		    event->len == sb->bytes ? block_parse(block, event->data, event->len, sb->first, sb->n) : -EBADMSG;
	if (error == 0) {
		stream_place_move(streams, block, BLOCK_FRESH);
		stream_cache_account(streams, block);
		return;
	}
	free(event->data);
	if (error == -ENOMEM) { /* whoever waits for it asks again */
		sb->block = NULL;
		stream_cache_free(streams, block);
	} else {
		stream_cache_damaged(streams, block, error);
	}
}

void
stream_cache_fail(struct streams *streams)
{
	struct block *block;

	while ((block = TAILQ_FIRST(&streams->cache.fetching))) {
		stream_cache_resume(streams, block);
		if (block->stream)
			stream_cache_slot(block)->block = NULL;
		stream_cache_free(streams, block);
	}
}

void
stream_cache_committed(struct streams *streams)
{
	struct block *block;

	while ((block = TAILQ_FIRST(&streams->cache.committing))) {
		bool is_last = stream_index_last(block->stream)->block == block;

		streams->flow->work.done += WORK_VISIT;
		stream_place_move(streams, block, is_last ? BLOCK_OPEN : BLOCK_USED);
	}
}

void
stream_cache_shrink(struct streams *streams)
{
	struct stream_cache *cache = &streams->cache;

	while (cache->bytes > streams->limits.cache && !streams->flow->executing) {
		struct block *block = TAILQ_FIRST(&cache->used);

		if (!block && cache->awaited_bytes > stream_place_awaited_max(streams) &&
		    TAILQ_FIRST(&cache->fresh) != TAILQ_LAST(&cache->fresh, block_list))
			block = TAILQ_FIRST(&cache->fresh);
		if (!block)
			return;
		stream_cache_slot(block)->block = NULL;
		stream_cache_free(streams, block);
		streams->flow->work.done += WORK_LOOKUP;
	}
}
