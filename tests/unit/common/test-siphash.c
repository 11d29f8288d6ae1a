/*
 * SipHash-1-3. The expected values come from another implementation, written from the paper and held against the
 * paper's example for 2-4 rounds and against CPython, whose hash() of bytes is SipHash-1-3 (with
 * PYTHONHASHSEED=0 the key is zero; the last table here is what it prints).
 */
#include "siphash.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"

/* The key of the paper's example: the bytes 0 to 15. */
static const struct siphash_key counting = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };

static void
known_values(void **state __attribute__((unused)))
{
	/* Of the bytes 0, 1, 2, ... */
	static const struct {
		size_t len;
		uint64_t hash;
	} table[] = {
		{ 0, UINT64_C(0xabac0158050fc4dc) },   { 1, UINT64_C(0xc9f49bf37d57ca93) },
		{ 2, UINT64_C(0x82cb9b024dc7d44d) },   { 3, UINT64_C(0x8bf80ab8e7ddf7fb) },
		{ 4, UINT64_C(0xcf75576088d38328) },   { 5, UINT64_C(0xdef9d52f49533b67) },
		{ 6, UINT64_C(0xc50d2b50c59f22a7) },   { 7, UINT64_C(0xd3927d989bb11140) },
		{ 8, UINT64_C(0x369095118d299a8e) },   { 9, UINT64_C(0x25a48eb36c063de4) },
		{ 15, UINT64_C(0xd320d86d2a519956) },  { 16, UINT64_C(0xcc4fdd1a7d908b66) },
		{ 17, UINT64_C(0x9cf2689063dbd80c) },  { 31, UINT64_C(0x2370dd1f8c21d1bc) },
		{ 63, UINT64_C(0x9d199062b7bbb3a8) },  { 255, UINT64_C(0xf76214e3153c4a15) },
		{ 256, UINT64_C(0x75b3e64e167de370) }, { 1000, UINT64_C(0x2cf8d9d4f270cadf) },
	};
	uint8_t bytes[1000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_true(siphash(&counting, bytes, table[i].len) == table[i].hash);
}

static void
as_cpython(void **state __attribute__((unused)))
{
	static const struct siphash_key zero = { 0, 0 };
	char a[300];

	memset(a, 'a', sizeof(a));
	assert_true(siphash(&zero, a, 1) == UINT64_C(0x407448d2b89b1813));
	assert_true(siphash(&zero, "hello world", 11) == UINT64_C(0xb1b1f2e707e4ac8a));
	assert_true(siphash(&zero, a, sizeof(a)) == UINT64_C(0x03626e5c58801010));
}

/* Where the bytes stand must not matter. */
static void
alignment(void **state __attribute__((unused)))
{
	uint8_t bytes[80];

	for (size_t len = 0; len < 64; len++) {
		uint64_t first = 0;

		for (size_t offset = 0; offset < 8; offset++) {
			uint64_t hash;

			memset(bytes, 0xee, sizeof(bytes));
			for (size_t i = 0; i < len; i++)
				bytes[offset + i] = (uint8_t)(i * 5);
			hash = siphash(&counting, bytes + offset, len);
			if (offset == 0)
				first = hash;
			assert_true(hash == first);
		}
	}
}

/* Each bit of the key, each bit of the input and the length all matter, and change about half of the result. */
static void
everything_matters(void **state __attribute__((unused)))
{
	uint8_t bytes[40] = { 0 };
	struct siphash_key key = counting;
	uint64_t hash = siphash(&key, bytes, sizeof(bytes)), other;
	unsigned int changed = 0, n = 0;

	for (size_t bit = 0; bit < 128 + 8 * sizeof(bytes); bit++, n++) {
		uint64_t *half = bit < 64 ? &key.k0 : &key.k1;

		if (bit < 128)
			*half ^= UINT64_C(1) << bit % 64;
		else
			bytes[(bit - 128) / 8] ^= (uint8_t)(1 << bit % 8);
		other = siphash(&key, bytes, sizeof(bytes));
		assert_true(other != hash);
		changed += (unsigned int)__builtin_popcountll(other ^ hash);
		if (bit < 128)
			*half ^= UINT64_C(1) << bit % 64;
		else
			bytes[(bit - 128) / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(siphash(&key, bytes, sizeof(bytes)) == hash);
	assert_in_range(changed / n, 28, 36);
	for (size_t len = 0; len < sizeof(bytes); len++)
		for (size_t k = 0; k < len; k++)
			assert_true(siphash(&key, bytes, len) != siphash(&key, bytes, k));
}

/* Names that differ little fall evenly into the buckets of a table. */
static void
spread(void **state __attribute__((unused)))
{
	unsigned int buckets[256] = { 0 };
	char name[16];

	for (int i = 0; i < 256 * 64; i++)
		buckets[siphash(&counting, name, (size_t)snprintf(name, sizeof(name), "ch%d", i)) & 255]++;
	for (size_t i = 0; i < 256; i++)
		assert_in_range(buckets[i], 20, 130); /* 64, with a deviation of 8 */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),       cmocka_unit_test(as_cpython), cmocka_unit_test(alignment),
		cmocka_unit_test(everything_matters), cmocka_unit_test(spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
