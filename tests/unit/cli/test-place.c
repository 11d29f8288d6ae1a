/*
 * place.h against a model: a stream whose entries are added, trimmed and deleted at random, and a reader that takes
 * some of them now and then. What is said to be missing, and what was taken, make up what was added whenever the reader
 * has all there is.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "place.h"

#define N 64

/* Entries have the IDs 1-0, 2-0, ...; [first, next) are there but for those that were deleted. */
struct model {
	uint64_t first, next, deleted;
	bool is_gone[4096];
};

static struct entry_id
id_of(uint64_t n)
{
	return (struct entry_id){ n, 0 };
}

static struct place_figures
figures(const struct model *m)
{
	struct place_figures f = { .added = m->next - 1, .last = id_of(m->next - 1), .deleted = id_of(m->deleted) };

	for (uint64_t n = m->first; n < m->next; n++) {
		if (m->is_gone[n])
			continue;
		if (f.length++ == 0)
			f.first_entry = id_of(n);
		f.last_entry = id_of(n);
	}
	return f;
}

static void
change(struct model *m, unsigned int *seed)
{
	uint64_t n;

	switch (rand_r(seed) % 4) {
	case 0:
	case 1:
		m->next += (uint64_t)(rand_r(seed) % 6);
		break;
	case 2:
		m->first += (uint64_t)rand_r(seed) % (m->next - m->first + 1);
		break;
	case 3:
		n = m->first + (uint64_t)rand_r(seed) % (m->next - m->first + 1);
		if (n < m->next && !m->is_gone[n]) {
			m->is_gone[n] = true;
			m->deleted = n > m->deleted ? n : m->deleted;
		}
		break;
	}
}

/* Takes at most `most` entries. Returns how many. */
static uint64_t
take(const struct model *m, struct place *p, uint64_t most)
{
	uint64_t taken = 0, n = p->id.ms + 1 > m->first ? p->id.ms + 1 : m->first;

	for (; n < m->next && taken < most; n++) {
		if (m->is_gone[n])
			continue;
		p->id = id_of(n);
		p->count += p->count != PLACE_COUNT_UNKNOWN;
		p->is_entry = true;
		taken++;
	}
	return taken;
}

static void
test_random(void **state)
{
	(void)state;
	for (unsigned int run = 1; run <= 3000; run++) {
		struct model m = { .first = 1, .next = 1 };
		struct place p = { .start = PLACE_FIRST };
		struct place_figures f = figures(&m);
		uint64_t taken = 0, missed = 0, n;
		unsigned int seed = run;

		place_resolve(&p, &f);
		for (size_t i = 0; i < N; i++) {
			change(&m, &seed);
			f = figures(&m);
			if (rand_r(&seed) % 2) {
				n = place_check(&p, &f);
				assert_true(n != PLACE_COUNT_UNKNOWN);
				missed += n;
				/* Never more than is really missing. */
				assert_true(taken + missed <= m.next - 1);
			}
			taken += take(&m, &p, (uint64_t)(rand_r(&seed) % 8));
		}
		taken += take(&m, &p, UINT64_MAX);
		f = figures(&m);
		missed += place_check(&p, &f);
		assert_int_equal(taken + missed, m.next - 1);
		assert_int_equal(place_check(&p, &f), 0); /* it is said once */
	}
}

static void
test_starts(void **state)
{
	struct model m = { .first = 4, .next = 10 };
	struct place_figures f = figures(&m), none = { 0 };
	struct place p = { .start = PLACE_FIRST };

	(void)state;
	place_resolve(&p, &f);
	assert_int_equal(p.id.ms, 0);
	assert_int_equal(p.count, 3);
	assert_int_equal(place_check(&p, &f), 0); /* what there was before it began is not missing */
	p = (struct place){ .start = PLACE_LAST };
	place_resolve(&p, &f);
	assert_int_equal(entry_id_compare(p.id, (struct entry_id){ 8, UINT64_MAX }), 0);
	assert_int_equal(p.count, 8);
	p = (struct place){ .start = PLACE_NEW };
	place_resolve(&p, &f);
	assert_int_equal(p.id.ms, 9);
	assert_int_equal(p.count, 9);
	p = (struct place){ .start = PLACE_LAST };
	place_resolve(&p, &none);
	assert_int_equal(p.id.ms, 0);
	assert_int_equal(p.count, 0);
	/* An ID that somebody names: whether something is missing behind it is not known. */
	p = (struct place){ .id = id_of(2), .is_entry = true, .count = PLACE_COUNT_UNKNOWN };
	assert_true(place_check(&p, &f) == PLACE_COUNT_UNKNOWN);
	assert_int_equal(place_check(&p, &f), 0);
	p = (struct place){ .id = id_of(5), .is_entry = true, .count = PLACE_COUNT_UNKNOWN };
	assert_int_equal(place_check(&p, &f), 0);
	/* A stream that was made anew. */
	m = (struct model){ .first = 1, .next = 3 };
	f = figures(&m);
	p = (struct place){ .id = id_of(50), .is_entry = true, .count = 50 };
	assert_int_equal(place_check(&p, &f), 0);
	assert_int_equal(p.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
