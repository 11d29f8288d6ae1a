/* Numbers as people and protocols write them. */
#include "num.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "prng.h"

/* What a value must still be after a failure. */
#define UNTOUCHED UINT64_C(0x1234567812345678)

struct number {
	const char *text;
	int result;
	uint64_t value;
};

static void
check(int (*parse)(const char *text, uint64_t *ret_value), const struct number *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;
		int r = parse(table[i].text, &value);

		if (r != table[i].result || value != (r == 0 ? table[i].value : UNTOUCHED))
			fail_msg("'%s': %d, %" PRIu64, table[i].text, r, value);
	}
}

#define CHECK(parse, table) check((parse), (table), sizeof(table) / sizeof((table)[0]))

static void
plain(void **state __attribute__((unused)))
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "7", 0, 7 },
		{ "10", 0, 10 },
		{ "0007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "184467440737095516150", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "-0", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1,000", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "1a", -EINVAL, 0 },
		{ "/", -EINVAL, 0 },
		{ ":", -EINVAL, 0 },
		{ "1/", -EINVAL, 0 },
		{ "1:", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "\xb1", -EINVAL, 0 },
	};

	CHECK(num_parse_u64, table);
}

static void
sizes(void **state __attribute__((unused)))
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "0K", 0, 0 },
		{ "1K", 0, 1024 },
		{ "8M", 0, 8 * 1024 * 1024 },
		{ "3G", 0, UINT64_C(3) * 1024 * 1024 * 1024 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18014398509481983K", 0, UINT64_C(18014398509481983) * 1024 },
		{ "18014398509481984K", -ERANGE, 0 },
		{ "17592186044416M", -ERANGE, 0 },
		{ "17179869183G", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184G", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "1k", -EINVAL, 0 },
		{ "1m", -EINVAL, 0 },
		{ "8X", -EINVAL, 0 },
		{ "1T", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1KK", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ "1K ", -EINVAL, 0 },
		{ " 1K", -EINVAL, 0 },
		{ "-1K", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "1M1", -EINVAL, 0 },
	};

	CHECK(num_parse_size, table);
}

static void
durations(void **state __attribute__((unused)))
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "00", 0, 0 },
		{ "0s", 0, 0 },
		{ "1ms", 0, 1 },
		{ "5s", 0, 5000 },
		{ "2m", 0, 120000 },
		{ "24h", 0, 86400000 },
		{ "18446744073709551615ms", 0, UINT64_MAX },
		{ "18446744073709551616ms", -ERANGE, 0 },
		{ "18446744073709552s", -ERANGE, 0 },
		{ "18446744073709551s", 0, UINT64_C(18446744073709551000) },
		{ "5124095576031h", -ERANGE, 0 },
		{ "5", -EINVAL, 0 },
		{ "1000", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "ms", -EINVAL, 0 },
		{ "5S", -EINVAL, 0 },
		{ "5M", -EINVAL, 0 },
		{ "5d", 0, 432000000 },
		{ "5 s", -EINVAL, 0 },
		{ "5s ", -EINVAL, 0 },
		{ " 5s", -EINVAL, 0 },
		{ "5sec", -EINVAL, 0 },
		{ "5ss", -EINVAL, 0 },
		{ "5m30s", 0, 330000 },
		{ "1d2h3m4s5ms", 0, 93784005 },
		{ "30s5m", -EINVAL, 0 },
		{ "5m5m", -EINVAL, 0 },
		{ "5m30", -EINVAL, 0 },
		{ "5m0", -EINVAL, 0 },
		{ "0m5", -EINVAL, 0 },
		{ "5ms3", -EINVAL, 0 },
		{ "18446744073709551s616ms", -ERANGE, 0 },
		{ "10h35m", 0, 38100000 },
		{ "1h500ms", 0, 3600500 },
		{ "5s5s", -EINVAL, 0 },
		{ "5m ", -EINVAL, 0 },
		{ "5m-1s", -EINVAL, 0 },
		{ "1m18446744073709551615ms", -ERANGE, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "0 ", -EINVAL, 0 },
	};

	CHECK(num_parse_duration, table);
}

