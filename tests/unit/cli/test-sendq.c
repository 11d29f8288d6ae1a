#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sendq.h"

static void
push(struct sendq *q, const char *text, bool open)
{
	size_t len = strlen(text);

	memcpy(sendq_reserve(q, len + 10), text, len); /* reserves more than it uses, as an encoder does */
	sendq_commit(q, len, open);
}

static void
push_bytes(struct sendq *q, size_t len, uint8_t fill)
{
	memset(sendq_reserve(q, len), fill, len);
	sendq_commit(q, len, false);
}

/* Appends at most `max` bytes to the text in `to`, as a socket would take them. */
static size_t
drain(struct sendq *q, char *to, size_t max)
{
	struct iovec iov[4];
	size_t total = 0, n, len = strlen(to);
	int vectors;

	while (total < max && (vectors = sendq_peek(q, iov, 4)) > 0) {
		n = iov[0].iov_len < max - total ? iov[0].iov_len : max - total;
		memcpy(to + len + total, iov[0].iov_base, n);
		sendq_sent(q, n);
		total += n;
	}
	to[len + total] = '\0';
	return total;
}

static void
test_empty(void **state)
{
	struct sendq q;
	struct iovec iov[1];

	(void)state;
	sendq_init(&q);
	assert_int_equal(sendq_peek(&q, iov, 1), 0);
	assert_false(sendq_has_unsent(&q));
	assert_false(sendq_answered(&q, 1));
	assert_true(sendq_answered(&q, 0));
	sendq_rewind(&q);
	sendq_drop_read(&q, 0);
	assert_int_equal(sendq_sent_frames(&q), 0);
	sendq_deinit(&q);
}

static void
test_answers_only_what_was_sent(void **state)
{
	struct sendq q;
	char out[64] = "";

	(void)state;
	sendq_init(&q);
	push(&q, "one", false);
	push(&q, "two", false);
	assert_false(sendq_answered(&q, 1));
	drain(&q, out, 5);
	assert_string_equal(out, "onetw");
	assert_int_equal(sendq_sent_frames(&q), 1);
	assert_true(sendq_first_is_sent(&q));
	assert_true(sendq_answered(&q, 1));
	assert_false(sendq_first_is_sent(&q));
	assert_false(sendq_answered(&q, 1));
	assert_int_equal(q.frames, 1);
	assert_int_equal(q.bytes, 3);
	drain(&q, out, 100);
	assert_string_equal(out, "onetwo");
	assert_true(sendq_answered(&q, 1));
	assert_int_equal(q.frames, 0);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(q.sent_bytes, 0);
	sendq_deinit(&q);
}

static void
test_rewind_sends_again_from_first_unanswered(void **state)
{
	struct sendq q;
	char out[64] = "";

	(void)state;
	sendq_init(&q);
	push(&q, "a1", false);
	push(&q, "b2", false);
	push(&q, "c3", false);
	drain(&q, out, 5);
	assert_true(sendq_answered(&q, 1));
	sendq_rewind(&q);
	assert_int_equal(q.sent_bytes, 0);
	assert_int_equal(sendq_sent_frames(&q), 0);
	out[0] = '\0';
	drain(&q, out, 100);
	assert_string_equal(out, "b2c3");
	push(&q, "d4", false);
	drain(&q, out, 100);
	assert_string_equal(out, "b2c3d4");
	assert_true(sendq_answered(&q, 3));
	sendq_deinit(&q);
}

static void
test_drop_first_partly_sent(void **state)
{
	struct sendq q;
	char out[64] = "";

	(void)state;
	sendq_init(&q);
	push(&q, "abcdef", false);
	push(&q, "gh", false);
	drain(&q, out, 3);
	sendq_drop_first(&q);
	assert_int_equal(q.frames, 1);
	assert_int_equal(q.bytes, 2);
	assert_int_equal(q.sent_bytes, 0);
	out[0] = '\0';
	drain(&q, out, 100);
	assert_string_equal(out, "gh");
	sendq_rewind(&q);
	sendq_drop_first(&q);
	assert_int_equal(q.bytes, 0);
	assert_false(sendq_has_unsent(&q));
	sendq_deinit(&q);
}

static void
test_drop_read_keeps_whole_lines(void **state)
{
	struct sendq q;
	char out[64] = "";

	(void)state;
	sendq_init(&q);
	push(&q, "aaa\n", false);
	push(&q, "bb", true);
	push(&q, "bb\n", false);
	push(&q, "c", true);
	drain(&q, out, 100);
	sendq_drop_read(&q, 100); /* more unread than was written: nothing was read */
	assert_int_equal(q.bytes, 10);
	sendq_drop_read(&q, 7); /* only three bytes of the first line were read */
	assert_int_equal(q.bytes, 10);
	sendq_drop_read(&q, 4); /* read: the first line and the first part of the second */
	assert_int_equal(q.bytes, 6);
	sendq_drop_read(&q, 0); /* all was read, but the last line is open */
	assert_int_equal(q.bytes, 1);
	sendq_rewind(&q);
	out[0] = '\0';
	push(&q, "cc\n", false);
	drain(&q, out, 100);
	assert_string_equal(out, "ccc\n");
	sendq_drop_read(&q, 0);
	assert_int_equal(q.frames, 0);
	push(&q, "d", true);
	drain(&q, out, 100);
	sendq_close_line(&q);
	sendq_drop_read(&q, 0);
	assert_int_equal(q.frames, 0);
	sendq_close_line(&q);
	sendq_deinit(&q);
}

