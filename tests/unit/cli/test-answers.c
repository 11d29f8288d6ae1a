#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>

#include "answers.h"

/* Reads a copy of exactly this size, so that a sanitizer catches any byte read beyond it. */
static struct answers
read_copy(const char *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct answers a;

	memcpy(copy, bytes, len);
	answers_read(copy, len, &a);
	if (a.text.p) {
		assert_true(a.text.p >= copy && a.text.p + a.text.len <= copy + len);
		a.text.p = (const uint8_t *)bytes + (a.text.p - copy);
	}
	free(copy);
	return a;
}

static enum answers_next
next_of(const char *text)
{
	return read_copy(text, strlen(text)).next;
}

static void
test_integers_at_every_split(void **state)
{
	static const char bytes[] = ":0\r\n:1\r\n:12345\r\n:99\r\n";
	static const size_t ends[] = { 4, 8, 16, 21 };

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		struct answers a = read_copy(bytes, len);
		size_t n = 0;

		while (n < 4 && ends[n] <= len)
			n++;
		assert_int_equal(a.integers, n);
		assert_int_equal(a.used, n > 0 ? ends[n - 1] : 0);
		assert_int_equal(a.next, ANSWERS_MORE);
	}
}

static void
test_receivers(void **state)
{
	struct answers a = read_copy(":3\r\n:0\r\n:10\r\n:00\r\n:0\r\n:12345678901\r\n:7", 36);

	(void)state;
	assert_int_equal(a.integers, 6);
	assert_int_equal(a.zeros, 2);
	assert_int_equal(a.first, 3);
	assert_int_equal(a.last, 12345678901);
	a = read_copy(":0\r\n", 4);
	assert_int_equal(a.zeros, 1);
	assert_int_equal(a.first, 0);
	assert_int_equal(a.last, 0);
}

static void
test_ids_at_every_split(void **state)
{
	static const char bytes[] = "$3\r\n1-0\r\n$15\r\n1795966286875-0\r\n$0\r\n\r\n$5\r\n12\r\n5\r\n";
	static const size_t ends[] = { 9, 31, 37, 48 };

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		struct answers a = read_copy(bytes, len);
		size_t n = 0;

		while (n < 4 && ends[n] <= len)
			n++;
		assert_int_equal(a.ids, n);
		assert_int_equal(a.integers, 0);
		assert_int_equal(a.used, n > 0 ? ends[n - 1] : 0);
		assert_int_equal(a.next, ANSWERS_MORE);
	}
}

static void
test_ids(void **state)
{
	struct slice bytes = { (const uint8_t *)"$3\r\n1-0\r\n$4\r\n12-3\r\n", 19 }, id;
	struct answers a = read_copy(":1\r\n$3\r\n1-0\r\n:2\r\n", 17);

	(void)state;
	assert_int_equal(a.integers, 1);
	assert_int_equal(a.next, ANSWERS_AGAIN);
	a = read_copy("$3\r\n1-0\r\n:2\r\n", 13);
	assert_int_equal(a.ids, 1);
	assert_int_equal(a.next, ANSWERS_AGAIN);
	a = read_copy("$3\r\n1-0\r\n-OOM full\r\n", 20);
	assert_int_equal(a.ids, 1);
	assert_int_equal(a.next, ANSWERS_ERROR);
	assert_true(answers_next_id(&bytes, &id));
	assert_int_equal(id.len, 3);
	assert_true(answers_next_id(&bytes, &id));
	assert_memory_equal(id.p, "12-3", 4);
	assert_false(answers_next_id(&bytes, &id));
	assert_int_equal(next_of("$-1\r\n"), ANSWERS_FOREIGN);
	assert_int_equal(next_of("$256\r\n"), ANSWERS_FOREIGN);
	assert_int_equal(next_of("$3\r\n1-0x"), ANSWERS_FOREIGN);
	assert_int_equal(next_of("$3\rx"), ANSWERS_FOREIGN);
	assert_int_equal(next_of("$x"), ANSWERS_FOREIGN);
}

static int
complaint_of(const char *text)
{
	struct slice slice = slice_of(text);

	return answers_complaint(&slice);
}

static void
test_complaints(void **state)
{
	(void)state;
	assert_int_equal(complaint_of("ERR max number of clients reached for uid 7"), EUSERS);
	assert_int_equal(complaint_of("TRYAGAIN uid 7 holds too much"), ENOBUFS);
	assert_int_equal(complaint_of("ERR out of memory, the message was not published"), ENOMEM);
	assert_int_equal(complaint_of("ERR Protocol error: invalid bulk length"), 0);
	assert_int_equal(complaint_of("NOPERM TRYAGAIN "), 0);
	assert_int_equal(complaint_of("TRYAGAI"), 0);
}

static void
test_error_between(void **state)
{
	static const char bytes[] = ":1\r\n-ERR no\r\n:2\r\n";
	struct answers a;

	(void)state;
	for (size_t len = 5; len < 13; len++) {
		a = read_copy(bytes, len);
		assert_int_equal(a.next, ANSWERS_MORE);
		assert_int_equal(a.used, 4);
	}
	for (size_t len = 13; len < sizeof(bytes); len++) {
		a = read_copy(bytes, len);
		assert_int_equal(a.next, ANSWERS_ERROR);
		assert_int_equal(a.integers, 1);
		assert_int_equal(a.used, 13);
		assert_int_equal(a.text.len, 6);
		assert_memory_equal(a.text.p, "ERR no", 6);
		assert_true(answers_error_is(&a.text, "ERR"));
		assert_false(answers_error_is(&a.text, "ERR no more"));
	}
}

static void
test_ok(void **state)
{
	struct answers a = read_copy("+OK\r\n:1\r\n", 9);

	(void)state;
	assert_int_equal(a.next, ANSWERS_OK);
	assert_int_equal(a.integers, 0);
	assert_int_equal(a.used, 5);
	for (size_t len = 1; len < 5; len++)
		assert_int_equal(read_copy("+OK\r\n", len).next, ANSWERS_MORE);
}

static void
test_foreign(void **state)
{
	static const char *const foreign[] = { "*3\r\n$7\r\nPUBLISH",
		                               "hello",
		                               "+PONG\r\n",
		                               "+O\r\n",
		                               ":\r\n",
		                               ":x",
		                               ":1x",
		                               ":1\rx",
		                               ":-1\r\n",
		                               "-ERR\n",
		                               "$-1\r\n",
		                               ":1111111111111111111111111",
		                               ":\r" };
	char *line = malloc(PROTOCOL_LINE_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(next_of(foreign[i]), ANSWERS_FOREIGN);
	memset(line, 'x', PROTOCOL_LINE_MAX + 1);
	line[0] = '-';
	assert_int_equal(read_copy(line, PROTOCOL_LINE_MAX - 1).next, ANSWERS_MORE);
	assert_int_equal(read_copy(line, PROTOCOL_LINE_MAX + 1).next, ANSWERS_FOREIGN);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_at_every_split),
		cmocka_unit_test(test_receivers),
		cmocka_unit_test(test_ids_at_every_split),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_error_between),
		cmocka_unit_test(test_ok),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
