/*
 * Patterns over channel names, with Redis's meaning: * any bytes, ? one byte, [abc] [^abc] [a-z] one byte
 * of a set, \ takes the next byte as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Time at most proportional to the product of the lengths, and for names of PROTOCOL_NAME_MAX bytes at most some
 * tens of microseconds, whatever the pattern.
 */
bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len);

/* How many bytes at the start of the pattern stand only for themselves. */
size_t glob_literal_prefix(const uint8_t *pattern, size_t pattern_len);
