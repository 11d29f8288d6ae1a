/*
 * The polynomial is 0x1EDC6F41, reflected. Without an instruction for it, eight tables take eight bytes a step: table k
 * has the effect of a byte that is followed by k others. They are made at the first use, and threads that do so at once
 * write the same values, each before it says that they are there.
 */
#include "crc32c.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

static uint32_t
crc32c_by_table(uint32_t crc, const uint8_t *p, size_t len)
{
	static _Atomic uint32_t table[8][256];
	static atomic_bool is_made;

	if (!atomic_load_explicit(&is_made, memory_order_acquire)) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t value = i;

			for (int k = 0; k < 8; k++) {
				for (int bit = 0; bit < 8; bit++)
					value = value >> 1 ^ (value & 1 ? UINT32_C(0x82F63B78) : 0);
				atomic_store_explicit(&table[k][i], value, memory_order_relaxed);
			}
		}
		atomic_store_explicit(&is_made, true, memory_order_release);
	}
#define ENTRY(k, byte) atomic_load_explicit(&table[k][(byte)&0xff], memory_order_relaxed)
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

		crc = ENTRY(7, a) ^ ENTRY(6, a >> 8) ^ ENTRY(5, a >> 16) ^ ENTRY(4, a >> 24) ^ ENTRY(3, p[4]) ^
		      ENTRY(2, p[5]) ^ ENTRY(1, p[6]) ^ ENTRY(0, p[7]);
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ ENTRY(0, crc ^ *p);
#undef ENTRY
	return crc;
}

#ifdef __x86_64__
static uint32_t __attribute__((target("sse4.2"))) crc32c_by_instruction(uint32_t crc, const uint8_t *p, size_t len)
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
#endif

uint32_t
crc32c_add(uint32_t crc, const void *data, size_t len)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_by_instruction(~crc, data, len);
#endif
	return crc32c_add_portably(crc, data, len);
}

uint32_t
crc32c_add_portably(uint32_t crc, const void *data, size_t len)
{
	return ~crc32c_by_table(~crc, data, len);
}
