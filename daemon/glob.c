#include "glob.h"

/*
 * Matches one byte against the set after a '['. Returns the position behind its ']'; like Redis, a set that
 * is never closed ends with the pattern.
 */
static size_t
match_set(const uint8_t *pattern, size_t len, size_t i, uint8_t c, bool *ret_matches)
{
	bool negated = i < len && pattern[i] == '^', found = false;

	if (negated)
		i++;
	for (; i < len && pattern[i] != ']'; i++) {
		if (pattern[i] == '\\' && i + 1 < len) {
			found |= pattern[++i] == c;
		} else if (i + 2 < len && pattern[i + 1] == '-') {
			uint8_t from = pattern[i], to = pattern[i + 2];

			found |= from <= to ? c >= from && c <= to : c >= to && c <= from;
			i += 2;
		} else {
			found |= pattern[i] == c;
		}
	}
	*ret_matches = found != negated;
	return i < len ? i + 1 : len;
}

/* Matches one byte against what stands at i, which is not a '*'; returns the position behind it, or 0. */
static size_t
match_one(const uint8_t *pattern, size_t len, size_t i, uint8_t c)
{
	bool matches;

	switch (pattern[i]) {
	case '?':
		return i + 1;
	case '[':
		i = match_set(pattern, len, i + 1, c, &matches);
		return matches ? i : 0;
	case '\\':
		if (i + 1 < len)
			i++;
		break;
	}
	return pattern[i] == c ? i + 1 : 0;
}

bool
glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len)
{
	size_t p = 0, t = 0, star = 0, resume = 0, next;
	bool have_star = false;

	/*
	 * Only the last star ever needs another try: what an earlier one took cannot help where giving the
	 * last one more bytes does not.
	 */
	while (t < text_len) {
		if (p < pattern_len && pattern[p] == '*') {
			have_star = true;
			star = ++p;
			resume = t;
			if (star == pattern_len)
				return true;
		} else if (p < pattern_len && (next = match_one(pattern, pattern_len, p, text[t])) > 0) {
			p = next;
			t++;
		} else if (have_star) {
			p = star;
			t = ++resume;
		} else {
			return false;
		}
	}
	/* Redis never lets a pattern match a name without bytes. */
	if (text_len == 0)
		return pattern_len == 0;
	while (p < pattern_len && pattern[p] == '*')
		p++;
	return p == pattern_len;
}

size_t
glob_literal_prefix(const uint8_t *pattern, size_t pattern_len)
{
	size_t n = 0;

	while (n < pattern_len && pattern[n] != '*' && pattern[n] != '?' && pattern[n] != '[' && pattern[n] != '\\')
		n++;
	return n;
}
