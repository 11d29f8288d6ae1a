#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "resp-reply.h"

#define BULK_MAX 1000

static struct resp_reply reply;

/* Parses a copy that ends where its memory ends, so that a sanitizer sees each byte too far. */
static enum resp_reply_status
parse(const char *bytes, size_t len)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len > 0 ? len : 1);
	memcpy(copy, bytes, len);
	return resp_reply_parse(&reply, copy, len, BULK_MAX);
}

/*
 * Complete with exactly its bytes; "more" at each split, with a need that is within the reply, so that
 * whoever waits for it is not left waiting.
 */
static const struct resp_node *
parse_whole(const char *bytes)
{
	size_t len = strlen(bytes);

	for (size_t n = 0; n < len; n++) {
		assert_int_equal(parse(bytes, n), RESP_REPLY_MORE);
		assert_in_range(reply.need, n + 1, len);
	}
	assert_int_equal(parse(bytes, len), RESP_REPLY_OK);
	assert_int_equal(reply.used, len);
	return reply.nodes;
}

/* An error, however few or many bytes were there before. */
static void
assert_bad(const char *bytes)
{
	size_t len = strlen(bytes), n;
	enum resp_reply_status status = RESP_REPLY_MORE;

	for (n = 0; n <= len && status == RESP_REPLY_MORE; n++)
		status = parse(bytes, n);
	if (status != RESP_REPLY_ERROR)
		fail_msg("taken without an error: %s", bytes);
	assert_int_equal(parse(bytes, len), RESP_REPLY_ERROR);
	assert_true(strlen(reply.error) > 0);
}

static void
assert_text(const struct resp_node *node, enum resp_type type, const char *text)
{
	assert_int_equal(node->type, type);
	assert_int_equal(node->text.len, strlen(text));
	assert_memory_equal(node->text.p, text, strlen(text));
}

static void
test_scalars(void **state)
{
	(void)state;
	assert_text(parse_whole("+OK\r\n"), RESP_SIMPLE, "OK");
	assert_text(parse_whole("+\r\n"), RESP_SIMPLE, "");
	assert_text(parse_whole("-ERR no\r\n"), RESP_ERROR, "ERR no");
	assert_int_equal(parse_whole(":0\r\n")->integer, 0);
	assert_int_equal(parse_whole(":-12\r\n")->integer, -12);
	assert_true(parse_whole(":9223372036854775807\r\n")->integer == INT64_MAX);
	assert_text(parse_whole("$5\r\nhe\r\no\r\n"), RESP_BULK, "he\r\no");
	assert_text(parse_whole("$0\r\n\r\n"), RESP_BULK, "");
	assert_int_equal(parse_whole("_\r\n")->type, RESP_NULL);
	assert_int_equal(parse_whole("$-1\r\n")->type, RESP_NULL);
	assert_int_equal(parse_whole("*-1\r\n")->type, RESP_NULL);
	assert_int_equal(parse_whole("#t\r\n")->integer, 1);
	assert_int_equal(parse_whole("#f\r\n")->integer, 0);
	assert_text(parse_whole(",-1.5e3\r\n"), RESP_DOUBLE, "-1.5e3");
	assert_text(parse_whole(",inf\r\n"), RESP_DOUBLE, "inf");
	assert_text(parse_whole("(-123456789012345678901234567890\r\n"), RESP_BIG_NUMBER,
	            "-123456789012345678901234567890");
	assert_text(parse_whole("!5\r\nERR x\r\n"), RESP_BULK_ERROR, "ERR x");
	assert_text(parse_whole("=8\r\ntxt:some\r\n"), RESP_VERBATIM, "some");
}

static void
test_arrays(void **state)
{
	const struct resp_node *n = parse_whole("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");

	(void)state;
	assert_int_equal(reply.count, 4);
	assert_int_equal(n[0].elements, 3);
	assert_int_equal(n[0].end, 4);
	assert_true(resp_node_is(&n[1], "message"));
	assert_false(resp_node_is(&n[1], "messag"));
	assert_false(resp_node_is(&n[0], ""));
	assert_text(&n[3], RESP_BULK, "hi");
	assert_int_equal(parse_whole("*0\r\n")->elements, 0);

	n = parse_whole("*3\r\n*2\r\n:1\r\n*0\r\n~1\r\n+x\r\n>1\r\n*1\r\n_\r\n");
	assert_int_equal(reply.count, 9);
	assert_int_equal(n[0].end, 9);
	assert_int_equal(n[1].end, 4); /* [1, []] */
	assert_int_equal(n[4].type, RESP_SET);
	assert_int_equal(n[4].end, 6);
	assert_int_equal(n[6].type, RESP_PUSH);
	assert_int_equal(n[6].end, 9);
	assert_int_equal(n[7].end, 9);
}

