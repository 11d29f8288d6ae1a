#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "rate.h"

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
test_no_limit(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 0, 0);
	for (int i = 0; i < 1000; i++) {
		assert_true(rate_is_ready(&r));
		rate_spend(&r);
	}
	assert_int_equal(rate_wait(&r), 0);
}

static void
test_one_at_once_then_a_pause(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 6, 60000); /* one every ten seconds */
	assert_true(rate_is_ready(&r));
	rate_spend(&r);
	assert_false(rate_is_ready(&r));
	assert_in_range(rate_wait(&r), UINT64_C(9000000000), UINT64_C(10000000001));
}

/* After a pause, the burst is what the rate allows in a fiftieth of a second. */
static void
test_bursts_are_bounded(void **state)
{
	struct rate r;
	int n = 0;

	(void)state;
	rate_init(&r, 1000, 1000);
	r.tokens = 0;
	r.at -= UINT64_C(3600) * 1000000000;
	/* The loop reads the tokens itself: a call would refill them while it runs. */
	for (assert_true(rate_is_ready(&r)); r.tokens >= 1; n++)
		rate_spend(&r);
	assert_int_equal(n, 20);
}

/* A full bucket stays full, however long it is not used. */
static void
test_a_pause_adds_nothing_to_a_full_bucket(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 6, 60000);
	r.at -= UINT64_C(3600) * 1000000000;
	assert_true(rate_is_ready(&r));
	rate_spend(&r);
	assert_false(rate_is_ready(&r));
}

/* However long it takes: never more than the rate plus one burst. */
static void
test_the_rate_holds(void **state)
{
	struct rate r;
	uint64_t start = now(), n = 0, passed;

	(void)state;
	rate_init(&r, 100000, 1000);
	while ((passed = now() - start) < 200000000) {
		if (!rate_is_ready(&r))
			continue;
		rate_spend(&r);
		n++;
		assert_true(n <= (now() - start) / 10000 + 2001);
	}
	assert_true(n >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),           cmocka_unit_test(test_one_at_once_then_a_pause),
		cmocka_unit_test(test_bursts_are_bounded), cmocka_unit_test(test_a_pause_adds_nothing_to_a_full_bucket),
		cmocka_unit_test(test_the_rate_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
