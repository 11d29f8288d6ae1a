/* Points in time as people type them, in zones with and without summer time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "when.h"

/* 2026-11-29 12:00:00 UTC */
#define NOW UINT64_C(1795953600)

static void
use_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void
expect(const char *text, uint64_t now, uint64_t seconds)
{
	uint64_t ms = 0;

	assert_int_equal(when_parse(text, now * 1000, &ms), 0);
	assert_int_equal(ms, seconds * 1000);
}

static void
expect_error(const char *text, int error)
{
	uint64_t ms = 7;

	assert_int_equal(when_parse(text, NOW * 1000, &ms), error);
	assert_int_equal(ms, 7);
}

static void
test_forms(void **state)
{
	(void)state;
	use_zone("UTC0");
	expect("12:01", NOW, NOW + 60);
	expect("12:00", NOW, NOW + 86400); /* now has passed */
	expect("12:00:01", NOW, NOW + 1);
	expect("6:00", NOW, NOW + 18 * 3600);
	expect("06:00", NOW, NOW + 18 * 3600);
	expect("today 06:00", NOW, NOW - 6 * 3600);
	expect("today", NOW, NOW - 12 * 3600);
	expect("tomorrow", NOW, NOW + 12 * 3600);
	expect("Tomorrow 06:00", NOW, NOW + 18 * 3600);
	expect("2026-12-01", NOW, NOW + 36 * 3600);
	expect("2026-12-01 06:00", NOW, NOW + 42 * 3600);
	expect("2026-12-01T06:00:30", NOW, NOW + 42 * 3600 + 30);
	expect("2026-12-01T06:00:30Z", NOW, NOW + 42 * 3600 + 30);
	expect("2026-12-01T06:00+01:00", NOW, NOW + 41 * 3600);
	expect("2026-12-01 06:00-0130", NOW, NOW + 43 * 3600 + 1800);
	expect("2028-02-29 00:00", NOW, 1835395200);
	expect("@1", NOW, 1);
	expect("tomorrow 06:00", NOW + 2 * 86400, NOW + 2 * 86400 + 18 * 3600); /* into December */
}

static void
test_mistakes(void **state)
{
	static const char *const none[] = { "",
		                            "soon",
		                            "6",
		                            "06",
		                            "06:0",
		                            "06:00:0",
		                            "06:00pm",
		                            "2026-12-01x",
		                            "2026-12-01 ",
		                            "26-12-01",
		                            "2026-12-01 06:00 ",
		                            "06:00Z",
		                            "@",
		                            "@-1",
		                            "@1x",
		                            "tomorrowX" };
	static const char *const wrong[] = { "24:00",      "12:60",      "12:00:60",
		                             "2026-13-01", "2026-00-01", "2026-02-29",
		                             "2026-04-31", "1969-12-31", "@18446744073709551615" };

	(void)state;
	use_zone("UTC0");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect_error(none[i], -EINVAL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_error(wrong[i], -ERANGE);
}

static void
test_summer_time(void **state)
{
	(void)state;
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	expect("2027-03-28 01:59", NOW, 1806195540);
	expect("2027-03-28 02:30", NOW, 1806197400); /* which there is not: 03:30 in summer */
	expect("2027-03-28 03:30", NOW, 1806197400);
	expect("2027-10-31 02:30", NOW, 1824942600); /* which comes twice: the first */
	expect("2027-10-31 03:30", NOW, 1824949800);
	expect("2027-10-31T02:30+01:00", NOW, 1824946200);
	expect("2027-07-01 12:00", NOW, 1814436000);
	/* The day before the clock changes has 24 hours, and that one 23. */
	expect("tomorrow 12:00", 1806145200, 1806145200 + 23 * 3600);
	/* In the zone of the user, today may be tomorrow. */
	expect("00:30", NOW + 11 * 3600 + 1800, NOW + 11 * 3600 + 1800 + 24 * 3600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_summer_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
