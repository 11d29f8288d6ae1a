/* Changes of the store, encoded one after the other in one run of memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage-data.h"

enum change_kind {
	CHANGE_PUT,
	CHANGE_DELETE,
	CHANGE_DELETE_RANGE, /* of records; key: the first one; value: the last one */
	CHANGE_DELETE_OWNER,
	CHANGE_PUT_BLOCK,
	CHANGE_DELETE_BLOCKS, /* key: the first id; value: the last one */
};

struct change {
	enum change_kind kind;
	enum storage_table table;
	uint32_t n;     /* of a block */
	uint64_t owner; /* or the stream */
	struct slice key, value;
};

/* Zero-initialised it is empty. */
struct changes {
	uint8_t *data;
	size_t len, cap;
};

void changes_deinit(struct changes *changes);

/* Copies the change to the end. Returns 0 or -ENOMEM. */
int changes_add(struct changes *changes, const struct change *change);

/* Empties it. Memory that has been needed lately is kept. */
void changes_clear(struct changes *changes);

/* Gets the change at *at, which begins as 0, and moves on. Its bytes are those in `changes`. Returns false at the end.
 */
bool changes_next(const struct changes *changes, size_t *at, struct change *ret_change);

enum changes_find {
	CHANGES_UNTOUCHED,
	CHANGES_WRITTEN, /* *ret_value is what the block has */
	CHANGES_DELETED,
};

/* What becomes of a block. */
enum changes_find changes_find_block(const struct changes *changes, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE],
                                     struct slice *ret_value);
