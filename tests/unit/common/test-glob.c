/* Patterns, with their meaning in Redis. The table was checked with redis-server 7.0 (PSUBSCRIBE, PUBSUB CHANNELS). */
#include "glob.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define YES(pattern, text)                                                                                             \
	{                                                                                                              \
		(pattern), sizeof(pattern) - 1, (text), sizeof(text) - 1, true                                         \
	}
#define NO(pattern, text)                                                                                              \
	{                                                                                                              \
		(pattern), sizeof(pattern) - 1, (text), sizeof(text) - 1, false                                        \
	}

static const struct sample {
	const char *pattern;
	size_t pattern_len;
	const char *text;
	size_t text_len;
	bool matches;
} samples[] = {
	/* only an empty pattern matches an empty name */
	YES("", ""),
	NO("", "a"),
	NO("*", ""),
	NO("**", ""),
	NO("?", ""),
	NO("a", ""),
	NO("[^a]", ""),
	/* literal */
	YES("abc", "abc"),
	NO("abc", "abd"),
	NO("abc", "ab"),
	NO("abc", "abcd"),
	NO("abc", "ABC"),
	YES("a]b", "a]b"),
	YES("a-b^c", "a-b^c"),
	/* ? */
	YES("?", "a"),
	NO("?", "ab"),
	YES("h?llo", "hello"),
	NO("h?llo", "hllo"),
	YES("???", "a*b"),
	YES("a?", "a\n"),
	/* stars */
	YES("*", "a"),
	YES("*", "abc"),
	YES("**", "abc"),
	YES("a*", "a"),
	YES("a*", "abc"),
	NO("a*", "ba"),
	YES("*c", "abc"),
	YES("*c", "c"),
	NO("*c", "cb"),
	YES("a*c", "ac"),
	YES("a*c", "abcbc"),
	NO("a*c", "acb"),
	YES("*b*", "abc"),
	YES("*b*", "b"),
	NO("*b*", "ac"),
	YES("a**c", "abc"),
	YES("a*****", "a"),
	YES("*a*b*c*", "xxaxxbxxcxx"),
	NO("*a*b*c*", "xxaxxcxxbxx"),
	YES("*ab", "aab"),
	YES("*aab", "aaaab"),
	YES("a*?", "ab"),
	NO("a*?", "a"),
	YES("*?*", "a"),
	YES("news.*.de", "news.sport.de"),
	NO("news.*.de", "news.de"),
	YES("*.log", ".log"),
	/* sets */
	YES("[abc]", "b"),
	NO("[abc]", "d"),
	NO("[abc]", "ab"),
	YES("h[ae]llo", "hallo"),
	NO("h[ae]llo", "hillo"),
	NO("[]", "a"),
	NO("[]a]", "a"),
	YES("[^a]", "b"),
	NO("[^a]", "a"),
	YES("[^]", "a"), /* nothing is excluded */
	YES("[a^]", "^"),
	YES("[a^]", "a"),
	NO("[!a]", "b"),
	YES("[!a]", "!"),
	YES("[*]", "*"),
	NO("[*]", "a"),
	YES("[?]b", "?b"),
	YES("[[]", "["),
	YES("*[0-9]", "file7"),
	NO("*[0-9]", "file"),
	/* ranges */
	YES("[a-c]", "b"),
	YES("[a-c]", "a"),
	YES("[a-c]", "c"),
	NO("[a-c]", "d"),
	YES("[c-a]", "b"),
	YES("[a-a]", "a"),
	NO("[^a-c]", "b"),
	YES("[^a-c]", "d"),
	YES("[a-cx-z]", "y"),
	NO("[a-cx-z]", "m"),
	YES("[-a]", "-"),
	YES("[a\\-c]", "-"),
	NO("[a\\-c]", "b"),
	/* the second byte of a range may be the bracket */
	YES("[a-]", "^"),
	NO("[a-]", "b"),
	NO("[Z-]", "a"),
	YES("[Z-]", "["),
	/* escapes */
	YES("\\*", "*"),
	NO("\\*", "a"),
	YES("\\?", "?"),
	NO("\\?", "a"),
	YES("\\[a]", "[a]"),
	YES("\\a", "a"),
	YES("\\\\", "\\"),
	YES("a\\", "a\\"),
	NO("a\\", "a"),
	YES("h\\*llo", "h*llo"),
	NO("h\\*llo", "hello"),
	YES("[\\]]", "]"),
	YES("[\\^a]", "^"),
	YES("[\\a]", "a"),
	YES("*\\*", "a*"),
	NO("*\\*", "a"),
	/* a set that is never closed */
	YES("[abc", "b"),
	NO("[abc", "d"),
	YES("[^abc", "d"),
	YES("[a-c", "b"),
	NO("[", "["),
	NO("[", "a"),
	YES("[^", "a"),
	YES("[a-", "-"),
	YES("[a-", "a"),
	YES("[a\\", "\\"),
	YES("[a\\", "a"),
	YES("x[ab", "xa"),
	NO("[abc", "bb"),
	YES("*[ab", "xb"),
	/* any bytes */
	YES("a\0b", "a\0b"),
	NO("a\0b", "a\0c"),
	NO("a\0b", "a"),
	YES("a*b", "a\0\0b"),
	YES("a?b", "a\0b"),
	YES("[\0]", "\0"),
	YES("\xff*", "\xff\x80"),
	YES("?", "\xff"),
	YES("[\x80-\xff]", "\xc0"),
	YES("[\xff-\x80]", "\xc0"),
	NO("[\x80-\xff]", "a"),
};

