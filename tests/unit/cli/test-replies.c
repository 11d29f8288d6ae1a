/* What was expected is matched with what comes, however the bytes are split. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "loop.h"
#include "replies.h"

enum { PLAIN, ELEMENTS, LAST };

/* "WHAT:TEXT " for each reply that came; "?" where nothing was expected. */
static char log_text[256];

static bool
take(void *arg, const struct resp_reply *reply, const uint8_t *p, const struct replies_expected *expected)
{
	const struct slice *text = &reply->nodes[0].text;
	size_t len = strlen(log_text);

	(void)arg;
	assert_int_equal(*p, reply->nodes[0].type);
	snprintf(log_text + len, sizeof(log_text) - len, "%c:%.*s ", expected ? "PEL"[expected->what] : '?',
	         (int)text->len, (const char *)text->p);
	return text->len == 0 || *text->p != '!';
}

/* Reads the text, first its first `split` bytes alone. Returns what the last call returned. */
static ssize_t
read_split(struct replies *r, const char *text, size_t split)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t need = 0, len = strlen(text);
	ssize_t n = split > 0 ? replies_read(r, p, split, &need) : 0;

	return n < 0 ? n : replies_read(r, p + n, len - (size_t)n, &need);
}

static void
expect_three(struct replies *r)
{
	log_text[0] = '\0';
	replies_clear(r);
	replies_expect(r, (struct replies_expected){ .what = PLAIN, .left = 2 });
	replies_expect(r, (struct replies_expected){ .what = ELEMENTS, .left = 1, .by_elements = true });
	replies_expect(r, (struct replies_expected){ .what = LAST, .left = 1 });
}

static void
test_in_order_at_every_split(void **state)
{
	static const char text[] = "+a\r\n:1\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n+end\r\n+more\r\n";
	struct loop *loop = loop_new(NULL, NULL);
	struct replies r;

	(void)state;
	replies_init(&r, loop, 1024, take, NULL);
	for (size_t split = 0; split < sizeof(text); split++) {
		expect_three(&r);
		assert_true(read_split(&r, text, split) >= 0);
		assert_string_equal(log_text, "P:a P:1 E:x E:y L:end ?:more ");
		assert_int_equal(r.n, 0);
	}
	replies_deinit(&r);
	loop_free(loop);
}

static void
test_array_that_is_empty_or_an_error(void **state)
{
	struct loop *loop = loop_new(NULL, NULL);
	struct replies r;

	(void)state;
	replies_init(&r, loop, 1024, take, NULL);
	expect_three(&r);
	assert_int_equal(read_split(&r, "+a\r\n+b\r\n*0\r\n+end\r\n", 0), 18);
	assert_string_equal(log_text, "P:a P:b L:end ");
	expect_three(&r);
	assert_int_equal(read_split(&r, "+a\r\n+b\r\n-ERR no\r\n+end\r\n", 0), 23);
	assert_string_equal(log_text, "P:a P:b E:ERR no L:end ");
	replies_deinit(&r);
	loop_free(loop);
}

static void
test_what_makes_no_sense(void **state)
{
	static const char *const bad[] = { "hello\r\n", "+!\r\n", "+a\r\n+b\r\n*x\r\n", "+a\r\n+b\r\n*-1\r\n",
		                           "+a\r\n+b\r\n*11111111111111111111111" };
	struct loop *loop = loop_new(NULL, NULL);
	struct replies r;

	(void)state;
	replies_init(&r, loop, 1024, take, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_three(&r);
		assert_int_equal(read_split(&r, bad[i], 0), -1);
	}
	replies_deinit(&r);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_at_every_split),
		cmocka_unit_test(test_array_that_is_empty_or_an_error),
		cmocka_unit_test(test_what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
