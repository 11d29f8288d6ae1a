#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

/* The size of the first block; each further one is twice as large, up to the largest. */
#define BLOCK_FIRST ((size_t)64)
#define BLOCK_MAX ((size_t)64 * 1024)

struct arena_block {
	SLIST_ENTRY(arena_block) link;
	size_t len, cap;
	_Alignas(max_align_t) uint8_t data[];
};

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = SLIST_FIRST(&arena->blocks);
	size_t align = _Alignof(max_align_t), cap = block ? 2 * block->cap : BLOCK_FIRST;

	size = (size + align - 1) / align * align;
	if (!block || block->cap - block->len < size) {
		cap = cap < BLOCK_MAX ? cap : BLOCK_MAX;
		cap = size > cap ? size : cap;
		block = malloc(sizeof(*block) + cap);
		if (!block)
			return NULL;
		*block = (struct arena_block){ .cap = cap };
		SLIST_INSERT_HEAD(&arena->blocks, block, link);
		arena->bytes += sizeof(*block) + cap;
	}
	block->len += size;
	return block->data + block->len - size;
}

void
arena_clear(struct arena *arena)
{
	struct arena_block *block;

	while ((block = SLIST_FIRST(&arena->blocks))) {
		SLIST_REMOVE_HEAD(&arena->blocks, link);
		free(block);
	}
	arena->bytes = 0;
}
