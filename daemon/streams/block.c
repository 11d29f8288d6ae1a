/*
 * Entries are appended behind the bytes that are there, and the offset of each is noted in memory, so that a walk may
 * begin anywhere and go backward. Names are written once for the block; most streams have the same fields in each
 * entry. An entry removed at the begin leaves its bytes until the block is saved, since trimmed streams lose one entry
 * there for each that comes.
 */
#include "block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FORMAT 1
#define BLOCK_HEAD ((uint32_t)17) /* format, base */

#define ENTRY_SAME_NAMES 1

/* A part of a block that is not worth being given back. */
#define BLOCK_SPARE 8

struct block *
block_new(void)
{
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return NULL;
	TAILQ_INIT(&block->waiters);
	TAILQ_INIT(&block->pins);
	return block;
}

void
block_free(struct block *block)
{
	free(block->data);
	free(block->offsets);
	free(block);
}

static inline uint8_t *
block_put_number(uint8_t *p, uint64_t value)
{
	if (value >= 0x80)
		return varint_put(p, value);
	*p = (uint8_t)value;
	return p + 1;
}

static inline uint8_t *
block_put_slice(uint8_t *p, struct slice slice)
{
	return slice_put(block_put_number(p, slice.len), slice);
}

/* Room for one more entry of that size, which may be the first one. Returns 0 or -ENOMEM. */
static int
block_reserve(struct block *block, size_t size)
{
	size_t need = block->len + size + (block->len == 0 ? BLOCK_HEAD + size : 0), cap = block->cap;

	if (need > BLOCK_BYTES_MAX)
		return -ENOMEM;
	if (need > cap) {
		uint8_t *data;

		/* Small at first, since there are streams of few entries, then all that a block may have. */
		cap = need <= 512 ? 512 : need <= BLOCK_BYTES ? BLOCK_BYTES + 96 : need + need / 4;
		if (need > BLOCK_BYTES_LARGE)
			cap = need;
		data = realloc(block->data, cap);
		if (!data)
			return -ENOMEM;
		block->data = data;
		block->cap = (uint32_t)cap;
	}
	if (block->first + block->n == block->offsets_cap) {
		uint32_t new_cap = block->offsets_cap ? block->offsets_cap * 4 : 8;
		uint32_t *offsets = realloc(block->offsets, new_cap * sizeof(uint32_t));

		if (!offsets)
			return -ENOMEM;
		block->offsets = offsets;
		block->offsets_cap = new_cap;
	}
	return 0;
}

/* Where the names begin, behind their number. */
static void
block_set_names(struct block *block)
{
	const uint8_t *p = block->data + BLOCK_HEAD;

	block_get_number(&p);
	block->names = (uint32_t)(p - block->data);
}

/* What stands before the first entry. */
static void
block_begin(struct block *block, struct stream_id id, struct stream_fields fields)
{
	uint8_t *p = block->data;

	p[0] = BLOCK_FORMAT;
	stream_id_put(p + 1, id);
	p = varint_put(p + BLOCK_HEAD, fields.n_fields);
	for (size_t i = 0; i < fields.n_fields; i++)
		p = block_put_slice(p, fields.argv[2 * i]);
	block->base = id;
	block->n_names = (uint32_t)fields.n_fields;
	block_set_names(block);
	block->entries = block->len = (uint32_t)(p - block->data);
}

static inline bool
block_has_names(const struct block *block, struct stream_fields fields)
{
	const uint8_t *p = block->data + block->names;
	const struct slice *end = fields.argv + 2 * fields.n_fields;

	if (fields.n_fields != block->n_names)
		return false;
	for (const struct slice *name = fields.argv; name < end; name += 2) {
		size_t len = *p++;

		if (len >= 0x80) {
			p--;
			len = block_get_slice(&p).len;
			p -= len;
		}
		if (len != name->len || !slice_is(*name, p))
			return false;
		p += len;
	}
	return true;
}

