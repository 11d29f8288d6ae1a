#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "buf.h"
#include "figure.h"

static const char *
taken(struct buf *b)
{
	static char text[256];

	memcpy(text, b->data, b->len);
	text[b->len] = '\0';
	buf_deinit(b);
	return text;
}

static const char *
bar(double share, bool unicode)
{
	struct buf b = { 0 };

	figure_bar(&b, share, 4, unicode);
	return taken(&b);
}

static const char *
fit(const char *text, size_t columns, bool on_the_right, bool unicode)
{
	struct buf b = { 0 };

	figure_fit(&b, slice_of(text), columns, on_the_right, unicode);
	return b.data ? taken(&b) : "";
}

static void
test_bars(void **state)
{
	(void)state;
	assert_string_equal(bar(0, true), "    ");
	assert_string_equal(bar(0.001, true), "▏   ");
	assert_string_equal(bar(0.5, true), "██  ");
	assert_string_equal(bar(0.6, true), "██▍ ");
	assert_string_equal(bar(1, true), "████");
	assert_string_equal(bar(7, true), "████");
	assert_string_equal(bar(-1, true), "    ");
	assert_string_equal(bar(0.001, false), "#   ");
	assert_string_equal(bar(0.5, false), "##  ");
	assert_string_equal(bar(1, false), "####");
}

static void
test_fitting(void **state)
{
	(void)state;
	assert_string_equal(fit("abc", 5, false, true), "abc  ");
	assert_string_equal(fit("abc", 5, true, true), "  abc");
	assert_string_equal(fit("abc", 3, false, true), "abc");
	assert_string_equal(fit("abcd", 3, false, true), "ab…");
	assert_string_equal(fit("abcd", 3, false, false), "ab~");
	assert_string_equal(fit("abcd", 1, true, true), "…");
	assert_string_equal(fit("abcd", 0, true, true), "");
	assert_string_equal(fit("größe", 5, true, true), "größe");
	/* A character of two columns is shown whole or not at all. */
	assert_string_equal(fit("日本語", 6, false, true), "日本語");
	assert_string_equal(fit("日本語", 5, false, true), "日本…");
	assert_string_equal(fit("日本語", 4, false, true), "日… ");
	assert_string_equal(fit("a\x1b[2J\xff\n", 8, false, true), "a?[2J?? ");
	assert_string_equal(fit("\xe6\x97", 3, false, true), "?? ");
	assert_string_equal(fit("a\xc2\x9b"
	                        "2J",
	                        5, false, true),
	                    "a?2J ");
	assert_string_equal(fit("größe", 6, false, false), "gr??e ");
	assert_int_equal(figure_width("日本x", true), 5);
	assert_int_equal(figure_width("日本x", false), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_fitting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
