/*
 * Entries of streams, as servers answer them: counted while they come, however the answer is cut into reads. The
 * entries have one field each, whose value has no line feed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entries {
	unsigned int head; /* lines before the first entry, the last one with the number: ENTRIES_... */
	uint64_t line;     /* of the answer, from 0 */
	uint64_t due;      /* entries of this answer */
	uint64_t got;
	size_t len; /* of the line that has begun */
	char text[64];
	char last[48]; /* the id of the last entry */
};

#define ENTRIES_OF_RANGE 1 /* answers of XRANGE */
#define ENTRIES_OF_READ 5  /* answers of XREAD for one stream */

/*
 * Takes bytes of an answer. Returns how many entries they complete, or -1 if they are no such answer; *ret_is_whole:
 * the answer has ended, and the next one may begin.
 */
int64_t entries_take(struct entries *entries, const char *data, size_t len, bool *ret_is_whole);
