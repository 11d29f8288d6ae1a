/* Memory for many small things that are freed together: freeing it takes as long as freeing a few large pieces. */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

struct arena_block;

/* Zero-initialised. */
struct arena {
	SLIST_HEAD(, arena_block) blocks; /* the first one has room */
	size_t bytes;                     /* memory of all blocks */
};

/* Memory for `size` bytes, aligned for any type; or NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* Frees all. */
void arena_clear(struct arena *arena);