static void
modes(void **state __attribute__((unused)))
{
	static const struct {
		const char *text;
		int result;
		unsigned int value;
	} table[] = {
		{ "0", 0, 0 },
		{ "0660", 0, 0660 },
		{ "660", 0, 0660 },
		{ "00000777", 0, 0777 },
		{ "7777", 0, 07777 },
		{ "10000", -ERANGE, 0 },
		{ "77777777777777777777777777777", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "8", -EINVAL, 0 },
		{ "068", -EINVAL, 0 },
		{ "0o660", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "rw-", -EINVAL, 0 },
		{ "660 ", -EINVAL, 0 },
		{ " 660", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned int value = 12345;
		int r = num_parse_mode(table[i].text, &value);

		if (r != table[i].result || value != (r == 0 ? table[i].value : 12345))
			fail_msg("'%s': %d, %o", table[i].text, r, value);
	}
}

static void
resp_numbers(void **state __attribute__((unused)))
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} table[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "-1", 0, -1 },
		{ "10", 0, 10 },
		{ "-1234567890", 0, -1234567890 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "9999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "--1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-0", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "01", -EINVAL, 0 },
		{ "-01", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1a", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1\xb1", -EINVAL, 0 },
	};
	int64_t value = 77;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int r;

		value = 77;
		r = num_parse_resp((const uint8_t *)table[i].text, strlen(table[i].text), &value);
		if (r != table[i].result || value != (r == 0 ? table[i].value : 77))
			fail_msg("'%s': %d, %" PRId64, table[i].text, r, value);
	}
	/* Too long to be one: only that it fails is promised, not how. */
	value = 77;
	assert_true(num_parse_resp((const uint8_t *)"12345678901234567890", 20, &value) < 0);
	assert_true(num_parse_resp((const uint8_t *)"-18446744073709551617", 21, &value) < 0);
	assert_int_equal(value, 77);
	/* The length says where it ends, and a NUL is a byte like others. */
	assert_int_equal(num_parse_resp((const uint8_t *)"123", 2, &value), 0);
	assert_int_equal(value, 12);
	assert_int_equal(num_parse_resp((const uint8_t *)"1\0", 2, &value), -EINVAL);
}

static void
rates(void **state __attribute__((unused)))
{
	static const char *const wrong[] = { "", "0", "0/s", "/s", "5/h", "5/", "5/sec", "5 /s", "-1", "1.5/s" };
	uint64_t count = 7, period = 8;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(num_parse_rate(wrong[i], &count, &period), -EINVAL);
	assert_int_equal(num_parse_rate("18446744073709551616/s", &count, &period), -ERANGE);
	assert_true(count == 7 && period == 8);
	assert_int_equal(num_parse_rate("5", &count, &period), 0);
	assert_true(count == 5 && period == 1000);
	assert_int_equal(num_parse_rate("6/s", &count, &period), 0);
	assert_true(count == 6 && period == 1000);
	assert_int_equal(num_parse_rate("60/m", &count, &period), 0);
	assert_true(count == 60 && period == 60000);
}

static void
compare_put(uint64_t value)
{
	char expected[32], text[NUM_DIGITS_MAX + 1];
	size_t len = (size_t)snprintf(expected, sizeof(expected), "%" PRIu64, value), n;
	uint64_t back = 0;

	memset(text, '#', sizeof(text));
	n = num_put_u64(text, value);
	assert_int_equal(n, len);
	assert_memory_equal(text, expected, len);
	for (size_t i = len; i < sizeof(text); i++)
		assert_int_equal(text[i], '#'); /* no NUL, nothing behind it */
	text[n] = '\0';
	assert_int_equal(num_parse_u64(text, &back), 0);
	assert_true(back == value);
}

static void
put(void **state __attribute__((unused)))
{
	struct prng prng;
	uint64_t power = 1;

	prng_init(&prng, prng_seed());
	for (uint64_t i = 0; i < 2000; i++)
		compare_put(i);
	for (int i = 0; i < 20; i++, power *= 10) {
		compare_put(power - 1);
		compare_put(power);
		compare_put(power + 1);
	}
	for (int i = 0; i < 64; i++)
		compare_put(UINT64_C(1) << i);
	compare_put(UINT64_MAX);
	compare_put(UINT64_MAX - 1);
	for (int i = 0; i < 100000; i++)
		compare_put(prng_next(&prng) >> prng_below(&prng, 64));
}

static void
test_leading(void **state)
{
	(void)state;
	assert_int_equal(num_leading_u64((const uint8_t *)"120", 2), 12);
	assert_int_equal(num_leading_u64((const uint8_t *)"7 of 9", 6), 7);
	assert_int_equal(num_leading_u64((const uint8_t *)"-1", 2), 0);
	assert_int_equal(num_leading_u64(NULL, 0), 0);
	assert_true(num_leading_u64((const uint8_t *)"18446744073709551615", 20) == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leading), cmocka_unit_test(plain), cmocka_unit_test(sizes),
		cmocka_unit_test(durations),    cmocka_unit_test(rates), cmocka_unit_test(modes),
		cmocka_unit_test(resp_numbers), cmocka_unit_test(put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
