/*
 * Patterns: compares glob_match() with a plain model of Redis's patterns, and the index with trying all patterns. The
 * input is lines: "+PATTERN" adds a pattern to the index, "-PATTERN" removes it, any other line is a name to look up.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "pattern.h"
#include "work.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATTERNS_MAX ((size_t)64)
#define LINE_MAX_LEN ((size_t)1024)

/* A star, or the bytes that match at one place of the name. */
struct element {
	bool is_star;
	bool takes[256];
};

struct model {
	struct element elements[LINE_MAX_LEN];
	size_t n;
};

/* Reads the set after a '['; returns the index after it. */
static size_t
model_read_set(const uint8_t *pattern, size_t len, size_t i, struct element *element)
{
	bool negated = false, in_set[256] = { false };

	if (i < len && pattern[i] == '^') {
		negated = true;
		i++;
	}
	while (i < len && pattern[i] != ']') {
		if (pattern[i] == '\\' && i + 1 < len) {
			in_set[pattern[i + 1]] = true;
			i += 2;
		} else if (len - i >= 3 && pattern[i + 1] == '-') {
			int low = pattern[i] < pattern[i + 2] ? pattern[i] : pattern[i + 2];
			int high = pattern[i] < pattern[i + 2] ? pattern[i + 2] : pattern[i];

			for (int c = low; c <= high; c++)
				in_set[c] = true;
			i += 3;
		} else {
			in_set[pattern[i]] = true;
			i++;
		}
	}
	for (int c = 0; c < 256; c++)
		element->takes[c] = in_set[c] != negated;
	return i < len ? i + 1 : i;
}

static void
model_read(const uint8_t *pattern, size_t len, struct model *model)
{
	size_t i = 0;

	model->n = 0;
	while (i < len) {
		struct element *element = &model->elements[model->n++];

		*element = (struct element){ 0 };
		if (pattern[i] == '*') {
			element->is_star = true;
			i++;
		} else if (pattern[i] == '?') {
			memset(element->takes, true, sizeof(element->takes));
			i++;
		} else if (pattern[i] == '[') {
			i = model_read_set(pattern, len, i + 1, element);
		} else {
			if (pattern[i] == '\\' && i + 1 < len)
				i++;
			element->takes[pattern[i]] = true;
			i++;
		}
	}
}

/* can[e]: the elements from e on match the rest of the name. Computed from the end of the name. */
static bool
model_match(const struct model *model, const uint8_t *name, size_t len)
{
	bool can[LINE_MAX_LEN + 1], next[LINE_MAX_LEN + 1] = { false };

	if (len == 0) /* as in Redis, stars do not match an empty name */
		return model->n == 0;
	for (size_t t = len + 1; t-- > 0; memcpy(next, can, sizeof(can))) {
		memset(can, 0, sizeof(can));
		can[model->n] = t == len;
		for (size_t e = model->n; e-- > 0;) {
			const struct element *element = &model->elements[e];

			if (element->is_star)
				can[e] = can[e + 1] || next[e];
			else
				can[e] = t < len && element->takes[name[t]] && next[e + 1];
		}
	}
	return next[0];
}

struct world {
	struct pattern_index index;
	struct work work; /* counted by the index */
	size_t bytes;
	struct pattern *patterns[PATTERNS_MAX];
	bool found[PATTERNS_MAX];
	size_t n;
};

static void
world_add(struct world *world, struct slice text)
{
	size_t before = world->index.by_text.n;
	struct pattern *pattern;

	if (world->n == PATTERNS_MAX)
		return;
	pattern = pattern_get(&world->index, text);
	assert(pattern && pattern->len == text.len);
	assert(text.len == 0 || memcmp(pattern->text, text.p, text.len) == 0);
	for (size_t i = 0; i < world->n; i++)
		if (world->patterns[i] == pattern) {
			assert(world->index.by_text.n == before);
			return;
		}
	assert(world->index.by_text.n == before + 1);
	world->patterns[world->n++] = pattern;
}

static void
world_remove(struct world *world, struct slice text)
{
	struct pattern *pattern = pattern_find(&world->index, text);

	for (size_t i = 0; i < world->n; i++) {
		const struct pattern *other = world->patterns[i];
		bool is_same = other->len == text.len && memcmp(other->text, text.p, text.len) == 0;

		assert(is_same == (other == pattern));
		if (!is_same)
			continue;
		pattern_remove(&world->index, pattern);
		world->patterns[i] = world->patterns[--world->n];
		return;
	}
	assert(!pattern);
}

static int
world_note_found(struct pattern *pattern, void *arg)
{
	struct world *world = arg;

	for (size_t i = 0; i < world->n; i++)
		if (world->patterns[i] == pattern) {
			assert(!world->found[i]);
			world->found[i] = true;
			return 0;
		}
	abort(); /* the index returned a removed pattern */
}

static bool
world_match_exact(const struct pattern *pattern, const uint8_t *name, size_t len)
{
	uint8_t *copy = malloc(pattern->len);
	bool matches;

	assert(copy || pattern->len == 0);
	memcpy(copy, pattern->text, pattern->len);
	matches = glob_match(copy, pattern->len, name, len);
	free(copy);
	return matches;
}

static void
world_look_up(struct world *world, struct slice name)
{
	static struct model model;
	uint8_t *copy = malloc(name.len);

	assert(copy || name.len == 0);
	memcpy(copy, name.p, name.len);
	memset(world->found, 0, sizeof(world->found));
	assert(pattern_search(&world->index, (struct slice){ copy, name.len }, &(struct pattern_cursor){ 0 },
	                      UINT64_MAX, world_note_found, world) == 0);
	for (size_t i = 0; i < world->n; i++) {
		const struct pattern *pattern = world->patterns[i];
		bool matches = world_match_exact(pattern, copy, name.len);

		model_read(pattern->text, pattern->len, &model);
		assert(matches == model_match(&model, copy, name.len));
		assert(matches == world->found[i]);
	}
	free(copy);
}

static void
world_do_line(struct world *world, const uint8_t *line, size_t len)
{
	struct slice rest = { line + 1, len - 1 };

	if (len > 0 && line[0] == '+')
		world_add(world, rest);
	else if (len > 0 && line[0] == '-')
		world_remove(world, rest);
	else
		world_look_up(world, (struct slice){ line, len });
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .index = { .key = { 1, 2 } } };
	const uint8_t *p = data, *end = data + size;

	world.index.work = &world.work;
	world.index.bytes = &world.bytes;
	while (p < end) {
		const uint8_t *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;

		if ((size_t)(stop - p) <= LINE_MAX_LEN)
			world_do_line(&world, p, (size_t)(stop - p));
		p = stop + 1;
	}
	while (world.n > 0)
		pattern_remove(&world.index, world.patterns[--world.n]);
	assert(world.index.by_text.n == 0 && world.index.by_literal.n == 0 && world.index.n_lengths == 0);
	pattern_index_deinit(&world.index);
	return 0;
}
