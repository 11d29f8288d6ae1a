/* Control characters, UTF-8 and the width of characters. */
#include "printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *
cleaned(const char *text, size_t len, const char *keep)
{
	static char out[64];

	memcpy(out, text, len);
	out[printable_clean(out, len, keep)] = '\0';
	return out;
}

#define CLEANED(text) cleaned(text, sizeof(text) - 1, NULL)

static void
controls_become_question_marks(void **state __attribute__((unused)))
{
	assert_string_equal(CLEANED(""), "");
	assert_string_equal(CLEANED("plain ~"), "plain ~");
	assert_string_equal(CLEANED("\x1b[31m\r\n\t\x7f"), "?[31m????");
	assert_string_equal(CLEANED("a\0b"), "a?b");
	/* C1: CSI is one character, and so is what takes its place. */
	assert_string_equal(CLEANED("x\xc2\x9b"
	                            "31mRED"),
	                    "x?31mRED");
	assert_string_equal(CLEANED("\xc2\x80\xc2\x9f\xc2\xa0"), "??\xc2\xa0");
	/* Characters whose bytes look like C1 stay. */
	assert_string_equal(CLEANED("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x98\x80"),
	                    "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x98\x80");
	assert_string_equal(cleaned("a\tb\n\x1b", 5, "\t\n"), "a\tb\n?");
	assert_string_equal(cleaned("a\0b", 3, "\t\n"), "a?b");
}

static void
invalid_bytes_stay_unless_a_terminal_may_obey_them(void **state __attribute__((unused)))
{
	assert_string_equal(CLEANED("gr\xfc\xdf"), "gr\xfc\xdf");
	assert_string_equal(CLEANED("\x9b"
	                            "31m"),
	                    "?31m");
	assert_string_equal(CLEANED("cut \xe6\x97"), "cut \xe6?"); /* 0x97 alone */
	assert_string_equal(CLEANED("\xc2"), "\xc2");
	assert_string_equal(CLEANED("\xc2\x1b"), "\xc2?");
	/* An overlong ESC, and a C1 character in three bytes. */
	assert_string_equal(CLEANED("\xc1\x9b"), "\xc1?");
	assert_string_equal(CLEANED("\xe0\x82\x9b"), "\xe0??");
}

static void
characters_by_their_kind(void **state __attribute__((unused)))
{
	static const struct {
		const char *text;
		size_t size;
		enum printable_kind kind;
	} cases[] = {
		{ "a", 1, PRINTABLE_TEXT },
		{ "\xc3\xbc", 2, PRINTABLE_TEXT },
		{ "\xe6\x97\xa5", 3, PRINTABLE_TEXT },
		{ "\xf4\x8f\xbf\xbf", 4, PRINTABLE_TEXT },
		{ "\x1b", 1, PRINTABLE_CONTROL },
		{ "\xc2\x85", 2, PRINTABLE_CONTROL },
		{ "\xed\xa0\x80", 1, PRINTABLE_INVALID }, /* a surrogate */
		{ "\xf4\x90\x80\x80", 1, PRINTABLE_INVALID },
		{ "\xf8\x88\x80\x80", 1, PRINTABLE_INVALID },
		{ "\xff", 1, PRINTABLE_INVALID },
		{ "\xe6\x97", 1, PRINTABLE_INVALID },
		{ "\xe6z", 1, PRINTABLE_INVALID },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		uint8_t *exact = malloc(len); /* so that a sanitizer sees a read beyond the end */
		enum printable_kind kind;

		memcpy(exact, cases[i].text, len);
		assert_int_equal(printable_next(exact, len, &kind), cases[i].size);
		assert_int_equal(kind, cases[i].kind);
		free(exact);
	}
}

static void
width_in_any_locale(void **state __attribute__((unused)))
{
	/* The process is in the locale "C". */
	assert_int_equal(printable_width((const uint8_t *)"x", 1), 1);
	assert_int_equal(printable_width((const uint8_t *)"\xc3\xbc", 2), 1);
	assert_int_equal(printable_width((const uint8_t *)"\xe6\x97\xa5", 3), 2);
	assert_int_equal(printable_width((const uint8_t *)"\xf0\x9f\x98\x80", 4), 2);
	assert_int_equal(printable_width((const uint8_t *)"\xcc\x81", 2), 0);     /* a combining accent */
	assert_true(printable_width((const uint8_t *)"\xf4\x8f\xbf\xbf", 4) < 0); /* no character */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_become_question_marks),
		cmocka_unit_test(invalid_bytes_stay_unless_a_terminal_may_obey_them),
		cmocka_unit_test(characters_by_their_kind),
		cmocka_unit_test(width_in_any_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
