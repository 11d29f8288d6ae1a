#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "format.h"
#include "message.h"

static struct message
message(void)
{
	return (struct message){
		.channel = slice_of("news"),
		.pattern = slice_of("n*"),
		.payload = { (const uint8_t *)"a\"\0\xff\n", 5 },
		.time = { 1700000000, 123456789 },
		.number = 7,
	};
}

static void
assert_put(const struct message *m, const char *text, const char *expected, size_t len)
{
	char error[FORMAT_ERROR_MAX];
	struct format *f = NULL;
	struct buf b = { 0 };

	assert_int_equal(format_parse(text, error, &f), 0);
	format_put(f, m, false, &b);
	assert_int_equal(b.len, len);
	if (len > 0)
		assert_memory_equal(b.data, expected, len);
	buf_deinit(&b);
	format_free(f);
}

#define ASSERT_PUT(m, text, expected) assert_put(m, text, expected, sizeof(expected) - 1)

static void
assert_wrong(const char *text, const char *expected)
{
	struct format *untouched = (struct format *)&text, *f = untouched;
	char error[FORMAT_ERROR_MAX] = "";

	assert_int_equal(format_parse(text, error, &f), -EINVAL);
	assert_ptr_equal(f, untouched);
	if (strncmp(error, expected, strlen(expected)) != 0)
		fail_msg("'%s' does not begin with '%s'", error, expected);
}

static void
test_directives(void **state)
{
	struct message m = message();

	(void)state;
	ASSERT_PUT(&m, "", "");
	ASSERT_PUT(&m, "plain", "plain");
	ASSERT_PUT(&m, "%c", "news");
	ASSERT_PUT(&m, "%P", "n*");
	ASSERT_PUT(&m, "%p", "a\"\0\xff\n");
	ASSERT_PUT(&m, "%x", "612200ff0a");
	ASSERT_PUT(&m, "%b", "YSIA/wo=");
	ASSERT_PUT(&m, "%j", "\"a\\\"\\u0000\xef\xbf\xbd\\n\"");
	ASSERT_PUT(&m, "%l", "5");
	ASSERT_PUT(&m, "%n", "7");
	ASSERT_PUT(&m, "%U", "1700000000.123456");
	ASSERT_PUT(&m, "%%", "%");
	ASSERT_PUT(&m, "<%c%c> %%c 100%% %l", "<newsnews> %c 100% 5");
	m.pattern = (struct slice){ 0 };
	ASSERT_PUT(&m, "[%P]", "[]");
}

static void
test_time_in_iso_8601(void **state)
{
	struct message m = message();

	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	ASSERT_PUT(&m, "%I", "2023-11-14T22:13:20.123456+00:00");
	setenv("TZ", "XXX-05:30", 1);
	tzset();
	ASSERT_PUT(&m, "%I", "2023-11-15T03:43:20.123456+05:30");
	setenv("TZ", "XXX03:15", 1);
	tzset();
	ASSERT_PUT(&m, "%I", "2023-11-14T18:58:20.123456-03:15");
	m.time = (struct timespec){ 0, 999 };
	ASSERT_PUT(&m, "%U", "0.000000");
}

static void
test_escapes(void **state)
{
	struct message m = message();

	(void)state;
	ASSERT_PUT(&m, "\\n\\t\\r\\0\\a\\e\\\\", "\n\t\r\0\a\x1b\\");
	ASSERT_PUT(&m, "\\x41\\xfF\\x000", "A\xff\0000");
	ASSERT_PUT(&m, "\\x25c", "%c");
	ASSERT_PUT(&m, "caf\xc3\xa9", "caf\xc3\xa9");
}

static void
test_bare(void **state)
{
	char error[FORMAT_ERROR_MAX];
	struct format *f = NULL;
	struct message m = message();

	(void)state;
	assert_int_equal(format_parse("%c\\c", error, &f), 0);
	assert_true(format_is_bare(f));
	format_free(f);
	assert_int_equal(format_parse("%c\\\\c", error, &f), 0);
	assert_false(format_is_bare(f));
	format_free(f);
	ASSERT_PUT(&m, "%c\\c", "news");
}

static void
test_mistakes(void **state)
{
	(void)state;
	assert_wrong("%c %q", "'%q' is unknown; use %c channel, %P pattern that matched, %p payload,");
	assert_wrong("%-10c", "'%-' is unknown;");
	assert_wrong("%\xc3\xa9", "'%\xc3\xa9' is unknown;");
	assert_wrong("100%", "a single '%' at the end;");
	assert_wrong("\\q", "'\\q' is unknown; use \\n \\t \\r \\0 \\a \\e \\\\ \\xHH, or \\c at the end");
	assert_wrong("x\\", "a single '\\' at the end;");
	assert_wrong("\\x4", "'\\x' needs two hexadecimal digits;");
	assert_wrong("\\xg0", "'\\x' needs two hexadecimal digits;");
	assert_wrong("\\x\x10\x10", "'\\x' needs two hexadecimal digits;");
	assert_wrong("a\\cb", "'\\c' must be at the end;");
}

static void
test_json_string_replaces_invalid_utf_8(void **state)
{
	static const struct {
		const char *payload, *expected;
	} cases[] = {
		{ "", "\"\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xc3", "\"\xef\xbf\xbd\"" },
		{ "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf0\x8f\xbf\xbf"
		  "a",
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		  "a\"" },
		{ "\xe2\x82"
		  "a\xff",
		  "\"\xef\xbf\xbd\xef\xbf\xbd"
		  "a\xef\xbf\xbd\"" },
	};
	struct message m = message();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m.payload = slice_of(cases[i].payload);
		assert_put(&m, "%j", cases[i].expected, strlen(cases[i].expected));
	}
}

static void
test_json_object(void **state)
{
	struct message m = message();
	struct buf b = { 0 };
	static const char expected[] = "{\"channel\":\"news\",\"pattern\":\"n*\",\"payload_base64\":\"YSIA/wo=\","
				       "\"time\":\"2023-11-14T22:13:20.123456Z\"}"
				       "{\"channel_base64\":\"/w==\",\"payload\":\"x\","
				       "\"time\":\"2023-11-14T22:13:20.123456Z\"}"
				       "{\"missed\":3,\"channel\":\"news\",\"time\":\"2023-11-14T22:13:20.123456Z\"}";

	(void)state;
	message_put_json(&m, &b);
	m.channel = slice_of("\xff");
	m.pattern = (struct slice){ 0 };
	m.payload = slice_of("x");
	message_put_json(&m, &b);
	message_put_missed_json(3, slice_of("news"), &m.time, &b);
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.data, expected, b.len);
	buf_deinit(&b);
}

static void
test_clean(void **state)
{
	struct message m = {
		.channel = { (const uint8_t *)"c\x1b", 2 },
		.payload = { (const uint8_t *)"\xc2\x9b\t", 3 },
	};
	struct format *f = NULL;
	struct buf b = { 0 };
	char error[FORMAT_ERROR_MAX];

	(void)state;
	/* What the format has itself stays, and so do figures of the payload. */
	assert_int_equal(format_parse("\\e%c %p %l %x", error, &f), 0);
	format_put(f, &m, true, &b);
	assert_int_equal(b.len, 15);
	assert_memory_equal(b.data,
	                    "\x1b"
	                    "c? ?\t 3 c29b09",
	                    15);
	buf_deinit(&b);
	format_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_time_in_iso_8601),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_json_string_replaces_invalid_utf_8),
		cmocka_unit_test(test_json_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