static void
test_maps_and_attributes(void **state)
{
	const struct resp_node *n = parse_whole("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n");

	(void)state;
	assert_int_equal(n[0].type, RESP_MAP);
	assert_int_equal(n[0].elements, 4);
	assert_int_equal(n[0].end, 6);

	n = parse_whole("|1\r\n+ttl\r\n:9\r\n*2\r\n|1\r\n+k\r\n*1\r\n_\r\n:1\r\n|0\r\n:2\r\n");
	assert_int_equal(reply.count, 11);
	assert_int_equal(n[0].type, RESP_ATTRIBUTE);
	assert_int_equal(n[0].end, 3);
	assert_int_equal(n[3].type, RESP_ARRAY);
	assert_int_equal(n[3].elements, 2);
	assert_int_equal(n[3].end, 11);
	assert_int_equal(n[4].type, RESP_ATTRIBUTE);
	assert_int_equal(n[4].end, 8);
	assert_int_equal(n[8].integer, 1);
	assert_int_equal(n[9].type, RESP_ATTRIBUTE);
	assert_int_equal(n[10].integer, 2);
}

static void
test_only_the_first_reply(void **state)
{
	(void)state;
	assert_int_equal(parse(":1\r\n:2\r\n", 8), RESP_REPLY_OK);
	assert_int_equal(reply.used, 4);
	assert_int_equal(reply.count, 1);
}

static void
test_errors(void **state)
{
	static const char *const bad[] = {
		"x\r\n",
		"\r\n",
		":\r\n",
		":1x\r\n",
		":01\r\n",
		"+OK\n",
		"$x\r\n",
		"$-2\r\n",
		"$1001\r\n",
		"$2\r\nabcd",
		"$2\r\nab\rx",
		"*-2\r\n",
		"*1048577\r\n",
		"%600000\r\n",
		"#x\r\n",
		"#\r\n",
		"_x\r\n",
		",\r\n",
		",x\r\n",
		"(\r\n",
		"(1.5\r\n",
		"=3\r\nabc\r\n",
		"%-1\r\n",
		"$?\r\n",
		"*?\r\n",
		"!-1\r\n",
		"*2\r\n:1\r\nx",
		">-1\r\n",
		"*1000000\r\n*1000000\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_bad(bad[i]);
}

static void
test_depth(void **state)
{
	char bytes[8 * RESP_REPLY_DEPTH_MAX] = "";

	(void)state;
	for (int i = 0; i < RESP_REPLY_DEPTH_MAX; i++)
		strcat(bytes, "*1\r\n");
	strcat(bytes, ":1\r\n");
	assert_int_equal(parse_whole(bytes)[0].end, RESP_REPLY_DEPTH_MAX + 1);
	strcpy(bytes, "");
	for (int i = 0; i < RESP_REPLY_DEPTH_MAX + 1; i++)
		strcat(bytes, "*1\r\n");
	assert_bad(bytes);
}

/* A header that announces a million elements makes no memory for them. */
static void
test_announced_elements_cost_nothing(void **state)
{
	(void)state;
	resp_reply_deinit(&reply);
	assert_int_equal(parse("*1000000\r\n:1\r\n", 14), RESP_REPLY_MORE);
	assert_in_range(reply.cap, 1, 64);
	assert_int_equal(reply.need, 14 + 999999 * 3);
}

static void
test_long_line(void **state)
{
	size_t len = PROTOCOL_LINE_MAX + 10;
	char *line = malloc(len);

	(void)state;
	memset(line, 'x', len);
	line[0] = '+';
	memcpy(line + len - 2, "\r\n", 2);
	assert_int_equal(parse(line, PROTOCOL_LINE_MAX - 1), RESP_REPLY_MORE);
	assert_int_equal(parse(line, PROTOCOL_LINE_MAX), RESP_REPLY_ERROR);
	assert_int_equal(parse(line, len), RESP_REPLY_ERROR);
	free(line);
}

/* Random changes to good replies: any result will do, but it must not depend on where the input ends. */
static void
test_mutations(void **state)
{
	static const char good[] =
	    "*5\r\n$3\r\nabc\r\n%1\r\n+k\r\n:1\r\n|1\r\n+a\r\n_\r\n#t\r\n>1\r\n,1.5\r\n=7\r\ntxt:abc\r\n";
	char bytes[sizeof(good)];
	uint32_t random = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		enum resp_reply_status status = RESP_REPLY_MORE, whole;
		size_t n, used = 0;

		memcpy(bytes, good, sizeof(good));
		for (int i = round % 4; i >= 0; i--) {
			random = random * 1664525 + 1013904223;
			bytes[(random >> 8) % (sizeof(good) - 1)] = "+-:$*_#,(!=%~>|\r\n0129ab"[(random >> 20) % 23];
		}
		whole = parse(bytes, sizeof(good) - 1);
		used = reply.used;
		for (n = 0; n < sizeof(good) && status == RESP_REPLY_MORE; n++)
			status = parse(bytes, n < sizeof(good) ? n : sizeof(good) - 1);
		assert_int_equal(status, whole);
		if (whole == RESP_REPLY_OK)
			assert_int_equal(reply.used, used);
	}
}

static int
teardown(void **state)
{
	(void)state;
	resp_reply_deinit(&reply);
	parse("", 0);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_maps_and_attributes),
		cmocka_unit_test(test_only_the_first_reply),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_announced_elements_cost_nothing),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
