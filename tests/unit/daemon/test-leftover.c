/* What is left over of a session's input: it takes what its first command needs, and no byte of the next one. */
#include "leftover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEXT "*1\r\n$4\r\nPING\r\n"

/* Parses what is there. Returns whether the first command is whole. */
static bool
parse(struct leftover *leftover, struct chunk_pool *pool, struct resp_request *request)
{
	enum resp_request_status status =
	    resp_request_parse(request, &leftover->progress, leftover->bytes.data, leftover->bytes.len, 1 << 30);

	if (status == RESP_REQUEST_OK)
		return true;
	assert_int_equal(status, RESP_REQUEST_MORE);
	assert_int_equal(leftover_set_need(leftover, pool, request), 0);
	assert_false(leftover_is_ready(leftover));
	return false;
}

/* Takes bytes of `text` from the first `cut` on by copying them; returns how many bytes the first command took. */
static size_t
append_from(const char *text, size_t cut, struct chunk_pool *pool)
{
	struct leftover *leftover = calloc(1, sizeof(*leftover));
	struct resp_request request = { 0 };
	size_t len = strlen(text), at = cut;

	assert_int_equal(buf_append(&leftover->bytes, text, cut), 0);
	while (!parse(leftover, pool, &request)) {
		while (!leftover_is_ready(leftover)) {
			ssize_t n = leftover_append(leftover, (const uint8_t *)text + at, len - at);

			assert_true(n > 0);
			at += (size_t)n;
		}
	}
	assert_int_equal(request.used, leftover->bytes.len);
	resp_request_deinit(&request);
	leftover_free(leftover);
	return at;
}

static void
takes_no_byte_of_the_next_command(void **state __attribute__((unused)))
{
	static const char *const commands[] = {
		"PING\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n$12\r\n$4\r\n*1\r\n$1\r\n\r\n",
	};
	struct chunk_pool pool = { 0 };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t len = strlen(commands[i]);
		char text[128];

		snprintf(text, sizeof(text), "%s%s", commands[i], NEXT);
		for (size_t cut = 1; cut < len; cut++)
			assert_int_equal(append_from(text, cut, &pool), len);
	}
	chunk_pool_deinit(&pool);
}

static void
reads_a_large_argument_into_a_chunk(void **state __attribute__((unused)))
{
	static const char head[] = "*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n";
	const size_t payload = 3 * 1024 * 1024 + 1, come = 7;
	struct leftover *leftover = calloc(1, sizeof(*leftover));
	struct resp_request request = { 0 };
	struct chunk_pool pool = { 0 };
	char header[32];
	size_t header_len = (size_t)snprintf(header, sizeof(header), "$%zu\r\n", payload);
	size_t left = payload + 2 - come;
	int is_all = 0;

	assert_int_equal(buf_append(&leftover->bytes, head, strlen(head)), 0);
	assert_int_equal(buf_append(&leftover->bytes, header, header_len), 0);
	assert_int_equal(buf_append(&leftover->bytes, "aaaaaaa", come), 0);
	assert_false(parse(leftover, &pool, &request));
	assert_non_null(leftover->tail);
	assert_true(pool.bytes < payload / 2); /* not what the client announces */
	while (left > 0) {
		struct iovec room;

		is_all = leftover_room(leftover, 1, &room);
		assert_true(is_all >= 0);
		assert_in_range(room.iov_len, 1, left);
		assert_in_range(leftover->tail->cap, 1,
		                2 * leftover->tail->len + 256 * 1024); /* grows with what comes */
		assert_int_equal(is_all, room.iov_len == left);
		memset(room.iov_base, 'b', room.iov_len);
		leftover_received(leftover, room.iov_len);
		left -= room.iov_len;
		assert_int_equal(leftover_is_ready(leftover), left == 0);
	}
	assert_int_equal(is_all, 1);
	assert_int_equal(leftover->tail->len, header_len + payload + 2);
	assert_memory_equal(leftover->tail->data, header, header_len);
	assert_memory_equal(leftover->tail->data + header_len, "aaaaaaab", come + 1);
	assert_in_range(leftover_size(leftover), payload, payload + 1024);
	leftover_end_tail(leftover);
	assert_null(leftover->tail);
	assert_int_equal(leftover->bytes.len, 0);
	assert_true(leftover_size(leftover) < 1024);
	resp_request_deinit(&request);
	leftover_free(leftover);
	chunk_pool_deinit(&pool);
	assert_int_equal(pool.bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_byte_of_the_next_command),
		cmocka_unit_test(reads_a_large_argument_into_a_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
