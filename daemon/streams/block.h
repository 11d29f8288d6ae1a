/*
 * A run of entries of one stream, in memory as it is on disk. Knows neither its stream nor where it is stored: only
 * bytes. On disk a block is
 *
 *   format (1 byte), base id (16, as stream_id_put()), names, entries
 *   names:   number, then each with its length: of the fields of the first entry that was in the block
 *   entry:   flags, ms less that of the base, seq (less that of the base if ms is equal), fields
 *   fields:  values, each with its length, where the names are those of the block; else number, names and values
 *
 * with numbers as in varint.h. The store finds bytes that were damaged; still nothing that they say is believed before
 * block_parse() has checked it, and nobody else checks it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "streams-data.h"
#include "varint.h"

/* An entry goes into a block that is not larger then; large entries go into a larger one, the largest into their own.
 */
#define BLOCK_BYTES ((size_t)4000)
#define BLOCK_BYTES_LARGE ((size_t)16 * 1024)
/* No block is larger: the store would not take it. */
#define BLOCK_BYTES_MAX ((size_t)500 * 1024 * 1024)
/* An entry that takes so many bytes is large. */
#define BLOCK_LARGE_ENTRY ((size_t)500)

enum block_place {
	BLOCK_OPEN,       /* the last one of its stream, durable */
	BLOCK_DIRTY,      /* on stream.dirty_blocks */
	BLOCK_AHEAD,      /* on cache.ahead */
	BLOCK_COMMITTING, /* on cache.committing */
	BLOCK_USED,       /* on cache.used */
	BLOCK_FRESH,      /* on cache.fresh */
	BLOCK_PINNED,     /* on `pins` of another one */
	BLOCK_KEPT,       /* on cache.kept */
	BLOCK_FETCHING,   /* has no bytes yet */
	BLOCK_DAMAGED,    /* could not be fetched, or what was fetched is damaged; has no bytes */
};

struct block {
	uint8_t *data;     /* len bytes of cap: as on disk, but for entries removed at the begin */
	uint32_t *offsets; /* of the entries: offsets[first .. first + n) */
	uint32_t len, cap;
	uint32_t first, n, offsets_cap;
	uint32_t names, n_names; /* offset behind their number, and that */
	uint32_t entries;        /* offset of what stands behind the names */
	struct stream_id base;

	/* Where it belongs; see stream-cache.h. */
	uint8_t place;         /* enum block_place */
	bool has_tails;        /* its newest entries are on disk, or in a batch, as tails only; see stream-tails.h */
	bool is_edited;        /* since it was stored, something else changed than that entries were added */
	uint32_t n_saved;      /* so many entries are stored, at the begin, or are in a batch; unless is_edited */
	bool is_stored;        /* is on disk, or in a batch on its way there, as `key` */
	struct stream_id key;  /* the id of its first entry, as it is on disk */
	struct stream *stream; /* NULL: has gone while it was fetched */
	size_t memory;         /* what cache.bytes counts for it */
	TAILQ_ENTRY(block) link;
	struct client_list waiters; /* wait until it is fetched */
	struct block_list pins;     /* that stay in memory until this one is looked into or goes */
	struct block *pinned_for;   /* on whose pins it is */
	uint32_t n_pins;
	uint64_t keep_no; /* of the client for which it was kept last; 0: none yet */
};

/* An empty block; NULL without memory. */
struct block *block_new(void);
void block_free(struct block *block);

/* An empty block will have about so many bytes and entries, if there is memory now. */
void block_prepare(struct block *block, size_t size, uint32_t n);

/* At most so many bytes are added for the entry. */
static inline size_t
block_entry_size(struct stream_fields fields)
{
	size_t size = 1 + 3 * VARINT_MAX + 2 * fields.n_fields;

	for (size_t i = 0; i < 2 * fields.n_fields; i++)
		size += fields.argv[i].len + (fields.argv[i].len < 0x80 ? 0 : 4);
	return size;
}

/* Adds an entry behind all others. size: block_entry_size(). Returns 0; -ENOMEM, and then it is as before. */
int block_append(struct block *block, struct stream_id id, struct stream_fields fields, size_t size);

void block_remove(struct block *block, uint32_t i);

/* Bytes on disk, and memory. */
static inline size_t
block_bytes(const struct block *block)
{
	return block->len - (block->n > 0 ? block->offsets[block->first] - block->entries : 0);
}

static inline size_t
block_memory(const struct block *block)
{
	return sizeof(*block) + block->cap + (size_t)block->offsets_cap * sizeof(uint32_t);
}

/* Gives back what it will not need any more, since nothing is added to it. */
void block_seal(struct block *block);

/* The block as it is to be stored; valid until it is changed. */
struct slice block_encode(struct block *block);

/*
 * Fills an empty block with what was stored as n entries from `first` on. Takes the data over, if it returns 0; else
 * -EBADMSG: it is damaged; or -ENOMEM.
 */
int block_parse(struct block *block, uint8_t *data, size_t len, struct stream_id first, uint32_t n);

/* One entry, valid until the next call of anything that changes or reads streams. */
struct stream_entry {
	struct stream_id id;
	size_t n_fields;
	const uint8_t *p, *end; /* for stream_entry_next() */
	const uint8_t *names;   /* where the names stand apart from the values; or NULL */
	bool is_value;          /* the next one is a value */
};

struct stream_id block_id(const struct block *block, uint32_t i);
void block_entry(const struct block *block, uint32_t i, struct stream_entry *ret_entry);

/* The first entry whose id is at least `id`; block.n: there is none. */
uint32_t block_search(const struct block *block, struct stream_id id);

/* A number, and a length with what it counts, of bytes that were checked. They move *p behind them. */
static inline uint64_t
block_get_number(const uint8_t **p)
{
	uint64_t value = *(*p)++;

	if (value >= 0x80) {
		value &= 0x7f;
		for (unsigned int shift = 7;; shift += 7) {
			uint8_t byte = *(*p)++;

			value |= (uint64_t)(byte & 0x7f) << shift;
			if (byte < 0x80)
				break;
		}
	}
	return value;
}

static inline struct slice
block_get_slice(const uint8_t **p)
{
	size_t len = (size_t)block_get_number(p);
	struct slice slice = { *p, len };

	*p += len;
	return slice;
}

/* Goes through names and values in turn, 2 * n_fields slices. */
static inline struct slice
stream_entry_next(struct stream_entry *entry)
{
	bool is_name = !entry->is_value;

	entry->is_value = is_name;
	return block_get_slice(is_name && entry->names ? &entry->names : &entry->p);
}
