#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base64.h"
#include "buf.h"
#include "record.h"

static struct slice
bytes(const char *p, size_t len)
{
	return (struct slice){ (const uint8_t *)p, len };
}

static void
assert_printed(json_t *record, const char *expected)
{
	struct buf b = { 0 };

	record_print(record, &b);
	assert_int_equal(b.len, strlen(expected));
	assert_memory_equal(b.data, expected, b.len);
	buf_deinit(&b);
	json_decref(record);
}

/* The test vectors of RFC 4648, section 10. */
static void
test_base64(void **state)
{
	static const struct {
		const char *bytes, *letters;
	} vectors[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	char letters[16];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t len = strlen(vectors[i].bytes), n = strlen(vectors[i].letters);

		assert_int_equal(base64_size(len), n);
		assert_int_equal(base64_put(letters, (const uint8_t *)vectors[i].bytes, len), n);
		assert_memory_equal(letters, vectors[i].letters, n);
	}
}

static void
test_keys_keep_their_order(void **state)
{
	json_t *record = record_new();

	(void)state;
	record_set(record, "z", json_integer(1));
	record_set(record, "a", json_true());
	record_set(record, "m", json_string("x"));
	assert_printed(record, "{\"z\":1,\"a\":true,\"m\":\"x\"}");
}

static void
test_bytes_are_text_or_base64(void **state)
{
	json_t *record = record_new();

	(void)state;
	record_set_bytes(record, "empty", bytes(NULL, 0));
	record_set_bytes(record, "text", bytes("\"\\\n\0\x7f \xc3\xa9", 8));
	record_set_bytes(record, "latin", bytes("caf\xe9", 4));
	record_set_bytes(record, "surrogate", bytes("\xed\xa0\x80", 3));
	record_set_bytes(record, "overlong", bytes("\xc0\x80", 2));
	assert_printed(record,
	               "{\"empty\":\"\",\"text\":\"\\\"\\\\\\n\\u0000\\u007F \xc3\xa9\",\"latin_base64\":\"Y2Fm6Q==\","
	               "\"surrogate_base64\":\"7aCA\",\"overlong_base64\":\"wIA=\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_keys_keep_their_order),
		cmocka_unit_test(test_bytes_are_text_or_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
