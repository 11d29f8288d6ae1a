/* Input cut into messages: wherever reads end, the same messages come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "frame.h"

#define MAX 10

struct outcome {
	struct buf text; /* each payload in angle brackets */
	enum frame_status status;
};

/* Feeds len bytes as a client would send them, in reads of up to step bytes. */
static struct outcome
feed(enum framing framing, const void *input, size_t len, size_t step)
{
	struct outcome outcome = { .status = FRAME_MORE };
	const uint8_t *p = input;
	size_t at = 0, scanned = 0, come = 0;
	struct frame frame;

	while (outcome.status == FRAME_MORE || outcome.status == FRAME_OK) {
		bool is_end = come == len;

		while (at < come) {
			uint8_t *exact = malloc(come - at); /* so that reading behind it is noticed */

			assert_non_null(exact);
			memcpy(exact, p + at, come - at);
			outcome.status = frame_split(framing, exact, come - at, is_end, MAX, &scanned, &frame);
			if (outcome.status == FRAME_OK) {
				assert_true(frame.used > 0 && frame.used <= come - at && scanned == 0);
				assert_true(frame.payload.p >= exact && frame.payload.len <= MAX);
				buf_printf(&outcome.text, "<%.*s>", (int)frame.payload.len, frame.payload.p);
				at += frame.used;
			}
			free(exact);
			if (outcome.status != FRAME_OK)
				break;
		}
		if (is_end)
			break;
		come = len - come < step ? len : come + step;
	}
	return outcome;
}

static void
expect_bytes(enum framing framing, const void *input, size_t len, enum frame_status status, const char *text)
{
	for (size_t step = 1; step <= len + 1; step++) {
		struct outcome outcome = feed(framing, input, len, step);

		assert_int_equal(outcome.status, status);
		assert_string_equal(outcome.text.data ? (char *)outcome.text.data : "", text);
		buf_deinit(&outcome.text);
	}
}

#define EXPECT(framing, input, status, text) expect_bytes(framing, input, sizeof(input) - 1, status, text)

static void
lines(void **state __attribute__((unused)))
{
	EXPECT(FRAMING_LINE, "a\nbc\r\n\n\r\nd", FRAME_OK, "<a><bc><><><d>");
	EXPECT(FRAMING_LINE, "a\rb\n\r\r\n", FRAME_OK, "<a\rb><\r>");
	EXPECT(FRAMING_LINE, "end\r", FRAME_OK, "<end\r>");
	EXPECT(FRAMING_LINE, "0123456789\n0123456789\r\n", FRAME_OK, "<0123456789><0123456789>");
	EXPECT(FRAMING_LINE, "0123456789", FRAME_OK, "<0123456789>");
	EXPECT(FRAMING_LINE, "a\n01234567890\n", FRAME_TOO_LONG, "<a>");
	EXPECT(FRAMING_LINE, "a\n01234567890", FRAME_TOO_LONG, "<a>");
	EXPECT(FRAMING_LINE, "0123456789\rx\n", FRAME_TOO_LONG, "");
	EXPECT(FRAMING_LINE, "a\0bc\n\0d\r\0\0e", FRAME_OK, "<a><bc><><d\r><><e>");
	EXPECT(FRAMING_LINE,
	       "0123456789\0"
	       "0123456789\0",
	       FRAME_OK, "<0123456789><0123456789>");
	EXPECT(FRAMING_LINE,
	       "a\0"
	       "0123456789x\0",
	       FRAME_TOO_LONG, "<a>");
}

static void
lengths(void **state __attribute__((unused)))
{
	EXPECT(FRAMING_LENGTH, "\0\0\0\1a\0\0\0\0\0\0\0\2b\n", FRAME_OK, "<a><><b\n>");
	EXPECT(FRAMING_LENGTH,
	       "\0\0\0\12"
	       "0123456789",
	       FRAME_OK, "<0123456789>");
	EXPECT(FRAMING_LENGTH, "\0\0\0\1a\0\0\0\13", FRAME_TOO_LONG, "<a>");
	EXPECT(FRAMING_LENGTH, "\xff\xff\xff\xff", FRAME_TOO_LONG, "");
	EXPECT(FRAMING_LENGTH, "\0\0\0\1a\0\0\0", FRAME_CUT, "<a>");
	EXPECT(FRAMING_LENGTH, "\0\0\0\2a", FRAME_CUT, "");
}

static void
wholes(void **state __attribute__((unused)))
{
	EXPECT(FRAMING_WHOLE, "a\nb\r\n", FRAME_OK, "<a\nb\r\n>");
	EXPECT(FRAMING_WHOLE, "0123456789", FRAME_OK, "<0123456789>");
	EXPECT(FRAMING_WHOLE, "01234567890", FRAME_TOO_LONG, "");
}

/* A million bytes without an end are looked at once, however they come. */
static void
scan_once(char end)
{
	static uint8_t bytes[1000000];
	size_t scanned = 0;
	struct frame frame;

	memset(bytes, 'x', sizeof(bytes));
	bytes[sizeof(bytes) - 1] = (uint8_t)end;
	for (size_t len = 1; len < sizeof(bytes); len++) {
		assert_int_equal(frame_split(FRAMING_LINE, bytes, len, false, sizeof(bytes), &scanned, &frame),
		                 FRAME_MORE);
		assert_int_equal(scanned, len);
	}
	assert_int_equal(frame_split(FRAMING_LINE, bytes, sizeof(bytes), false, sizeof(bytes), &scanned, &frame),
	                 FRAME_OK);
	assert_int_equal(frame.payload.len, sizeof(bytes) - 1);
}

static void
scanned_once(void **state __attribute__((unused)))
{
	scan_once('\n');
	scan_once('\0');
}

/* A line costs no more for what stands behind it: there are millions of lines in 64 MiB, with one end and the other. */
static void
many_lines(void **state __attribute__((unused)))
{
	const size_t len = (size_t)64 << 20;
	uint8_t *bytes = malloc(len);
	size_t scanned = 0;
	struct frame frame;

	assert_non_null(bytes);
	for (int end = 0; end <= '\n'; end += '\n') {
		memset(bytes, 'x', len);
		for (size_t i = 15; i < len; i += 16)
			bytes[i] = (uint8_t)end;
		for (size_t at = 0; at < len; at += frame.used) {
			assert_int_equal(frame_split(FRAMING_LINE, bytes + at, len - at, false, 16, &scanned, &frame),
			                 FRAME_OK);
			assert_int_equal(frame.payload.len, 15);
		}
	}
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),        cmocka_unit_test(lengths),    cmocka_unit_test(wholes),
		cmocka_unit_test(scanned_once), cmocka_unit_test(many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
