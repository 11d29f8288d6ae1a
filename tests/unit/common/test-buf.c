/* Growable runs of bytes. */
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"

static void
empty(void **state __attribute__((unused)))
{
	struct buf b = { 0 };

	buf_deinit(&b);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	buf_consume(&b, 0);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
}

static void
append_and_consume(void **state __attribute__((unused)))
{
	struct buf b = { 0 };

	assert_int_equal(buf_append(&b, "hello ", 6), 0);
	assert_int_equal(buf_append(&b, "w\0rld", 5), 0);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "hello w\0rld", 11);
	buf_consume(&b, 0);
	assert_int_equal(b.len, 11);
	buf_consume(&b, 6);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.data, "w\0rld", 5);
	buf_consume(&b, 5);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
}

static void
reserve(void **state __attribute__((unused)))
{
	struct buf b = { 0 };

	for (size_t room = 1; room < 1000000; room = room * 3 + 1) {
		size_t len = b.len;

		assert_int_equal(buf_reserve(&b, room), 0);
		assert_true(b.cap - b.len >= room);
		assert_int_equal(b.len, len);
		memset(b.data + b.len, (int)(room % 256), room); /* all of it is there */
		b.len += room;
	}
	assert_int_equal(b.data[0], 1);
	assert_int_equal(b.data[1], 4);
	buf_deinit(&b);
}

/* Appending byte by byte moves the bytes only now and then. */
static void
grows_in_proportion(void **state __attribute__((unused)))
{
	struct buf b = { 0 };
	size_t moves = 0;

	for (size_t i = 0; i < 1000000; i++) {
		size_t cap = b.cap;

		buf_append(&b, "x", 1);
		moves += b.cap != cap;
	}
	assert_true(moves < 40);
	buf_deinit(&b);
}

static void
too_much(void **state __attribute__((unused)))
{
	struct buf b = { 0 };

	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "abc", 3);
	buf_deinit(&b);
}

static void
formatted(void **state __attribute__((unused)))
{
	struct buf b = { 0 };
	char long_text[2000];

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "a"), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "42-a", 4);
	for (int i = 0; i < 50; i++)
		assert_int_equal(buf_printf(&b, "%s|", long_text), 0);
	assert_int_equal(b.len, 4 + 50 * 2000);
	for (size_t i = 0; i < 50; i++) {
		assert_memory_equal(b.data + 4 + i * 2000, long_text, 1999);
		assert_int_equal(b.data[4 + i * 2000 + 1999], '|');
	}
	buf_deinit(&b);
}

/* Against a ring of numbers: what goes in comes out, in order. */
static void
random_use(void **state __attribute__((unused)))
{
	struct buf b = { 0 };
	struct prng prng;
	size_t in = 0, out = 0;

	prng_init(&prng, prng_seed());
	for (int i = 0; i < 20000; i++) {
		uint8_t piece[300];
		size_t n = prng_below(&prng, sizeof(piece));

		if (prng_below(&prng, 2)) {
			for (size_t k = 0; k < n; k++)
				piece[k] = (uint8_t)(in++ % 251);
			assert_int_equal(buf_append(&b, piece, n), 0);
		} else {
			n = n < b.len ? n : b.len;
			for (size_t k = 0; k < n; k++)
				assert_int_equal(b.data[k], out++ % 251);
			buf_consume(&b, n);
		}
		assert_int_equal(b.len, in - out);
	}
	buf_deinit(&b);
}

/* What was once large does not keep its memory for the little that is left. */
static void
shrink(void **state __attribute__((unused)))
{
	static const uint8_t bytes[100000];
	struct buf b = { 0 };

	assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	buf_shrink(&b);
	assert_in_range(b.cap, sizeof(bytes), 2 * sizeof(bytes));
	buf_consume(&b, sizeof(bytes));
	buf_shrink(&b);
	assert_in_range(b.cap, 3, 4096);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "abc", 3);
	buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),    cmocka_unit_test(append_and_consume),
		cmocka_unit_test(reserve),  cmocka_unit_test(grows_in_proportion),
		cmocka_unit_test(too_much), cmocka_unit_test(formatted),
		cmocka_unit_test(shrink),   cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
