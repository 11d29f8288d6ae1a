/*
 * A pattern is tried with its last star taking more and more bytes (only the last one ever needs another try, see
 * below). That is quick for all patterns except those that are made to be slow. When it has looked at many bytes in
 * vain, the matcher changes to another method, with a bound that no pattern can exceed: it keeps the set of all places
 * in the text that the pattern so far can have reached, as a bit for each place, and moves the whole set over one
 * element of the pattern after the other. A map of where each byte stands in the text makes such a move a few
 * operations on words.
 */
#include "glob.h"

#include <string.h>

/* Bytes that have a meaning of their own in patterns. */
static const bool is_special[256] = { ['*'] = true, ['?'] = true, ['['] = true, ['\\'] = true };

/* What trying anew costs, in looks at a byte. */
#define GLOB_TRY 8

/* So many bytes of the pattern are looked at in vain before the method changes; fewer in the fuzzer. */
#ifndef GLOB_PATIENCE
#define GLOB_PATIENCE 1024
#endif
/* Likewise once the text has its map: changing costs less then. */
#define GLOB_PATIENCE_MAPPED (GLOB_PATIENCE / 4)

/*
 * Reads one byte or range of the set at *i and moves *i behind it. A range may have its higher end first. Returns false
 * at the end of the set; as in Redis, a set that is not closed ends with the pattern.
 */
static inline bool
glob_next_range(const uint8_t *pattern, size_t len, size_t *i, uint8_t *ret_from, uint8_t *ret_to)
{
	size_t at = *i;

	if (at >= len || pattern[at] == ']')
		return false;
	if (pattern[at] == '\\' && at + 1 < len) {
		*ret_from = *ret_to = pattern[at + 1];
		*i += 2;
	} else if (at + 2 < len && pattern[at + 1] == '-') {
		*ret_from = pattern[at];
		*ret_to = pattern[at + 2];
		*i += 3;
	} else {
		*ret_from = *ret_to = pattern[at];
		*i += 1;
	}
	return true;
}

/* Whether c is in the set after a '[' at i. Returns the position behind its ']'. */
static size_t
glob_match_set(const uint8_t *pattern, size_t len, size_t i, uint8_t c, bool *ret_matches)
{
	bool negated = i < len && pattern[i] == '^', found = false;
	uint8_t from, to;

	i += negated;
	while (glob_next_range(pattern, len, &i, &from, &to))
		found |= from <= to ? c >= from && c <= to : c >= to && c <= from;
	*ret_matches = found != negated;
	return i < len ? i + 1 : len;
}

/* Matches c with the element at i, which is no '*'. Returns the position behind it, or 0. */
static size_t
glob_match_one(const uint8_t *pattern, size_t len, size_t i, uint8_t c)
{
	bool matches;

	switch (pattern[i]) {
	case '?':
		return i + 1;
	case '[':
		i = glob_match_set(pattern, len, i + 1, c, &matches);
		return matches ? i : 0;
	case '\\':
		if (i + 1 < len)
			i++;
		break;
	}
	return pattern[i] == c ? i + 1 : 0;
}

void
glob_text_init(struct glob_text *text, const uint8_t *p, size_t len)
{
	text->p = p;
	text->len = len;
	text->n_words = len / 64 + 1;
	text->effort = 0;
	text->has_map = false; /* the map itself is left alone until it is needed */
}

static void
glob_map_text(struct glob_text *text)
{
	if (text->has_map)
		return;
	text->has_map = true;
	text->effort += 257 * text->n_words;
	for (size_t c = 0; c <= 256; c++)
		memset(text->below[c].words, 0, text->n_words * sizeof(uint64_t));
	for (size_t i = 0; i < text->len; i++)
		text->below[text->p[i] + 1].words[i / 64] |= UINT64_C(1) << i % 64;
	for (size_t c = 1; c <= 256; c++)
		for (size_t k = 0; k < text->n_words; k++)
			text->below[c].words[k] |= text->below[c - 1].words[k];
}

/* Adds the places of the bytes of a range, either end of which may be the lower one. */
static void
places_add_range(const struct glob_text *text, uint8_t from, uint8_t to, struct glob_places *places)
{
	const struct glob_places *less = &text->below[from < to ? from : to];
	const struct glob_places *most = &text->below[(from < to ? to : from) + 1];

	for (size_t k = 0; k < text->n_words; k++)
		places->words[k] |= most->words[k] & ~less->words[k];
}

/* Finds where the bytes of the set after a '[' stand in the text. Returns the position behind its ']'. */
static size_t
glob_map_set(const struct glob_text *text, const uint8_t *pattern, size_t len, size_t i, struct glob_places *places)
{
	bool negated = i < len && pattern[i] == '^';
	uint8_t from, to;

	i += negated;
	while (glob_next_range(pattern, len, &i, &from, &to))
		places_add_range(text, from, to, places);
	for (size_t k = 0; negated && k < text->n_words; k++)
		places->words[k] = text->below[256].words[k] & ~places->words[k];
	return i < len ? i + 1 : len;
}

/*
 * Moves the places in `at` over one byte, where that is one of `takes` but none of `except`; the others go. Returns
 * whether any is left.
 */
