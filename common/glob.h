/*
 * Patterns over channel names, with the meaning that they have in Redis: * stands for any bytes, ? for one byte, [abc]
 * [^abc] [a-z] for one byte of a set, and \ takes the next byte as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* A set of places in a name, with a bit for each. Place n is before byte n. */
#define GLOB_WORDS (PROTOCOL_NAME_MAX / 64 + 1)

struct glob_places {
	uint64_t words[GLOB_WORDS];
};

/* A name to be matched with many patterns. Its map is made when the first slow pattern needs it. */
struct glob_text {
	const uint8_t *p;
	size_t len;
	size_t n_words;  /* in use of those below */
	uint64_t effort; /* all look-ups together, in about a nanosecond */
	bool has_map;
	struct glob_places below[257]; /* the map: places of the bytes that are less than the index */
};

/* p is not copied. */
void glob_text_init(struct glob_text *text, const uint8_t *p, size_t len);

/*
 * Whether the pattern matches the text. Takes time proportional to the product of the lengths at most, and for names up
 * to PROTOCOL_NAME_MAX bytes some tens of microseconds, whatever the pattern is.
 */
bool glob_match_text(const uint8_t *pattern, size_t pattern_len, struct glob_text *text);

/* Likewise, for a text that is matched only once. */
bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len);

/* Likewise, and adds the effort to *cost. */
bool glob_match_at_cost(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len,
                        uint64_t *cost);

/* How many bytes at the beginning of the pattern have no meaning of their own. */
size_t glob_literal_prefix(const uint8_t *pattern, size_t pattern_len);
