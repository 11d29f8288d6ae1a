/* CRC-32C against values of RFC 3720, B.4, and a plain computation bit by bit. */
#include "crc32c.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static uint32_t
plain(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len-- > 0) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82F63B78) : 0);
	}
	return ~crc;
}

static void
known_values(void **state __attribute__((unused)))
{
	uint8_t bytes[32];

	assert_int_equal(crc32c_add(0, "", 0), 0);
	assert_int_equal(crc32c_add(0, "123456789", 9), 0xE3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c_add(0, bytes, 32), 0x8A9136AA);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c_add(0, bytes, 32), 0x62A8AB43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	assert_int_equal(crc32c_add(0, bytes, 32), 0x46DD794E);
}

static void
any_length_in_pieces(void **state __attribute__((unused)))
{
	uint8_t bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i + 7 * i);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		uint32_t crc = plain(bytes, len);

		assert_int_equal(crc32c_add(0, bytes, len), crc);
		assert_int_equal(crc32c_add_portably(0, bytes, len), crc);
		assert_int_equal(crc32c_add(crc32c_add(0, bytes, len / 3), bytes + len / 3, len - len / 3), crc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(any_length_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
