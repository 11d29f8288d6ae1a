/* The index of patterns must find the same as trying all of them. */
#include "pattern.h"
#include "work.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "glob.h"
#include "prng.h"

static struct work work;
static size_t bytes;

#define PATTERNS_MAX ((size_t)400)

static void
get_find_remove(void **state __attribute__((unused)))
{
	struct pattern_index index = { .work = &work, .bytes = &bytes, .key = { 1, 2 } };
	struct pattern *a, *b;

	assert_null(pattern_find(&index, slice_of("a*")));
	a = pattern_get(&index, slice_of("a*"));
	assert_non_null(a);
	assert_int_equal(a->len, 2);
	assert_memory_equal(a->text, "a*", 2);
	assert_int_equal(a->receivers.n, 0);
	assert_ptr_equal(pattern_get(&index, slice_of("a*")), a);
	assert_ptr_equal(pattern_find(&index, slice_of("a*")), a);
	b = pattern_get(&index, slice_of("a?"));
	assert_ptr_not_equal(a, b);
	assert_int_equal(index.by_text.n, 2);
	assert_null(pattern_find(&index, slice_of("a")));
	assert_null(pattern_find(&index, slice_of("")));
	pattern_remove(&index, a);
	assert_null(pattern_find(&index, slice_of("a*")));
	assert_ptr_equal(pattern_find(&index, slice_of("a?")), b);
	pattern_remove(&index, b);
	assert_int_equal(index.by_text.n, 0);
	assert_int_equal(index.by_literal.n, 0);
	assert_int_equal(index.n_lengths, 0);
	pattern_index_deinit(&index);
}

static int
count_one(struct pattern *pattern __attribute__((unused)), void *arg)
{
	return ++*(int *)arg == 2 ? -EEXIST : 0;
}

/* A visitor may end the search. */
static void
ended_search(void **state __attribute__((unused)))
{
	struct pattern_index index = { .work = &work, .bytes = &bytes, .key = { 1, 2 } };
	static const char *const texts[] = { "*", "a*", "?b", "ab", "abc*" };
	int n = 0;

	for (size_t i = 0; i < 5; i++)
		assert_non_null(pattern_get(&index, slice_of(texts[i])));
	assert_int_equal(
	    pattern_search(&index, slice_of("ab"), &(struct pattern_cursor){ 0 }, UINT64_MAX, count_one, &n), -EEXIST);
	assert_int_equal(n, 2);
	n = 10;
	assert_int_equal(
	    pattern_search(&index, slice_of("ab"), &(struct pattern_cursor){ 0 }, UINT64_MAX, count_one, &n), 0);
	assert_int_equal(n, 14);
	for (size_t i = 0; i < 5; i++)
		pattern_remove(&index, pattern_find(&index, slice_of(texts[i])));
	pattern_index_deinit(&index);
}

/* What a search has found: each pattern once. */
struct findings {
	struct pattern *found[PATTERNS_MAX];
	size_t n;
};

static int
note(struct pattern *pattern, void *arg)
{
	struct findings *findings = arg;

	assert_true(findings->n < PATTERNS_MAX);
	for (size_t i = 0; i < findings->n; i++)
		assert_ptr_not_equal(findings->found[i], pattern);
	findings->found[findings->n++] = pattern;
	return 0;
}

static size_t
random_text(struct prng *prng, uint8_t *text, size_t max, const char *alphabet)
{
	size_t len = prng_below(prng, max + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)alphabet[prng_below(prng, strlen(alphabet))];
	return len;
}

static void
search(struct pattern_index *index, struct pattern *const *all, size_t n, struct slice name)
{
	struct findings findings = { .n = 0 };
	size_t expected = 0;

	assert_int_equal(pattern_search(index, name, &(struct pattern_cursor){ 0 }, UINT64_MAX, note, &findings), 0);
	for (size_t i = 0; i < n; i++)
		expected += glob_match(all[i]->text, all[i]->len, name.p, name.len);
	assert_int_equal(findings.n, expected);
	for (size_t i = 0; i < findings.n; i++)
		assert_true(glob_match(findings.found[i]->text, findings.found[i]->len, name.p, name.len));
}

/* Patterns come and go at random; the names share many beginnings with them. */
static void
as_trying_all(void **state __attribute__((unused)))
{
	struct pattern_index index = { .work = &work, .bytes = &bytes, .key = { 3, 4 } };
	struct pattern *all[PATTERNS_MAX];
	struct prng prng;
	size_t n = 0;

	prng_init(&prng, prng_seed());
	for (int step = 0; step < 20000; step++) {
		uint8_t text[16];
		struct slice slice = { text, 0 };

		if (prng_below(&prng, 3) > 0) {
			slice.len = random_text(&prng, text, 8, "ab.");
			search(&index, all, n, slice);
		} else if (n < PATTERNS_MAX && prng_below(&prng, 100) < (step / 4000 % 2 ? 45u : 60u)) {
			struct pattern *known, *pattern;

			slice.len = random_text(&prng, text, 6, "aab.*?[]\\");
			known = pattern_find(&index, slice);
			pattern = pattern_get(&index, slice);
			assert_non_null(pattern);
			if (known)
				assert_ptr_equal(pattern, known);
			else
				all[n++] = pattern;
		} else if (n > 0) {
			size_t i = prng_below(&prng, n);

			pattern_remove(&index, all[i]);
			all[i] = all[--n];
		}
		assert_int_equal(index.by_text.n, n);
		assert_int_equal(index.by_literal.n, n);
	}
	while (n > 0)
		pattern_remove(&index, all[--n]);
	assert_int_equal(index.n_lengths, 0);
	pattern_index_deinit(&index);
}

/* Bytes that are no text, and the shortest and longest lengths. */
static void
any_bytes(void **state __attribute__((unused)))
{
	struct pattern_index index = { .work = &work, .bytes = &bytes, .key = { 5, 6 } };
	struct pattern *all[3];
	uint8_t long_name[1000];

	memset(long_name, 0, sizeof(long_name));
	all[0] = pattern_get(&index, (struct slice){ long_name, sizeof(long_name) });
	all[1] = pattern_get(&index, (struct slice){ (const uint8_t *)"\0*", 2 });
	all[2] = pattern_get(&index, (struct slice){ (const uint8_t *)"", 0 });
	for (size_t i = 0; i < 3; i++)
		assert_non_null(all[i]);
	search(&index, all, 3, (struct slice){ long_name, sizeof(long_name) });
	search(&index, all, 3, (struct slice){ long_name, sizeof(long_name) - 1 });
	search(&index, all, 3, (struct slice){ long_name, 1 });
	search(&index, all, 3, (struct slice){ long_name, 0 });
	search(&index, all, 3, (struct slice){ NULL, 0 });
	for (size_t i = 0; i < 3; i++)
		pattern_remove(&index, all[i]);
	pattern_index_deinit(&index);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_find_remove),
		cmocka_unit_test(ended_search),
		cmocka_unit_test(as_trying_all),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
