#include "crc32c.h"

#include <string.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u

/* A byte at a time, with a table that the first call makes. */
static uint32_t
crc32c_slow(uint32_t crc, const uint8_t *p, size_t len)
{
	static uint32_t table[256];

	if (table[1] == 0) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t rest = i;

			for (int bit = 0; bit < 8; bit++)
				rest = rest >> 1 ^ (rest & 1 ? CRC32C_POLYNOMIAL : 0);
			table[i] = rest;
		}
	}
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
	return crc;
}

#if defined(__x86_64__)

static uint32_t __attribute__((target("sse4.2"))) crc32c_fast(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = crc;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	return ~(__builtin_cpu_supports("sse4.2") ? crc32c_fast(~crc, p, len) : crc32c_slow(~crc, p, len));
}

#else

uint32_t
crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	return ~crc32c_slow(~crc, p, len);
}

#endif
