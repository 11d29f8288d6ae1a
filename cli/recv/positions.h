/*
 * The file of recv --position: for each stream, which entry was handled last, and with --into also how long the file
 * was then. A text that people may read and, while no udsctl runs, change:
 *
 *	udsctl positions 1
 *	into LENGTH INODE SECONDS.NANOSECONDS
 *	stream ID COUNT NAME
 *
 * COUNT is how many entries had been added to the stream up to that one, or "-" where that is not known. Bytes up to
 * the blank, 0x7f and the backslash are written "\xHH" in a NAME. Without a path nothing is kept.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "entry-id.h"
#include "into.h"
#include "place.h"
#include "protocol.h"

struct position {
	struct slice name;  /* memory of its own */
	struct entry_id id; /* of the last entry that was handled */
	uint64_t count;     /* PLACE_COUNT_UNKNOWN: not known */
};

struct positions {
	const char *path; /* or NULL */
	struct state_file *file;
	struct into_mark into;
	struct position *rows; /* n of them */
	size_t n;
};

/* Reads the file. Returns 0, or an exit status after saying why. The path must outlive it. */
int positions_open(struct positions *p, const char *path);
void positions_deinit(struct positions *p);

/* The position in the stream, or NULL. Valid until one is added. */
struct position *positions_find(const struct positions *p, struct slice name);

/* Sets a position, in memory. */
void positions_set(struct positions *p, struct slice name, struct entry_id id, uint64_t count);

/* Writes the file, on the disk when it returns. Returns 0, or an exit status after saying why. */
int positions_save(const struct positions *p);
