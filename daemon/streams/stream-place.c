#include "stream-place.h"

static struct block_list *
stream_place_list(struct streams *streams, struct block *block)
{
	switch ((enum block_place)block->place) {
	case BLOCK_DIRTY:
		return &block->stream->dirty_blocks;
	case BLOCK_AHEAD:
		return &streams->cache.ahead;
	case BLOCK_COMMITTING:
		return &streams->cache.committing;
	case BLOCK_USED:
		return &streams->cache.used;
	case BLOCK_FRESH:
		return &streams->cache.fresh;
	case BLOCK_PINNED:
		return &block->pinned_for->pins;
	case BLOCK_KEPT:
		return &streams->cache.kept;
	case BLOCK_FETCHING:
		return &streams->cache.fetching;
	case BLOCK_OPEN:
	case BLOCK_DAMAGED:
		break;
	}
	return NULL;
}

static bool
stream_place_is_awaited(const struct block *block)
{
	return block->place == BLOCK_FETCHING || block->place == BLOCK_FRESH || block->place == BLOCK_PINNED;
}

void
stream_place_move(struct streams *streams, struct block *block, enum block_place place)
{
	struct block_list *list = stream_place_list(streams, block);

	if (place == BLOCK_USED && streams->cache.keeper && block->keep_no == streams->cache.keep_no)
		place = BLOCK_KEPT;
	if (list)
		TAILQ_REMOVE(list, block, link);
	if (stream_place_is_awaited(block))
		streams->cache.awaited_bytes -= block->len;
	if (block->place == BLOCK_PINNED) {
		block->pinned_for->n_pins--;
		streams->cache.n_pinned--;
	}
	block->place = (uint8_t)place;
	list = stream_place_list(streams, block);
	if (list)
		TAILQ_INSERT_TAIL(list, block, link);
	if (stream_place_is_awaited(block))
		streams->cache.awaited_bytes += block->len;
}
