#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backoff.h"

static void
test_doubles_up_to_the_cap(void **state)
{
	struct backoff b = { 0 };
	unsigned int expected[] = { 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next(&b, 0), expected[i]); /* 0: the full step */
}

static void
test_jitter_is_at_most_half(void **state)
{
	uint32_t randoms[] = { 0, 1, 5, 6, 499, 500, 501, UINT32_MAX - 1, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++) {
		struct backoff b = { 0 };
		unsigned int step = BACKOFF_FIRST_MS, delay;

		for (int n = 0; n < 20; n++) {
			delay = backoff_next(&b, randoms[i]);
			assert_in_range(delay, step / 2, step);
			step = step * 2 < BACKOFF_LAST_MS ? step * 2 : BACKOFF_LAST_MS;
		}
	}
}

static void
test_random_reaches_both_ends(void **state)
{
	struct backoff b;

	(void)state;
	b = (struct backoff){ .step = BACKOFF_LAST_MS };
	assert_int_equal(backoff_next(&b, 0), 1000);
	b = (struct backoff){ .step = BACKOFF_LAST_MS };
	assert_int_equal(backoff_next(&b, 500), 500);
	b = (struct backoff){ .step = BACKOFF_LAST_MS };
	assert_int_equal(backoff_next(&b, 501), 1000);
}

static void
test_reset_starts_again(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	for (int n = 0; n < 9; n++)
		backoff_next(&b, 0);
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, 0), BACKOFF_FIRST_MS);
	assert_int_equal(backoff_next(&b, 0), 2 * BACKOFF_FIRST_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_cap),
		cmocka_unit_test(test_jitter_is_at_most_half),
		cmocka_unit_test(test_random_reaches_both_ends),
		cmocka_unit_test(test_reset_starts_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