static bool
matches(const char *pattern, size_t pattern_len, const char *text, size_t text_len)
{
	/* Copies on the heap without a byte to spare, so that reading beyond their end is detected. */
	uint8_t *p = malloc(pattern_len > 0 ? pattern_len : 1), *t = malloc(text_len > 0 ? text_len : 1);
	bool result;

	assert_non_null(p);
	assert_non_null(t);
	memcpy(p, pattern, pattern_len);
	memcpy(t, text, text_len);
	result = glob_match(p, pattern_len, t, text_len);
	free(p);
	free(t);
	return result;
}

static void
table(void **state __attribute__((unused)))
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];

		if (matches(s->pattern, s->pattern_len, s->text, s->text_len) != s->matches)
			fail_msg("'%s' %s '%s'", s->pattern, s->matches ? "does not match" : "matches", s->text);
	}
}

/* If a pattern matches a text, it matches it behind a star as well; and every text matches itself between stars. */
static void
stars_around(void **state __attribute__((unused)))
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		char pattern[64] = "*", text[64] = "bcab*";

		if (!s->matches)
			continue;
		memcpy(pattern + 1, s->pattern, s->pattern_len);
		memcpy(text + 5, s->text, s->text_len);
		assert_true(matches(pattern, 1 + s->pattern_len, text, 5 + s->text_len));
	}
}

/* An escaped byte matches itself and nothing else. */
static void
every_byte(void **state __attribute__((unused)))
{
	for (int c = 0; c < 256; c++) {
		char escaped[2] = { '\\', (char)c }, set[4] = { '[', '\\', (char)c, ']' };

		for (int d = 0; d < 256; d++) {
			char text = (char)d;

			assert_int_equal(matches(escaped, 2, &text, 1), c == d);
			assert_int_equal(matches(set, 4, &text, 1), c == d);
			assert_true(matches("?", 1, &text, 1));
		}
	}
}

/*
 * Many stars and a long text. A matcher that tries every star again would never end (its number of steps has hundreds
 * of digits); the product of the lengths, which is the promised bound, is 20 million.
 */
static void
many_stars(void **state __attribute__((unused)))
{
	size_t text_len = 100000, stars = 100;
	char *text = malloc(text_len), pattern[201];

	assert_non_null(text);
	memset(text, 'a', text_len);
	for (size_t i = 0; i < stars; i++)
		memcpy(pattern + 2 * i, "a*", 2);
	pattern[2 * stars] = 'b';
	assert_false(glob_match((uint8_t *)pattern, 2 * stars + 1, (uint8_t *)text, text_len));
	text[text_len - 1] = 'b';
	assert_true(glob_match((uint8_t *)pattern, 2 * stars + 1, (uint8_t *)text, text_len));
	assert_false(matches("a*a*a*a*b", 9, text, 50000));
	assert_true(matches("a*a*a*a*b", 9, text, text_len));
	memset(pattern, '*', sizeof(pattern));
	pattern[200] = 'c';
	assert_false(glob_match((uint8_t *)pattern, 201, (uint8_t *)text, text_len));
	/* Sets and question marks between the stars. */
	assert_false(matches("*[a-z]*?*[^b]*\\a*c", 18, text, text_len));
	free(text);
}

/* Patterns that are slow to try place by place, with the deciding byte at each position. */
static void
slow_patterns(void **state __attribute__((unused)))
{
	static const struct {
		const char *part, *end;
		size_t times; /* how often `part` is repeated between a star and the end */
		char last;    /* the only byte of the text that is no 'a'; it makes the text match */
	} slow[] = {
		{ "a", "b", 500, 'b' },      { "?", "b", 500, 'b' },         { "[a]", "[xyb]", 300, 'b' },
		{ "[^b]", "b", 250, 'b' },   { "[z-a]", "[^a]", 200, 'c' },  { "\\a", "\\*", 500, '*' },
		{ "[a\\]]", "]", 200, ']' }, { "aaaaaaa*", "c*", 120, 'c' },
	};
	char pattern[1200], text[1024];

	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		size_t len = 0;

		pattern[len++] = '*';
		for (size_t n = 0; n < slow[i].times; n++, len += strlen(slow[i].part))
			strcpy(pattern + len, slow[i].part);
		strcpy(pattern + len, slow[i].end);
		len += strlen(slow[i].end);
		for (size_t text_len = sizeof(text); text_len > sizeof(text) - 130; text_len -= 3) {
			memset(text, 'a', text_len);
			assert_false(matches(pattern, len, text, text_len));
			text[text_len - 1] = slow[i].last;
			assert_true(matches(pattern, len, text, text_len));
			assert_false(matches(pattern, len, text, slow[i].times / 2));
		}
	}
}

static void
literal_prefix(void **state __attribute__((unused)))
{
	static const struct {
		const char *pattern;
		size_t len;
	} prefixes[] = {
		{ "", 0 },     { "abc", 3 }, { "*", 0 },       { "a*", 1 },     { "ab?c", 2 },
		{ "ab[c", 2 }, { "[", 0 },   { "abc\\*d", 3 }, { "a]-^b*", 5 }, { "\\a", 0 },
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		assert_int_equal(glob_literal_prefix((const uint8_t *)prefixes[i].pattern, strlen(prefixes[i].pattern)),
		                 prefixes[i].len);
	assert_int_equal(glob_literal_prefix((const uint8_t *)"a\0b*", 4), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(stars_around),  cmocka_unit_test(every_byte),
		cmocka_unit_test(many_stars), cmocka_unit_test(slow_patterns), cmocka_unit_test(literal_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
