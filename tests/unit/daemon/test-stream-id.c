/* Ids of entries as text; what is refused and how is Redis's, see tests/differential. */
#include "stream-id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define INVALID "ERR Invalid stream ID specified as stream command argument"

static void
assert_id(struct stream_id id, uint64_t ms, uint64_t seq)
{
	assert_int_equal(id.ms, ms);
	assert_int_equal(id.seq, seq);
}

static void
parses(void **state __attribute__((unused)))
{
	static const char *const wrong[] = { "",  "-", "+",   "1-",  "-1",  "a",   "1-a", "1--1", "1-1-1", "1 ", "1-1 ",
		                             "+", " ", "++1", "+ 1", "0x1", "1.0", "1-*", "*",    "(1",    "$" };
	struct stream_id id = { 7, 7 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(stream_id_parse(slice_of(wrong[i]), 0, &id));
	assert_false(stream_id_parse(slice_of("18446744073709551616"), 0, &id));
	assert_false(stream_id_parse(slice_of("1-18446744073709551616"), 0, &id));
	assert_false(stream_id_parse(slice_of("99999999999999999999"), 0, &id));
	assert_id(id, 7, 7);
	assert_true(stream_id_parse(slice_of("0"), 5, &id));
	assert_id(id, 0, 5);
	assert_true(stream_id_parse(slice_of("12-34"), 5, &id));
	assert_id(id, 12, 34);
	assert_true(stream_id_parse(slice_of(" +012-\t+0034"), 5, &id));
	assert_id(id, 12, 34);
	assert_true(stream_id_parse(slice_of("18446744073709551615-18446744073709551615"), 5, &id));
	assert_id(id, UINT64_MAX, UINT64_MAX);
}

static void
formats(void **state __attribute__((unused)))
{
	static const uint64_t numbers[] = { 0, 9, 10, 99, 100, 1700000000000, UINT64_MAX };
	char text[STREAM_ID_TEXT];
	struct stream_id id;

	for (size_t i = 0; i < 7; i++)
		for (size_t k = 0; k < 7; k++) {
			size_t len = stream_id_format(text, (struct stream_id){ numbers[i], numbers[k] });

			assert_int_equal(len, strlen(text));
			assert_true(stream_id_parse((struct slice){ (uint8_t *)text, len }, 1, &id));
			assert_id(id, numbers[i], numbers[k]);
		}
	assert_int_equal(stream_id_format(text, (struct stream_id){ 1700000000000, 12 }), 16);
	assert_string_equal(text, "1700000000000-12");
}

static void
bounds(void **state __attribute__((unused)))
{
	struct stream_id id = { 7, 7 };

	assert_null(stream_id_parse_bound(slice_of("-"), false, &id));
	assert_id(id, 0, 0);
	assert_null(stream_id_parse_bound(slice_of("+"), false, &id));
	assert_id(id, UINT64_MAX, UINT64_MAX);
	assert_null(stream_id_parse_bound(slice_of("5"), false, &id));
	assert_id(id, 5, 0);
	assert_null(stream_id_parse_bound(slice_of("5"), true, &id));
	assert_id(id, 5, UINT64_MAX);
	assert_null(stream_id_parse_bound(slice_of("(5-3"), false, &id));
	assert_id(id, 5, 4);
	assert_null(stream_id_parse_bound(slice_of("(5-3"), true, &id));
	assert_id(id, 5, 2);
	assert_null(stream_id_parse_bound(slice_of("(5-18446744073709551615"), false, &id));
	assert_id(id, 6, 0);
	assert_null(stream_id_parse_bound(slice_of("(5-0"), true, &id));
	assert_id(id, 4, UINT64_MAX);
	assert_string_equal(stream_id_parse_bound(slice_of("("), false, &id), INVALID);
	assert_string_equal(stream_id_parse_bound(slice_of("(-"), false, &id), INVALID);
	assert_string_equal(stream_id_parse_bound(slice_of("(+"), true, &id), INVALID);
	assert_string_equal(stream_id_parse_bound(slice_of("((1"), true, &id), INVALID);
	assert_string_equal(stream_id_parse_bound(slice_of("(0-0"), true, &id), "ERR invalid end ID for the interval");
	assert_string_equal(stream_id_parse_bound(slice_of("(18446744073709551615-18446744073709551615"), false, &id),
	                    "ERR invalid start ID for the interval");
	assert_id(id, 4, UINT64_MAX);
}

/* The bytes on disk are in the order of the ids. */
static void
bytes_are_in_order(void **state __attribute__((unused)))
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, 65536, UINT64_MAX };
	uint8_t last[16], bytes[16];

	for (size_t i = 0; i < 36; i++) {
		struct stream_id id = { numbers[i / 6], numbers[i % 6] };

		stream_id_put(bytes, id);
		assert_int_equal(stream_id_cmp(stream_id_get(bytes), id), 0);
		assert_true(i == 0 || memcmp(last, bytes, 16) < 0);
		memcpy(last, bytes, 16);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(formats),
		cmocka_unit_test(bounds),
		cmocka_unit_test(bytes_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
