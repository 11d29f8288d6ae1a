/* Numbers of 64 bits in as few bytes as they need, seven bits in each, the lowest first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX 10

/* Returns the end of what was written, at most VARINT_MAX bytes. */
static inline uint8_t *
varint_put(uint8_t *p, uint64_t value)
{
	while (value >= 0x80) {
		*p++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8_t)value;
	return p;
}

/* Reads one at *p, and moves *p behind it. Returns false, and leaves both alone, if there is none before `end`. */
static inline bool
varint_get(const uint8_t **p, const uint8_t *end, uint64_t *ret_value)
{
	uint64_t value = 0;
	const uint8_t *q = *p;

	for (unsigned int shift = 0; q < end && shift < 64; shift += 7) {
		uint8_t byte = *q++;

		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*p = q;
			*ret_value = value;
			return true;
		}
	}
	return false;
}
