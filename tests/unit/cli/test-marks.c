#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "marks.h"

static const uint8_t names[] = "ab";

static struct mark
mark_of(size_t stream, uint64_t n)
{
	return (struct mark){ { names + stream, 1 }, { n, 0 }, n };
}

static void
test_runs(void **state)
{
	struct marks m;
	struct mark mark;

	(void)state;
	marks_init(&m, 10);
	assert_false(marks_pop(&m, UINT64_MAX, &mark));
	marks_add(&m, 4, mark_of(0, 1));
	marks_add(&m, 10, mark_of(0, 2)); /* one run with the first: ten bytes */
	marks_add(&m, 11, mark_of(0, 3));
	marks_add(&m, 12, mark_of(1, 4)); /* of another stream */
	assert_false(marks_pop(&m, 9, &mark));
	assert_true(marks_pop(&m, 10, &mark));
	assert_int_equal(mark.id.ms, 2);
	assert_true(marks_pop(&m, 100, &mark));
	assert_int_equal(mark.id.ms, 3);
	assert_true(marks_pop(&m, 100, &mark));
	assert_int_equal(mark.id.ms, 4);
	assert_ptr_equal(mark.stream.p, names + 1);
	assert_false(marks_pop(&m, 100, &mark));
	/* An entry that is larger than a run has one of its own. */
	marks_add(&m, 1000, mark_of(0, 5));
	marks_add(&m, 1001, mark_of(0, 6));
	assert_false(marks_pop(&m, 999, &mark));
	assert_true(marks_pop(&m, 1000, &mark));
	assert_int_equal(mark.id.ms, 5);
	marks_deinit(&m);
}

/* Whatever is handled when: a mark never says more than is handled, and in the end everything is. */
static void
test_random(void **state)
{
	static uint64_t ends[20000]; /* how much the sink has taken behind each entry */

	(void)state;
	for (unsigned int run = 0; run < 20; run++) {
		uint64_t handled = 0, last[2] = { 0 }, newest[2] = { 0 }, taken = 0;
		unsigned int seed = run;
		struct marks m;
		struct mark mark;

		marks_init(&m, run % 3 == 0 ? 0 : run % 3 == 1 ? 50 : UINT64_MAX);
		for (uint64_t n = 1; n < 20000; n++) {
			size_t stream = (size_t)(rand_r(&seed) % 3 == 0);

			taken += (uint64_t)(rand_r(&seed) % 20);
			ends[n] = taken;
			newest[stream] = n;
			marks_add(&m, taken, mark_of(stream, n));
			if (rand_r(&seed) % 4 == 0)
				handled += (taken - handled) * (uint64_t)(rand_r(&seed) % 101) / 100;
			while (marks_pop(&m, handled, &mark)) {
				assert_true(ends[mark.id.ms] <= handled);
				stream = (size_t)(mark.stream.p - names);
				assert_true(mark.id.ms > last[stream]);
				last[stream] = mark.id.ms;
			}
		}
		while (marks_pop(&m, taken, &mark))
			last[mark.stream.p - names] = mark.id.ms;
		assert_int_equal(last[0], newest[0]);
		assert_int_equal(last[1], newest[1]);
		marks_deinit(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