/* Writes an entry with names of its own. */
static uint8_t *
block_put_fields(uint8_t *p, struct stream_fields fields)
{
	p = varint_put(p, fields.n_fields);
	for (size_t i = 0; i < 2 * fields.n_fields; i++)
		p = block_put_slice(p, fields.argv[i]);
	return p;
}

int
block_append(struct block *block, struct stream_id id, struct stream_fields fields, size_t size)
{
	const struct slice *end = fields.argv + 2 * fields.n_fields;
	uint32_t at = block->first + block->n;
	bool is_same;
	uint8_t *p;

	if (block->cap - block->len < size || at == block->offsets_cap || block->len == 0) {
		if (block_reserve(block, size) < 0)
			return -ENOMEM;
		if (block->len == 0)
			block_begin(block, id, fields);
	}
	is_same = block_has_names(block, fields);
	block->offsets[at] = block->len;
	block->n++;
	p = block->data + block->len;
	*p++ = is_same; /* ENTRY_SAME_NAMES */
	if (id.ms == block->base.ms) {
		*p++ = 0;
		id.seq -= block->base.seq;
	} else {
		p = block_put_number(p, id.ms - block->base.ms);
	}
	p = block_put_number(p, id.seq);
	if (is_same)
		for (const struct slice *value = fields.argv + 1; value < end; value += 2)
			p = block_put_slice(p, *value);
	else
		p = block_put_fields(p, fields);
	block->len = (uint32_t)(p - block->data);
	return 0;
}

void
block_remove(struct block *block, uint32_t i)
{
	uint32_t *offsets = block->offsets + block->first;
	uint32_t begin = offsets[i];

	if (i == 0) {
		block->first++;
		block->n--;
		return;
	}
	if (i + 1 < block->n) {
		uint32_t end = offsets[i + 1], gap = end - begin;

		memmove(block->data + begin, block->data + end, block->len - end);
		for (uint32_t k = i; k + 1 < block->n; k++)
			offsets[k] = offsets[k + 1] - gap;
		block->len -= gap;
	} else {
		block->len = begin;
	}
	block->n--;
}

void
block_prepare(struct block *block, size_t size, uint32_t n)
{
	if (size > BLOCK_BYTES_LARGE)
		return;
	block->data = malloc(size);
	block->cap = block->data ? (uint32_t)size : 0;
	block->offsets = malloc(n * sizeof(uint32_t));
	block->offsets_cap = block->offsets ? n : 0;
}

void
block_seal(struct block *block)
{
	uint32_t n = block->first + block->n;

	if (block->cap - block->len >= block->len / BLOCK_SPARE) {
		uint8_t *data = realloc(block->data, block->len);

		block->data = data ? data : block->data;
		block->cap = data ? block->len : block->cap;
	}
	if (block->offsets_cap - n >= n / BLOCK_SPARE) {
		uint32_t *offsets = realloc(block->offsets, n * sizeof(uint32_t));

		block->offsets = offsets ? offsets : block->offsets;
		block->offsets_cap = offsets ? n : block->offsets_cap;
	}
}

struct slice
block_encode(struct block *block)
{
	uint32_t gap = block->n > 0 ? block->offsets[block->first] - block->entries : 0;

	if (gap > 0) {
		memmove(block->data + block->entries, block->data + block->entries + gap,
		        block->len - block->entries - gap);
		for (uint32_t i = 0; i < block->n; i++)
			block->offsets[i] = block->offsets[block->first + i] - gap;
		block->first = 0;
		block->len -= gap;
	}
	return (struct slice){ block->data, block->len };
}

/* Checks a length and what it counts. */
static bool
block_skip_slice(const uint8_t **p, const uint8_t *end)
{
	uint64_t len;

	if (!varint_get(p, end, &len) || len > (uint64_t)(end - *p))
		return false;
	*p += len;
	return true;
}

/* Checks n of them. */
static bool
block_skip_slices(const uint8_t **p, const uint8_t *end, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!block_skip_slice(p, end))
			return false;
	return true;
}

