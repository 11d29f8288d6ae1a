/* Entries as JSON and back, IDs, and base64. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base64.h"
#include "buf.h"
#include "entry-id.h"
#include "entry-parse.h"
#include "entry.h"
#include "resp-reply.h"

/* Some bytes that are likely to be in trouble. */
static struct slice
word(unsigned int *seed, uint8_t *room)
{
	static const char *const words[] = { "",        "a",    "b",   "a_base64", "_base64", "a_base64_base64",
		                             "message", "name", "\xff" };
	size_t len = 0;

	if (rand_r(seed) % 3)
		return slice_of(words[(size_t)rand_r(seed) % (sizeof(words) / sizeof(words[0]))]);
	for (; len < 16 && rand_r(seed) % 8; len++)
		room[len] = (uint8_t)(rand_r(seed) % 4 ? rand_r(seed) % 128 : rand_r(seed));
	return (struct slice){ room, len };
}

static void
test_round_trip(void **state)
{
	struct entry_text text = { 0 };
	struct buf answer = { 0 }, json = { 0 };
	struct resp_reply reply = { 0 };
	uint8_t room[16];
	struct entry e;
	unsigned int seed = 1;

	(void)state;
	for (size_t run = 0; run < 50000; run++) {
		size_t n = 2 * (1 + (size_t)rand_r(&seed) % 5);

		answer.len = json.len = 0;
		assert_int_equal(buf_printf(&answer, "*2\r\n$3\r\n7-8\r\n*%zu\r\n", n), 0);
		for (size_t i = 0; i < n; i++) {
			struct slice bytes = word(&seed, room);

			assert_int_equal(buf_printf(&answer, "$%zu\r\n", bytes.len), 0);
			assert_int_equal(buf_append(&answer, bytes.p, bytes.len), 0);
			assert_int_equal(buf_append(&answer, "\r\n", 2), 0);
		}
		assert_int_equal(resp_reply_parse(&reply, answer.data, answer.len, 1024), RESP_REPLY_OK);
		assert_true(entry_read(reply.nodes, &e));
		assert_int_equal(buf_printf(&json, "{\"id\":\"7-8\",\"fields\":"), 0);
		entry_put_fields(&e, &json);
		assert_int_equal(buf_append(&json, "}", 1), 0);
		assert_null(entry_parse((struct slice){ json.data, json.len }, &text));
		assert_true(text.id.ms == 7 && text.id.seq == 8);
		assert_int_equal(text.n_words, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(text.words[i].len, e.fields[1 + i].text.len);
			assert_memory_equal(text.words[i].p, e.fields[1 + i].text.p, text.words[i].len);
		}
	}
	entry_parse_deinit(&text);
	resp_reply_deinit(&reply);
	buf_deinit(&answer);
	buf_deinit(&json);
}

static void
test_ids(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		struct entry_id id;
	} cases[] = {
		{ "5-6", true, { 5, 6 } },
		{ "5", true, { 5, 77 } },
		{ "18446744073709551615-18446744073709551615", true, { UINT64_MAX, UINT64_MAX } },
		{ "18446744073709551616-0", false, { 0 } },
		{ "", false, { 0 } },
		{ "-", false, { 0 } },
		{ "5-", false, { 0 } },
		{ "-5", false, { 0 } },
		{ "5-6-7", false, { 0 } },
		{ "5 ", false, { 0 } },
		{ "000000000000000000000000000005-1", false, { 0 } },
	};
	char text[ENTRY_ID_TEXT];
	struct entry_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(entry_id_parse(slice_of(cases[i].text), 77, &id), cases[i].is_good);
		if (cases[i].is_good)
			assert_int_equal(entry_id_compare(id, cases[i].id), 0);
	}
	entry_id_format(text, ENTRY_ID_MAX);
	assert_string_equal(text, "18446744073709551615-18446744073709551615");
	id = (struct entry_id){ 5, 0 };
	assert_int_equal(entry_id_compare(entry_id_before(id), (struct entry_id){ 4, UINT64_MAX }), 0);
	assert_int_equal(entry_id_compare(entry_id_behind(entry_id_before(id)), id), 0);
	assert_int_equal(entry_id_compare(entry_id_before(ENTRY_ID_MIN), ENTRY_ID_MIN), 0);
	assert_int_equal(entry_id_compare(entry_id_behind(ENTRY_ID_MAX), ENTRY_ID_MAX), 0);
	assert_true(entry_id_compare((struct entry_id){ 1, 9 }, (struct entry_id){ 2, 0 }) < 0);
}

static void
test_base64(void **state)
{
	static const char *const bad[] = {
		"Y", "YQ", "YQ=", "Y===", "====", "YR==", "YWJ=", "YQ==YQ==", "Y Q=", "YQ\n="
	};
	uint8_t bytes[64], back[64];
	char letters[100];

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		size_t n;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(37 * i + len);
		n = base64_put(letters, bytes, len);
		assert_true(base64_room(n) >= len);
		assert_int_equal(base64_get(back, letters, n), len);
		assert_memory_equal(back, bytes, len);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(base64_get(back, bad[i], strlen(bad[i])) < 0);
	assert_true(base64_get(back, "Y\0==", 4) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
