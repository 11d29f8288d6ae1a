#include "stream-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_CAP_MIN ((size_t)2)

/* While it has room for this many times as many blocks, memory is given back; but not of a small one. */
#define INDEX_SPARSE 8
#define INDEX_SMALL ((size_t)64)

size_t
stream_index_search(const struct stream *stream, struct stream_id id)
{
	size_t low = 0, high = stream->n_blocks;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (stream_id_cmp(stream_index_at(stream, middle)->first, id) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
stream_index_reserve(struct stream *stream)
{
	size_t cap = stream->blocks_cap;
	struct stream_block *blocks;

	if (stream->first_block + stream->n_blocks < cap)
		return 0;
	if (stream->first_block > stream->n_blocks) { /* so what is moved was paid for by what was removed */
		memmove(stream->blocks, stream->blocks + stream->first_block, stream->n_blocks * sizeof(*blocks));
		stream->first_block = 0;
		return 0;
	}
	cap = cap < INDEX_CAP_MIN ? INDEX_CAP_MIN : cap + cap / 2 + 1;
	blocks = realloc(stream->blocks, cap * sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	stream->blocks = blocks;
	stream->blocks_cap = cap;
	return 0;
}

struct stream_block *
stream_index_add(struct stream *stream, struct stream_id first)
{
	struct stream_block *sb = stream_index_at(stream, stream->n_blocks++);

	*sb = (struct stream_block){ .first = first };
	return sb;
}

static void
stream_index_shrink(struct stream *stream)
{
	size_t cap = 2 * stream->n_blocks + INDEX_SMALL / 2;
	struct stream_block *blocks;

	if (stream->blocks_cap <= INDEX_SMALL || stream->n_blocks > stream->blocks_cap / INDEX_SPARSE)
		return;
	memmove(stream->blocks, stream->blocks + stream->first_block, stream->n_blocks * sizeof(*blocks));
	stream->first_block = 0;
	blocks = realloc(stream->blocks, cap * sizeof(*blocks));
	if (!blocks)
		return;
	stream->blocks = blocks;
	stream->blocks_cap = cap;
}

size_t
stream_index_remove(struct stream *stream, size_t i)
{
	size_t behind = stream->n_blocks - i - 1, moved = i < behind ? i : behind;
	struct stream_block *at = stream_index_at(stream, i);

	stream->n_blocks--;
	if (i < behind) {
		memmove(at - i + 1, at - i, i * sizeof(*at));
		stream->first_block++;
	} else {
		memmove(at, at + 1, behind * sizeof(*at));
	}
	stream_index_shrink(stream);
	return moved;
}