/* Checks an entry, whose id must be larger than *id unless it is the first one. */
static bool
block_check_entry(const struct block *block, const uint8_t **p, const uint8_t *end, bool is_first, struct stream_id *id)
{
	uint64_t ms, seq, n = block->n_names;
	struct stream_id own;
	uint8_t flags;

	if (*p == end)
		return false;
	flags = *(*p)++;
	if (flags > ENTRY_SAME_NAMES || !varint_get(p, end, &ms) || !varint_get(p, end, &seq) ||
	    __builtin_add_overflow(block->base.ms, ms, &own.ms) ||
	    __builtin_add_overflow(ms == 0 ? block->base.seq : 0, seq, &own.seq) ||
	    (!is_first && stream_id_cmp(own, *id) <= 0))
		return false;
	*id = own;
	if (flags & ENTRY_SAME_NAMES)
		return block_skip_slices(p, end, n);
	return varint_get(p, end, &n) && n <= PROTOCOL_ARGS_MAX && block_skip_slices(p, end, 2 * n);
}

/* Fills the offsets. */
static bool
block_check(struct block *block, const uint8_t *data, size_t len, struct stream_id first, uint32_t n)
{
	const uint8_t *p = data + BLOCK_HEAD, *end = data + len;
	struct stream_id id = STREAM_ID_MIN;
	uint64_t n_names;

	if (data[0] != BLOCK_FORMAT)
		return false;
	block->base = stream_id_get(data + 1);
	if (!varint_get(&p, end, &n_names) || n_names > PROTOCOL_ARGS_MAX || !block_skip_slices(&p, end, n_names))
		return false;
	block->n_names = (uint32_t)n_names;
	block->entries = (uint32_t)(p - data);
	for (uint32_t i = 0; i < n; i++) {
		block->offsets[i] = (uint32_t)(p - data);
		if (!block_check_entry(block, &p, end, i == 0, &id) || (i == 0 && stream_id_cmp(id, first) != 0))
			return false;
	}
	return p == end;
}

int
block_parse(struct block *block, uint8_t *data, size_t len, struct stream_id first, uint32_t n)
{
	if (len <= BLOCK_HEAD || len > BLOCK_BYTES_MAX || n == 0 || n > len)
		return -EBADMSG;
	block->offsets = malloc(n * sizeof(uint32_t));
	if (!block->offsets)
		return -ENOMEM;
	if (!block_check(block, data, len, first, n)) {
		free(block->offsets);
		block->offsets = NULL;
		return -EBADMSG;
	}
	block->data = data;
	block->len = block->cap = (uint32_t)len;
	block->first = 0;
	block->n = block->n_saved = block->offsets_cap = n;
	block_set_names(block);
	return 0;
}

static struct stream_id
block_get_id(const struct block *block, const uint8_t **p)
{
	uint64_t ms = block_get_number(p), seq = block_get_number(p);

	return (struct stream_id){ block->base.ms + ms, ms == 0 ? block->base.seq + seq : seq };
}

struct stream_id
block_id(const struct block *block, uint32_t i)
{
	const uint8_t *p = block->data + block->offsets[block->first + i] + 1;

	return block_get_id(block, &p);
}

void
block_entry(const struct block *block, uint32_t i, struct stream_entry *ret_entry)
{
	const uint32_t *offset = &block->offsets[block->first + i];
	const uint8_t *p = block->data + *offset;
	uint8_t flags = *p++;

	ret_entry->id = block_get_id(block, &p);
	ret_entry->names = flags & ENTRY_SAME_NAMES ? block->data + block->names : NULL;
	ret_entry->n_fields = flags & ENTRY_SAME_NAMES ? block->n_names : block_get_number(&p);
	ret_entry->p = p;
	ret_entry->end = block->data + (i + 1 < block->n ? offset[1] : block->len);
	ret_entry->is_value = false;
}

uint32_t
block_search(const struct block *block, struct stream_id id)
{
	uint32_t low = 0, high = block->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (stream_id_cmp(block_id(block, middle), id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
