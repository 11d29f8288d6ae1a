/*
 * Patterns over channel names, with Redis's meaning: * any bytes, ? one byte, [abc] [^abc] [a-z] one byte
 * of a set, \ takes the next byte as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* A bit for each place between the bytes of a name; place n stands before byte n. */
#define GLOB_WORDS (PROTOCOL_NAME_MAX / 64 + 1)

struct glob_places {
	uint64_t words[GLOB_WORDS];
};

/* A name that many patterns are held against. What the slow ones need to know of it is found out once. */
struct glob_text {
	const uint8_t *p;
	size_t len;
	bool has_map;
	struct glob_places below[257]; /* where the bytes stand that are less than each value */
};

/* p is not copied. */
void glob_text_init(struct glob_text *text, const uint8_t *p, size_t len);

/*
 * Time at most proportional to the product of the lengths, and for names of PROTOCOL_NAME_MAX bytes at most some
 * tens of microseconds, whatever the pattern; less after another slow pattern was held against the same text.
 */
bool glob_match_text(const uint8_t *pattern, size_t pattern_len, struct glob_text *text);

bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len);

/* How many bytes at the start of the pattern stand only for themselves. */
size_t glob_literal_prefix(const uint8_t *pattern, size_t pattern_len);