static void
test_large_frames(void **state)
{
	static const size_t sizes[] = { 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 3 * 1024 * 1024, 1 };
	struct sendq q;
	size_t total = 0, n = sizeof(sizes) / sizeof(sizes[0]);
	struct iovec iov[16];
	int vectors;

	(void)state;
	sendq_init(&q);
	for (size_t i = 0; i < n; i++) {
		push_bytes(&q, sizes[i], (uint8_t)i);
		total += sizes[i];
	}
	assert_int_equal(q.bytes, total);
	vectors = sendq_peek(&q, iov, 16);
	for (int i = 0; i < vectors; i++)
		total -= iov[i].iov_len;
	assert_int_equal(total, 0);
	sendq_sent(&q, q.bytes);
	assert_int_equal(sendq_sent_frames(&q), n);
	assert_false(sendq_answered(&q, n + 1));
	sendq_deinit(&q);
}

/* A line of three parts that lie in different blocks. */
static void
test_line_across_blocks(void **state)
{
	struct sendq q;

	(void)state;
	sendq_init(&q);
	for (int i = 0; i < 3; i++) {
		memset(sendq_reserve(&q, 60000), 'x', 60000);
		sendq_commit(&q, 60000, i < 2);
	}
	push(&q, "y\n", false);
	sendq_sent(&q, 180001);
	sendq_drop_read(&q, 2);
	assert_int_equal(q.frames, 4);
	sendq_drop_read(&q, 1);
	assert_int_equal(q.frames, 1);
	assert_int_equal(q.sent_bytes, 1);
	sendq_deinit(&q);
}

/* Random frames, writes, answers and losses, compared with a simple model. */
static void
test_against_a_model(void **state)
{
	enum { FRAMES = 20000 };
	struct sendq q;
	uint64_t pushed = 0, answered = 0, sent_bytes = 0, start[FRAMES + 1] = { 0 };
	struct iovec iov[3];
	uint32_t random = 1;

	(void)state;
	sendq_init(&q);
	while (answered < FRAMES) {
		random = random * 1664525 + 1013904223;
		if (random >> 30 == 0 && pushed < FRAMES) {
			for (uint32_t i = random >> 20 & 127; i > 0 && pushed < FRAMES; i--) {
				size_t len = i % 50 == 49 ? 100000 : 4 + i % 64;
				uint8_t *p = sendq_reserve(&q, len);

				memset(p, (int)(pushed & 0xff), len);
				memcpy(p, &(uint32_t){ (uint32_t)pushed }, 4);
				sendq_commit(&q, len, false);
				start[pushed + 1] = start[pushed] + len;
				pushed++;
			}
		} else if (random >> 30 == 1) {
			int n = sendq_peek(&q, iov, 3);

			if (n > 0) {
				size_t want = iov[0].iov_len - random % (uint32_t)iov[0].iov_len;

				sendq_sent(&q, want);
				sent_bytes += want;
			}
		} else if (random >> 30 == 2) {
			uint64_t n = 0, limit = random >> 16 & 63;

			while (n < limit && answered + n < pushed && start[answered + n + 1] <= sent_bytes)
				n++;
			assert_true(sendq_answered(&q, n));
			answered += n;
			if (answered == pushed || start[answered + 1] > sent_bytes)
				assert_false(sendq_answered(&q, 1));
		} else if (random >> 24 == 0xff) {
			sendq_rewind(&q);
			sent_bytes = start[answered];
			if (sendq_peek(&q, iov, 1) == 1)
				assert_memory_equal(iov[0].iov_base, &(uint32_t){ (uint32_t)answered }, 4);
		}
		assert_int_equal(q.frames, pushed - answered);
		assert_int_equal(q.bytes, start[pushed] - start[answered]);
		assert_int_equal(q.sent_bytes, sent_bytes - start[answered]);
	}
	sendq_deinit(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_answers_only_what_was_sent),
		cmocka_unit_test(test_rewind_sends_again_from_first_unanswered),
		cmocka_unit_test(test_drop_first_partly_sent),
		cmocka_unit_test(test_drop_read_keeps_whole_lines),
		cmocka_unit_test(test_large_frames),
		cmocka_unit_test(test_line_across_blocks),
		cmocka_unit_test(test_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
