#include "nearest.h"

#include <string.h>

/* Longer words are not compared. */
#define WORD_MAX 32

static size_t
nearest_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance. */
static size_t
nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2], *t;

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = nearest_min(row[j], nearest_min(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = nearest_min(row[j], before[j - 2] + 1);
		}
		t = before;
		before = last;
		last = row;
		row = t;
	}
	return last[b_len];
}

const char *
nearest_find(const char *word, size_t len, const char *const *names, size_t n)
{
	const char *nearest = NULL;
	size_t best = (len + 1) / 3 + 1, d; /* only smaller distances count as near: one letter of three or four */

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) > WORD_MAX)
			continue;
		d = nearest_distance(word, len, names[i], strlen(names[i]));
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}
