/*
 * Each change is a header of fixed size, then its key, then its value; headers are aligned. Keys and values are bound
 * to statements where they stand, so they are copied once.
 */
#include "changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What an empty batch keeps in any case. */
#define CHANGES_KEEP ((size_t)64 * 1024)
/* SQLite's own limit for a row is a billion bytes. */
#define CHANGES_BYTES_MAX ((size_t)512 * 1024 * 1024)

struct header {
	uint64_t owner;
	uint32_t key_len, value_len;
	uint32_t n;
	uint8_t kind, table;
};

static size_t
changes_align(size_t n)
{
	return (n + _Alignof(struct header) - 1) & ~(_Alignof(struct header) - 1);
}

void
changes_deinit(struct changes *changes)
{
	free(changes->data);
	*changes = (struct changes){ 0 };
}

int
changes_add(struct changes *changes, const struct change *change)
{
	size_t need = changes_align(sizeof(struct header) + change->key.len + change->value.len);
	uint8_t *p;

	if (change->key.len >= CHANGES_BYTES_MAX || change->value.len >= CHANGES_BYTES_MAX - change->key.len)
		return -ENOMEM;
	if (need > changes->cap - changes->len) {
		size_t cap = changes->cap * 2 > CHANGES_KEEP ? changes->cap * 2 : CHANGES_KEEP;

		if (cap - changes->len < need)
			cap = changes->len + need;
		if (!(p = realloc(changes->data, cap)))
			return -ENOMEM;
		changes->data = p;
		changes->cap = cap;
	}
	p = changes->data + changes->len;
	*(struct header *)(void *)p = (struct header){ .owner = change->owner,
		                                       .key_len = (uint32_t)change->key.len,
		                                       .value_len = (uint32_t)change->value.len,
		                                       .n = change->n,
		                                       .kind = (uint8_t)change->kind,
		                                       .table = (uint8_t)change->table };
	slice_put(slice_put(p + sizeof(struct header), change->key), change->value);
	changes->len += need;
	return 0;
}

void
changes_clear(struct changes *changes)
{
	if (changes->cap > CHANGES_KEEP && changes->len < changes->cap / 4)
		changes_deinit(changes);
	changes->len = 0;
}

bool
changes_next(const struct changes *changes, size_t *at, struct change *ret_change)
{
	const uint8_t *p = changes->data + *at;
	const struct header *header = (const void *)p;

	if (*at == changes->len)
		return false;
	p += sizeof(*header);
	*ret_change = (struct change){ .kind = header->kind,
		                       .table = header->table,
		                       .n = header->n,
		                       .owner = header->owner,
		                       .key = { p, header->key_len },
		                       .value = { p + header->key_len, header->value_len } };
	*at += changes_align(sizeof(*header) + header->key_len + header->value_len);
	return true;
}

enum changes_find
changes_find_block(const struct changes *changes, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE],
                   struct slice *ret_value)
{
	enum changes_find found = CHANGES_UNTOUCHED;
	struct change change;
	size_t at = 0;

	while (changes_next(changes, &at, &change)) {
		if (change.owner != stream)
			continue;
		if (change.kind == CHANGE_PUT_BLOCK && memcmp(change.key.p, id, STORAGE_ID_SIZE) == 0) {
			found = CHANGES_WRITTEN;
			*ret_value = change.value;
		} else if (change.kind == CHANGE_DELETE_BLOCKS && memcmp(change.key.p, id, STORAGE_ID_SIZE) <= 0 &&
		           memcmp(id, change.value.p, STORAGE_ID_SIZE) <= 0) {
			found = CHANGES_DELETED;
		}
	}
	return found;
}