static bool
places_step(struct glob_places *at, const struct glob_places *takes, const struct glob_places *except, size_t n_words)
{
	uint64_t carry = 0, any = 0;

	for (size_t k = 0; k < n_words; k++) {
		uint64_t word = at->words[k] & takes->words[k] & ~except->words[k];

		at->words[k] = word << 1 | carry;
		carry = word >> 63;
		any |= word;
	}
	return any != 0;
}

/* Adds all places behind the first one, as a star does. */
static void
places_spread(struct glob_places *at, size_t text_len)
{
	size_t k = 0;

	while (k <= text_len / 64 && at->words[k] == 0)
		k++;
	if (k > text_len / 64)
		return;
	at->words[k] |= -at->words[k]; /* from the lowest bit on */
	for (size_t i = k + 1; i <= text_len / 64; i++)
		at->words[i] = UINT64_MAX;
	at->words[text_len / 64] &= UINT64_MAX >> (63 - text_len % 64);
}

/* Whether the pattern matches the rest of the text from place `from` or any later one on. */
static bool __attribute__((noinline))
glob_match_places(const uint8_t *pattern, size_t len, struct glob_text *text, size_t from)
{
	struct glob_places at = { 0 };
	size_t text_len = text->len, i = 0;

	glob_map_text(text);
	at.words[from / 64] = UINT64_C(1) << from % 64;
	places_spread(&at, text_len);
	while (i < len) {
		/* The places of one byte, and of any byte, are in the map already. */
		const struct glob_places *takes = &text->below[256], *except = &text->below[0];
		struct glob_places set;
		size_t begin = i;

		text->effort += text->n_words;
		if (pattern[i] == '*') {
			places_spread(&at, text_len);
			i++;
			continue;
		}
		if (pattern[i] == '[') {
			memset(set.words, 0, text->n_words * sizeof(uint64_t));
			i = glob_map_set(text, pattern, len, i + 1, &set);
			takes = &set;
			text->effort += text->n_words * (1 + (i - begin) / 2);
		} else if (pattern[i] == '?') {
			i++;
		} else {
			i += pattern[i] == '\\' && i + 1 < len;
			takes = &text->below[pattern[i] + 1];
			except = &text->below[pattern[i]];
			i++;
		}
		if (!places_step(&at, takes, except, text->n_words))
			return false;
	}
	return at.words[text_len / 64] >> text_len % 64 & 1;
}

bool
glob_match_text(const uint8_t *pattern, size_t pattern_len, struct glob_text *name)
{
	const uint8_t *text = name->p;
	size_t text_len = name->len, patience = name->has_map ? GLOB_PATIENCE_MAPPED : GLOB_PATIENCE;
	size_t p = 0, t = 0, star = 0, resume = 0, next, in_vain = 0, tried;
	bool have_star = false;
	const uint8_t *found;

	/* Each element is passed once, unless it was in vain; memchr() looks at many bytes at once. */
	name->effort += GLOB_TRY + pattern_len + text_len / 16;
	/*
	 * Only the last star ever needs another try. Giving an earlier one more bytes could only make the last one
	 * begin later, and the last star can take these bytes itself.
	 */
	while (t < text_len) {
		if (p < pattern_len && pattern[p] == text[t] && !is_special[pattern[p]]) {
			p++;
			t++;
		} else if (p < pattern_len && pattern[p] == '*') {
			have_star = true;
			star = ++p;
			resume = t;
			if (star == pattern_len)
				return true;
		} else if (p < pattern_len && (next = glob_match_one(pattern, pattern_len, p, text[t])) > 0) {
			p = next;
			t++;
		} else if (have_star) {
			/* A set that does not match was read to its end, which is counted as that of the pattern. */
			tried = GLOB_TRY + (p < pattern_len && pattern[p] == '[' ? pattern_len : p + 1) - star;
			name->effort += tried;
			in_vain += tried;
			if (in_vain > patience && text_len <= PROTOCOL_NAME_MAX)
				return glob_match_places(pattern + star, pattern_len - star, name, resume);
			p = star;
			t = ++resume;
			if (is_special[pattern[star]])
				continue;
			found = memchr(text + t, pattern[star], text_len - t);
			if (!found)
				return false;
			t = resume = (size_t)(found - text);
		} else {
			return false;
		}
	}
	/* As in Redis, no pattern matches an empty name. */
	if (text_len == 0)
		return pattern_len == 0;
	while (p < pattern_len && pattern[p] == '*')
		p++;
	return p == pattern_len;
}

bool
glob_match_at_cost(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len, uint64_t *cost)
{
	struct glob_text name;
	bool matches;

	glob_text_init(&name, text, text_len);
	matches = glob_match_text(pattern, pattern_len, &name);
	*cost += name.effort;
	return matches;
}

bool
glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *text, size_t text_len)
{
	uint64_t cost = 0;

	return glob_match_at_cost(pattern, pattern_len, text, text_len, &cost);
}

size_t
glob_literal_prefix(const uint8_t *pattern, size_t pattern_len)
{
	size_t n = 0;

	while (n < pattern_len && pattern[n] != '*' && pattern[n] != '?' && pattern[n] != '[' && pattern[n] != '\\')
		n++;
	return n;
}
