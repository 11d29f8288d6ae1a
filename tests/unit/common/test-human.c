/* Numbers for people, and that what is exact is read back as the same. */
#include "human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "num.h"

static void
counts(void **state __attribute__((unused)))
{
	assert_string_equal(human_count(0).text, "0");
	assert_string_equal(human_count(0.44).text, "0.4");
	assert_string_equal(human_count(12).text, "12");
	assert_string_equal(human_count(12.34).text, "12.3");
	assert_string_equal(human_count(99.96).text, "100");
	assert_string_equal(human_count(999.4).text, "999");
	assert_string_equal(human_count(999.6).text, "1.0k");
	assert_string_equal(human_count(9940).text, "9.9k");
	assert_string_equal(human_count(9960).text, "10k");
	assert_string_equal(human_count(999499).text, "999k");
	assert_string_equal(human_count(999600).text, "1.0M");
	assert_string_equal(human_count(1.8e19).text, "18E");
}

static void
sizes(void **state __attribute__((unused)))
{
	assert_string_equal(human_size(0).text, "0");
	assert_string_equal(human_size(1023).text, "1023");
	assert_string_equal(human_size(1024).text, "1.0K");
	assert_string_equal(human_size(1536).text, "1.5K");
	assert_string_equal(human_size(12 << 20).text, "12M");
	assert_string_equal(human_size(1000 * 1024).text, "1.0M"); /* never four digits */
	assert_string_equal(human_size(UINT64_MAX).text, "16E");
	assert_string_equal(human_size_fixed(1023).text, "1023B");
	assert_string_equal(human_size_fixed(1024).text, "1.00K");
	assert_string_equal(human_size_fixed(1000 * 1024).text, "1000.00K");
	assert_string_equal(human_size_fixed(1572864).text, "1.50M");
	assert_string_equal(human_size_fixed(UINT64_C(5) << 50).text, "5120.00T");
}

static void
microseconds_have_a_unit(void **state)
{
	(void)state;
	assert_string_equal(human_microseconds(0).text, "0us");
	assert_string_equal(human_microseconds(999).text, "999us");
	assert_string_equal(human_microseconds(1000).text, "1.0ms");
	assert_string_equal(human_microseconds(9949).text, "9.9ms");
	assert_string_equal(human_microseconds(9960).text, "10ms");
	assert_string_equal(human_microseconds(999499).text, "999ms");
	assert_string_equal(human_microseconds(999500).text, "1.0s");
	assert_string_equal(human_microseconds(60000000).text, "60s");
}

static void
rates_and_ages(void **state __attribute__((unused)))
{
	assert_string_equal(human_rate(0).text, "0");
	assert_string_equal(human_rate(0.25).text, "0.25");
	assert_string_equal(human_rate(17.26).text, "17.3");
	assert_string_equal(human_rate(12345.4).text, "12345");
	assert_string_equal(human_age(0).text, "0s");
	assert_string_equal(human_age(59).text, "59s");
	assert_string_equal(human_age(60).text, "1m0s");
	assert_string_equal(human_age(200).text, "3m20s");
	assert_string_equal(human_age(7500).text, "2h5m");
	assert_string_equal(human_age(12 * 86400 + 3 * 3600 + 1).text, "12d3h");
	assert_string_equal(human_s(0), "s");
	assert_string_equal(human_s(1), "");
}

static void
exact_numbers_are_read_back(void **state __attribute__((unused)))
{
	static const uint64_t values[] = {
		0,       1,           999,  1000,    1024,    1025,       1500,
		8 << 20, 3600 * 1000, 2047, 1 << 30, 1 << 31, UINT64_MAX, UINT64_C(1) << 40
	};
	uint64_t value;

	assert_string_equal(human_exact_size(8 << 20).text, "8M");
	assert_string_equal(human_exact_size(UINT64_C(1) << 40).text, "1024G");
	assert_string_equal(human_exact_duration(5000).text, "5s");
	assert_string_equal(human_exact_duration(1500).text, "1500ms");
	assert_string_equal(human_exact_duration(0).text, "0");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(num_parse_size(human_exact_size(values[i]).text, &value), 0);
		assert_int_equal(value, values[i]);
		assert_int_equal(num_parse_duration(human_exact_duration(values[i]).text, &value), 0);
		assert_int_equal(value, values[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(microseconds_have_a_unit),
		cmocka_unit_test(sizes),
		cmocka_unit_test(rates_and_ages),
		cmocka_unit_test(exact_numbers_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
