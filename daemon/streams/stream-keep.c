#include "stream-keep.h"

#include "stream-place.h"

bool
stream_keep_begin(struct streams *streams, struct client *c)
{
	struct stream_cache *cache = &streams->cache;

	if (cache->keeper)
		return cache->keeper == c;
	cache->keeper = c;
	cache->keep_no++;
	cache->kept_bytes = cache->n_kept = 0;
	return true;
}

void
stream_keep_end(struct streams *streams, struct client *c)
{
	struct stream_cache *cache = &streams->cache;
	struct client *waiter;
	struct block *block;

	if (cache->keeper != c)
		return;
	cache->keeper = NULL;
	while ((block = TAILQ_FIRST(&cache->kept))) {
		streams->flow->work.done += WORK_VISIT;
		stream_place_move(streams, block, BLOCK_USED);
	}
	while ((waiter = TAILQ_FIRST(&cache->keep_waiters))) {
		streams->flow->work.done += WORK_VISIT;
		flow_resume(streams->flow, waiter);
	}
}

bool
stream_keep_may_add(const struct streams *streams, const struct stream_block *sb)
{
	const struct stream_cache *cache = &streams->cache;

	return !cache->is_keeping || cache->n_kept == 0 || (sb->block && sb->block->keep_no == cache->keep_no) ||
	       cache->kept_bytes + sb->bytes <= stream_place_awaited_max(streams);
}

void
stream_keep_add(struct streams *streams, struct block *block)
{
	struct stream_cache *cache = &streams->cache;

	if (block->keep_no == cache->keep_no)
		return;
	block->keep_no = cache->keep_no;
	cache->kept_bytes += block->len;
	cache->n_kept++;
}
