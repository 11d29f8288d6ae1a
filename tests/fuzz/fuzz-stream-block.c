/*
 * Blocks of streams as they could come from a damaged disk. What block_parse() takes can be read, searched, changed and
 * stored again; what it refuses leaves nothing behind. The input is the number of entries, then what is done with a
 * block that is taken (for each of four bytes, an entry is removed), then the block.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"

#define FUZZ_HEAD 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The id of the first entry, as far as there is one: block_parse() gets it from the index otherwise. */
static struct stream_id
fuzz_block_first(const uint8_t *data, size_t size)
{
	const uint8_t *p = data + 17, *end = data + size;
	struct stream_id id = size > 17 ? stream_id_get(data + 1) : STREAM_ID_MIN;
	uint64_t n, len, ms, seq;

	if (size <= 17 || !varint_get(&p, end, &n))
		return id;
	for (uint64_t i = 0; i < n; i++) {
		if (!varint_get(&p, end, &len) || len > (uint64_t)(end - p))
			return id;
		p += len;
	}
	if (p++ == end || !varint_get(&p, end, &ms) || !varint_get(&p, end, &seq))
		return id;
	id.seq = ms == 0 ? id.seq + seq : seq;
	id.ms += ms;
	return id;
}

static struct block *
fuzz_block_new(const uint8_t *data, size_t size, struct stream_id first, uint32_t n)
{
	struct block *block = block_new();
	uint8_t *copy = malloc(size ? size : 1);

	assert(block && copy);
	memcpy(copy, data, size);
	if (block_parse(block, copy, size, first, n) == 0)
		return block;
	free(copy);
	block_free(block);
	return NULL;
}

/* Reads each entry to its last byte. Returns what differs between blocks with other entries. */
static uint64_t
fuzz_block_read(const struct block *block)
{
	struct stream_entry entry;
	uint64_t sum = block->n;

	for (uint32_t i = 0; i < block->n; i++) {
		struct stream_id id = block_id(block, i);

		block_entry(block, i, &entry);
		assert(stream_id_cmp(entry.id, id) == 0 && block_search(block, id) == i);
		assert(i == 0 || stream_id_cmp(block_id(block, i - 1), id) < 0);
		sum = sum * 31 + id.ms * 7 + id.seq;
		for (size_t k = 0; k < 2 * entry.n_fields; k++) {
			struct slice slice = stream_entry_next(&entry);

			sum = sum * 31 + slice.len;
			for (size_t b = 0; b < slice.len; b++)
				sum = sum * 31 + slice.p[b];
		}
		assert(entry.p == entry.end);
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t text[] = "value";
	const struct slice argv[] = { { text, 1 }, { text, 5 } };
	const struct stream_fields fields = { argv, 1 };
	struct block *block, *again;
	struct stream_id id;
	struct slice bytes;
	uint64_t sum;

	if (size < FUZZ_HEAD)
		return 0;
	id = fuzz_block_first(data + FUZZ_HEAD, size - FUZZ_HEAD);
	block = fuzz_block_new(data + FUZZ_HEAD, size - FUZZ_HEAD, id, data[0]);
	if (!block)
		return 0;
	fuzz_block_read(block);
	for (int i = 1; i < FUZZ_HEAD && block->n > 1; i++)
		if (data[i] < block->n)
			block_remove(block, data[i]);
	id = block_id(block, block->n - 1);
	if (stream_id_next(&id))
		assert(block_append(block, id, fields, block_entry_size(fields)) == 0);
	sum = fuzz_block_read(block);
	assert(block_bytes(block) <= size - FUZZ_HEAD + block_entry_size(fields));
	bytes = block_encode(block);
	assert(bytes.len == block_bytes(block) && fuzz_block_read(block) == sum);
	again = fuzz_block_new(bytes.p, bytes.len, block_id(block, 0), block->n);
	assert(again && fuzz_block_read(again) == sum);
	block_free(again);
	block_free(block);
	return 0;
}
