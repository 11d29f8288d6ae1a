/* The rate limit of log lines. */
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
limit_counts_what_it_omits(void **state __attribute__((unused)))
{
	struct log_limit limit = { 0 };
	unsigned int omitted = 7;

	for (int i = 0; i < 3; i++) {
		assert_true(log_limit_allows(&limit, 3, 1000, 5000 + i, &omitted));
		assert_int_equal(omitted, 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_false(log_limit_allows(&limit, 3, 1000, 5900 + i, &omitted));
		assert_int_equal(omitted, 0);
	}
	/* The first line of the next period says how many were left out in the one before. */
	assert_true(log_limit_allows(&limit, 3, 1000, 6001, &omitted));
	assert_int_equal(omitted, 4);
	assert_true(log_limit_allows(&limit, 3, 1000, 6002, &omitted));
	assert_int_equal(omitted, 0);
}

static void
limit_without_a_report(void **state __attribute__((unused)))
{
	struct log_limit limit = { 0 };

	assert_true(log_limit_allows(&limit, 1, 60000, 100, NULL));
	assert_false(log_limit_allows(&limit, 1, 60000, 200, NULL));
	assert_true(log_limit_allows(&limit, 1, 60000, 60101, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_counts_what_it_omits),
		cmocka_unit_test(limit_without_a_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
