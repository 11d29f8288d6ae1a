/* What is written as RESP. */
#include "resp-encode.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
headers(void **state __attribute__((unused)))
{
	static const struct {
		char type;
		uint64_t value;
		const char *text;
	} table[] = {
		{ '*', 0, "*0\r\n" },   { '*', 3, "*3\r\n" },
		{ '$', 10, "$10\r\n" }, { ':', 1234567890, ":1234567890\r\n" },
		{ '>', 2, ">2\r\n" },   { ':', UINT64_MAX, ":18446744073709551615\r\n" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[RESP_HEADER_MAX + 1];
		size_t n;

		memset(text, '#', sizeof(text));
		n = resp_put_header(text, table[i].type, table[i].value);
		assert_true(n <= RESP_HEADER_MAX);
		assert_int_equal(n, strlen(table[i].text));
		assert_memory_equal(text, table[i].text, n);
		assert_int_equal(text[n], '#');
	}
}

static void
bulk_strings(void **state __attribute__((unused)))
{
	size_t lens[] = { 0, 1, 9, 10, 11, 99, 100, 999, 1000, 65536, 99999, 100000 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i], header, n;
		char *data = malloc(len + 1), *text = malloc(len + RESP_HEADER_MAX), expected[32];

		assert_non_null(data);
		assert_non_null(text);
		for (size_t k = 0; k < len; k++)
			data[k] = (char)(k * 7 + k / 256);
		n = resp_put_bulk(text, data, len);
		header = (size_t)snprintf(expected, sizeof(expected), "$%zu\r\n", len);
		assert_int_equal(n, header + len + 2);
		assert_int_equal(resp_bulk_size(len), n);
		assert_memory_equal(text, expected, header);
		assert_memory_equal(text + header, data, len);
		assert_memory_equal(text + header + len, "\r\n", 2);
		free(data);
		free(text);
	}
	assert_int_equal(resp_put_bulk((char[RESP_HEADER_MAX]){ 0 }, NULL, 0), 6);
}

static void
commands(void **state __attribute__((unused)))
{
	static const char expected[] =
	    "*4\r\n$7\r\nPUBLISH\r\n$0\r\n\r\n$3\r\na\0b\r\n$12\r\n$1\r\nx\r\n*1\r\n\xff\r\n";
	const struct slice args[] = {
		{ (const uint8_t *)"PUBLISH", 7 },
		{ NULL, 0 },
		{ (const uint8_t *)"a\0b", 3 },
		{ (const uint8_t *)"$1\r\nx\r\n*1\r\n\xff", 12 },
	};
	char *text = malloc(resp_command_size(args, 4)); /* of this size, so that a byte too many is found */

	assert_non_null(text);
	assert_int_equal(resp_put_command(text, args, 4), sizeof(expected) - 1);
	assert_memory_equal(text, expected, sizeof(expected) - 1);
	assert_true(resp_command_size(args, 4) >= sizeof(expected) - 1);
	assert_int_equal(resp_put_command(text, args, 0), 4);
	assert_memory_equal(text, "*0\r\n", 4);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(bulk_strings),
		cmocka_unit_test(commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
