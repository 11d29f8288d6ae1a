/*
 * A look-up tries one literal length after the other: it hashes as many bytes of the name and walks the patterns with
 * exactly that beginning. So its cost depends on how many lengths there are, and on patterns that nearly match, but not
 * on the number of patterns. Patterns that begin with a wildcard have length 0 and are always tried.
 */
#include "pattern.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "work.h"

#define FROM_TEXT(node) ((struct pattern *)((char *)(node)-offsetof(struct pattern, by_text)))
#define FROM_LITERAL(node) ((struct pattern *)((char *)(node)-offsetof(struct pattern, by_literal)))

void
pattern_index_deinit(struct pattern_index *index)
{
	assert(index->by_text.n == 0);
	hashtable_deinit(&index->by_text);
	hashtable_deinit(&index->by_literal);
	free(index->lengths);
	index->lengths = NULL;
}

struct pattern *
pattern_find(const struct pattern_index *index, struct slice text)
{
	struct hashtable_node *node = hashtable_first(&index->by_text, siphash(&index->key, text.p, text.len));

	for (; node; node = hashtable_next(node)) {
		struct pattern *pattern = FROM_TEXT(node);

		if (pattern->len == text.len && memcmp(pattern->text, text.p, text.len) == 0)
			return pattern;
	}
	return NULL;
}

static size_t
lengths_find(const struct pattern_index *index, uint32_t len)
{
	size_t i = 0;

	while (i < index->n_lengths && index->lengths[i].len < len)
		i++;
	return i;
}

static int
lengths_add(struct pattern_index *index, uint32_t len)
{
	size_t i = lengths_find(index, len);
	struct literal_length *lengths;

	if (i < index->n_lengths && index->lengths[i].len == len) {
		index->lengths[i].n++;
		return 0;
	}
	if (index->n_lengths == index->cap_lengths) {
		lengths = realloc(index->lengths, (index->cap_lengths * 2 + 4) * sizeof(*lengths));
		if (!lengths)
			return -ENOMEM;
		index->lengths = lengths;
		index->cap_lengths = index->cap_lengths * 2 + 4;
	}
	memmove(&index->lengths[i + 1], &index->lengths[i], (index->n_lengths - i) * sizeof(*index->lengths));
	index->lengths[i] = (struct literal_length){ len, 1 };
	index->n_lengths++;
	return 0;
}

static void
lengths_remove(struct pattern_index *index, uint32_t len)
{
	size_t i = lengths_find(index, len);

	assert(i < index->n_lengths && index->lengths[i].len == len);
	if (--index->lengths[i].n > 0)
		return;
	index->n_lengths--;
	memmove(&index->lengths[i], &index->lengths[i + 1], (index->n_lengths - i) * sizeof(*index->lengths));
}

static int
pattern_insert(struct pattern_index *index, struct pattern *pattern)
{
	uint64_t hash = siphash(&index->key, pattern->text, pattern->len);
	uint64_t literal_hash = siphash(&index->key, pattern->text, pattern->literal_len);

	if (lengths_add(index, pattern->literal_len) < 0)
		return -ENOMEM;
	if (hashtable_insert(&index->by_text, &pattern->by_text, hash) < 0) {
		lengths_remove(index, pattern->literal_len);
		return -ENOMEM;
	}
	if (hashtable_insert(&index->by_literal, &pattern->by_literal, literal_hash) < 0) {
		hashtable_remove(&index->by_text, &pattern->by_text);
		lengths_remove(index, pattern->literal_len);
		return -ENOMEM;
	}
	return 0;
}

struct pattern *
pattern_get(struct pattern_index *index, struct slice text)
{
	struct pattern *pattern = pattern_find(index, text);

	index->work->done += 2 * WORK_LOOKUP + 2 * WORK_BYTES(text.len) + index->n_lengths;
	if (pattern)
		return pattern;
	pattern = malloc(sizeof(*pattern) + text.len);
	if (!pattern)
		return NULL;
	*pattern = (struct pattern){ .len = (uint32_t)text.len };
	memcpy(pattern->text, text.p, text.len);
	pattern->literal_len = (uint32_t)glob_literal_prefix(pattern->text, pattern->len);
	if (pattern_insert(index, pattern) < 0) {
		free(pattern);
		return NULL;
	}
	*index->bytes += sizeof(*pattern) + pattern->len;
	return pattern;
}

void
pattern_remove(struct pattern_index *index, struct pattern *pattern)
{
	index->work->done += 2 * WORK_LOOKUP + index->n_lengths;
	hashtable_remove(&index->by_text, &pattern->by_text);
	hashtable_remove(&index->by_literal, &pattern->by_literal);
	lengths_remove(index, pattern->literal_len);
	recvset_deinit(&pattern->receivers);
	*index->bytes -= sizeof(*pattern) + pattern->len;
	free(pattern);
}

/* The first pattern from the cursor on, or NULL. */
static struct pattern *
pattern_next(const struct pattern_index *index, struct slice name, struct siphash_prefix *prefix,
             struct pattern_cursor *cursor)
{
	for (; cursor->i < index->n_lengths && index->lengths[cursor->i].len <= name.len; cursor->i++) {
		if (!cursor->is_inside)
			cursor->node =
			    hashtable_first(&index->by_literal, siphash_prefix(prefix, index->lengths[cursor->i].len));
		cursor->is_inside = cursor->node != NULL;
		if (cursor->node)
			return FROM_LITERAL(cursor->node);
	}
	return NULL;
}

int
pattern_search(struct pattern_index *index, struct slice name, struct pattern_cursor *cursor, uint64_t end,
               int (*visit)(struct pattern *pattern, void *arg), void *arg)
{
	struct siphash_prefix prefix;
	struct glob_text text;
	struct pattern *pattern;

	siphash_prefix_init(&prefix, &index->key, name.p);
	glob_text_init(&text, name.p, name.len);
	index->work->done += WORK_BYTES(name.len) + index->n_lengths * 5 * WORK_VISIT;
	while ((pattern = pattern_next(index, name, &prefix, cursor))) {
		uint64_t before = text.effort;
		bool is_match = pattern->literal_len == index->lengths[cursor->i].len &&
		                glob_match_text(pattern->text, pattern->len, &text);
		int r;

		index->work->done += WORK_VISIT + text.effort - before;
		cursor->node = hashtable_next(cursor->node);
		cursor->i += !cursor->node;
		cursor->is_inside = cursor->node != NULL;
		r = is_match ? visit(pattern, arg) : 0;
		if (r < 0)
			return r;
		if (index->work->done >= end)
			return PATTERN_E_MORE;
	}
	return 0;
}
