/* Output queues and the barriers between them, through real sockets. */
#include "outq.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "barrier.h"
#include "buf.h"
#include "chunk.h"
#include "outq-copy.h"
#include "prng.h"

#define PIECES_MAX 200

/* What each test uses. Its end checks that all memory was given back. */
struct rig {
	struct chunk_pool chunks;
	struct barrier_pool barriers;
	struct outq q;
	int fds[2];
	struct buf got;
};

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int size = 4096;

	if (!rig || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, rig->fds) < 0)
		return -1;
	setsockopt(rig->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	barrier_pool_init(&rig->barriers);
	outq_init(&rig->q);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	outq_clear(&rig->q);
	barrier_pool_deinit(&rig->barriers);
	chunk_pool_deinit(&rig->chunks); /* asserts that all chunks are back */
	close(rig->fds[0]);
	close(rig->fds[1]);
	buf_deinit(&rig->got);
	free(rig);
	return 0;
}

/* A chunk of len bytes, each of which depends on its offset. */
static struct chunk *
make_chunk(struct rig *rig, size_t len)
{
	struct chunk *chunk = chunk_new(&rig->chunks, len);

	assert_non_null(chunk);
	for (size_t i = 0; i < len; i++)
		chunk->data[i] = (uint8_t)(i * 11 + i / 256);
	chunk->len = (uint32_t)len;
	return chunk;
}

/* Reads from the socket, at most max bytes. */
static size_t
take(struct rig *rig, size_t max)
{
	size_t total = 0;
	ssize_t n;

	while (total < max) {
		size_t room = max - total < 4096 ? max - total : 4096;

		assert_int_equal(buf_reserve(&rig->got, room), 0);
		n = recv(rig->fds[1], rig->got.data + rig->got.len, room, 0);
		if (n <= 0)
			break;
		rig->got.len += (size_t)n;
		total += (size_t)n;
	}
	return total;
}

static enum outq_status
write_some(struct rig *rig, struct barrier **ret_barrier)
{
	size_t before = rig->q.bytes, written;
	enum outq_status status = outq_write(&rig->q, rig->fds[0], SIZE_MAX, &written, ret_barrier);

	assert_int_equal(before - rig->q.bytes, written);
	return status;
}

/* Writes and reads until the queue is empty or gated. */
static enum outq_status
write_all(struct rig *rig, struct barrier **ret_barrier)
{
	enum outq_status status;

	do {
		status = write_some(rig, ret_barrier);
		take(rig, SIZE_MAX);
	} while (status == OUTQ_FULL);
	return status;
}

static void
expect_text(struct rig *rig, const char *text)
{
	take(rig, SIZE_MAX);
	assert_int_equal(rig->got.len, strlen(text));
	assert_memory_equal(rig->got.data, text, rig->got.len);
	rig->got.len = 0;
}

static void
push_text(struct rig *rig, const char *text, struct barrier *barrier, uint32_t messages)
{
	struct chunk *chunk = chunk_new(&rig->chunks, strlen(text));

	assert_non_null(chunk);
	memcpy(chunk->data, text, strlen(text));
	chunk->len = (uint32_t)strlen(text);
	assert_int_equal(outq_push(&rig->q, chunk, 0, strlen(text), barrier, messages), 0);
	chunk_unref(chunk);
}

static void
empty(void **state)
{
	struct rig *rig = *state;
	struct barrier *barrier = NULL;

	assert_int_equal(write_some(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(outq_clear(&rig->q), 0);
	assert_int_equal(outq_cost(&rig->q), 0);
	assert_false(outq_has_messages(&rig->q));
}

static void
neighbours_become_one_span(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 1000);
	struct barrier *barrier = NULL, *a = barrier_new(&rig->barriers), *b = barrier_new(&rig->barriers);

	outq_push(&rig->q, chunk, 0, 10, NULL, 0);
	outq_push(&rig->q, chunk, 10, 10, NULL, 0);
	assert_int_equal(rig->q.count, 1);
	outq_push(&rig->q, chunk, 30, 10, NULL, 0); /* not a neighbour */
	assert_int_equal(rig->q.count, 2);
	outq_push(&rig->q, chunk, 40, 10, NULL, 1); /* a message behind a reply */
	assert_int_equal(rig->q.count, 3);
	outq_push(&rig->q, chunk, 50, 10, NULL, 2);
	assert_int_equal(rig->q.count, 3);
	outq_push(&rig->q, chunk, 60, 10, a, 1); /* another barrier */
	assert_int_equal(rig->q.count, 4);
	outq_push(&rig->q, chunk, 70, 10, a, 5);
	assert_int_equal(rig->q.count, 4);
	assert_int_equal(a->pending, 1);
	outq_push(&rig->q, chunk, 80, 10, b, 5);
	assert_int_equal(rig->q.count, 5);
	outq_push(&rig->q, chunk, 80, 10, b, 5); /* the same bytes again are not a neighbour */
	assert_int_equal(rig->q.count, 6);
	assert_int_equal(b->pending, 2);
	assert_int_equal(rig->q.bytes, 90);
	assert_int_equal(outq_cost(&rig->q), 90 + 6 * OUTQ_SPAN_COST);
	assert_true(outq_has_messages(&rig->q));
	barrier_unref(a);
	barrier_unref(b);
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->got.len, 90);
	assert_memory_equal(rig->got.data, chunk->data, 20);
	assert_memory_equal(rig->got.data + 20, chunk->data + 30, 60);
	assert_memory_equal(rig->got.data + 80, chunk->data + 80, 10);
	chunk_unref(chunk);
}

/* A piece that lengthens a span that is partly written. */
static void
joins_while_being_written(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 60000);
	struct barrier *barrier = NULL;

	outq_push(&rig->q, chunk, 0, 30000, NULL, 1);
	assert_int_equal(write_some(rig, &barrier), OUTQ_FULL);
	assert_true(rig->q.head_written > 0);
	outq_push(&rig->q, chunk, 30000, 30000, NULL, 1);
	assert_int_equal(rig->q.count, 1);
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->got.len, 60000);
	assert_memory_equal(rig->got.data, chunk->data, 60000);
	chunk_unref(chunk);
}

static void
random_partial_writes(void **state)
{
	struct rig *rig = *state;
	struct prng prng;
	struct buf expected = { 0 };
	struct barrier *barrier = NULL;

	prng_init(&prng, prng_seed());
	for (int round = 0; round < 300; round++) {
		struct chunk *chunk = make_chunk(rig, 1 + prng_below(&prng, 20000));
		size_t at = 0;

		while (at < chunk->len) {
			size_t len = 1 + prng_below(&prng, chunk->len - at);

			outq_push(&rig->q, chunk, at, len, NULL, (uint32_t)prng_below(&prng, 2));
			buf_append(&expected, chunk->data + at, len);
			at += len + (prng_below(&prng, 3) == 0);
		}
		chunk_unref(chunk);
		if (prng_below(&prng, 2))
			write_some(rig, &barrier);
		take(rig, prng_below(&prng, 30000));
		assert_int_equal(rig->q.bytes + rig->got.len + /* in the socket */ 0 <= expected.len, 1);
	}
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->q.bytes, 0);
	assert_int_equal(rig->got.len, expected.len);
	assert_memory_equal(rig->got.data, expected.data, expected.len);
	buf_deinit(&expected);
}

/* After any mixture of pushes, writes and copies, the queue accounts for all memory that it keeps from being freed. */
static void
memory_is_accounted_for(void **state)
{
	struct rig *rig = *state;
	struct prng prng;
	struct buf expected = { 0 };
	struct barrier *barrier = NULL;

	prng_init(&prng, prng_seed());
	for (int round = 0; round < 500; round++) {
		struct chunk *chunk = make_chunk(rig, 1 + prng_below(&prng, prng_below(&prng, 4) ? 60000 : 100000));
		size_t len = 1 + prng_below(&prng, prng_below(&prng, 3) ? 300 : chunk->len);

		len = len < chunk->len ? len : chunk->len;
		if (prng_below(&prng, 2) && len <= OUTQ_COPY_MAX)
			outq_push_waiting(&rig->q, chunk, 0, len, NULL, 1);
		else
			outq_push(&rig->q, chunk, 0, len, NULL, 1);
		buf_append(&expected, chunk->data, len);
		chunk_unref(chunk);
		if (prng_below(&prng, 4) == 0) {
			write_some(rig, &barrier);
			outq_detach(&rig->q, &rig->chunks);
		}
		take(rig, prng_below(&prng, 8000));
		assert_in_range(rig->chunks.bytes - rig->chunks.n_free * CHUNK_SIZE, rig->q.bytes,
		                outq_memory(&rig->q) +
		                    (rig->q.extra && rig->q.extra->own ? chunk_size(rig->q.extra->own) : 0));
		assert_in_range(rig->q.chunk_bytes, rig->q.bytes, SIZE_MAX);
	}
	outq_detach(&rig->q, &rig->chunks);
	/* Only pieces that are large enough still share chunks. */
	assert_in_range(rig->q.chunk_bytes, rig->q.bytes, 5 * rig->q.bytes + 2 * CHUNK_SIZE);
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->q.chunk_bytes, 0);
	assert_int_equal(rig->chunks.bytes, rig->chunks.n_free * CHUNK_SIZE);
	assert_int_equal(rig->got.len, expected.len);
	assert_memory_equal(rig->got.data, expected.data, expected.len);
	buf_deinit(&expected);
}

/* More pieces than one call of the kernel takes. */
static void
many_pieces(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 1000);
	struct barrier *barrier = NULL;

	for (size_t i = 0; i < PIECES_MAX; i++)
		outq_push(&rig->q, chunk, 999 - i, 1, NULL, i % 2);
	assert_int_equal(rig->q.count, PIECES_MAX);
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->got.len, PIECES_MAX);
	for (size_t i = 0; i < PIECES_MAX; i++)
		assert_int_equal(rig->got.data[i], chunk->data[999 - i]);
	chunk_unref(chunk);
}

static void
budget(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 1000);
	struct barrier *barrier = NULL;
	size_t written;

	for (size_t i = 0; i < PIECES_MAX; i++)
		outq_push(&rig->q, chunk, 999 - i, 1, NULL, 0);
	assert_int_equal(outq_write(&rig->q, rig->fds[0], 1, &written, &barrier), OUTQ_BUDGET);
	assert_in_range(written, 1, PIECES_MAX - 1);
	assert_int_equal(rig->q.count, PIECES_MAX - written);
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->got.len, PIECES_MAX);
	/* A queue that is written to its end is empty, even if that used up the budget. */
	outq_push(&rig->q, chunk, 0, 1, NULL, 0);
	assert_int_equal(outq_write(&rig->q, rig->fds[0], 1, &written, &barrier), OUTQ_EMPTY);
	chunk_unref(chunk);
}

static void
closed_peer(void **state)
{
	struct rig *rig = *state;
	struct barrier *barrier = NULL;
	size_t written = 7;

	push_text(rig, "x", NULL, 1);
	close(rig->fds[1]);
	assert_int_equal(outq_write(&rig->q, rig->fds[0], SIZE_MAX, &written, &barrier), OUTQ_ERROR);
	assert_int_equal(written, 0);
	assert_int_equal(outq_clear(&rig->q), 1);
	rig->fds[1] = dup(rig->fds[0]);
}

static void
ring_grows_and_shrinks(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 1000);
	struct barrier *barrier = NULL;

	for (int round = 0; round < 3; round++) {
		assert_null(rig->q.ring);
		assert_int_equal(rig->q.cap, 0);
		for (size_t i = 0; i < 100; i++) {
			outq_push(&rig->q, chunk, 999 - i, 1, NULL, 0);
			assert_int_equal(rig->q.count, i + 1);
			assert_true(rig->q.cap >= rig->q.count);
		}
		assert_non_null(rig->q.ring);
		assert_int_equal(chunk->refs, 101);
		if (round == 1)
			assert_int_equal(outq_clear(&rig->q), 0);
		else
			assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
		assert_int_equal(chunk->refs, 1);
	}
	assert_null(rig->q.ring);
	assert_int_equal(rig->q.cap, 0);
	chunk_unref(chunk);
}

/* The ring grows while its head is not at index 0. */
static void
ring_grows_wrapped(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 60000);
	struct barrier *barrier = NULL;
	struct buf expected = { 0 };
	size_t next = 59999;

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3 + round / 8; i++) {
			size_t len = 1 + (size_t)round * 7 % 300;

			next = next >= 2 * len ? next - len - 1 : 50000;
			outq_push(&rig->q, chunk, next, len, NULL, 1);
			buf_append(&expected, chunk->data + next, len);
		}
		write_some(rig, &barrier);
		take(rig, 700);
	}
	assert_int_equal(write_all(rig, &barrier), OUTQ_EMPTY);
	assert_int_equal(rig->got.len, expected.len);
	assert_memory_equal(rig->got.data, expected.data, expected.len);
	buf_deinit(&expected);
	chunk_unref(chunk);
}

static void
clear_counts_messages(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 60000);
	struct barrier *barrier = NULL;

	outq_push(&rig->q, chunk, 0, 10, NULL, 3);     /* will be written */
	outq_push(&rig->q, chunk, 20, 50000, NULL, 5); /* in part */
	outq_push(&rig->q, chunk, 55000, 10, NULL, 0);
	outq_push(&rig->q, chunk, 58000, 10, NULL, 7);
	assert_int_equal(write_some(rig, &barrier), OUTQ_FULL);
	assert_int_equal(rig->q.count, 3);
	assert_true(rig->q.head_written > 0);
	assert_int_equal(outq_clear(&rig->q), 12);
	assert_int_equal(outq_cost(&rig->q), 0);
	assert_int_equal(chunk->refs, 1);
	assert_int_equal(outq_clear(&rig->q), 0);
	chunk_unref(chunk);
}

/* A gated reply is not written before its barrier opens, nor is anything behind it. */
static void
gate(void **state)
{
	struct rig *rig = *state;
	struct barrier *barrier = NULL, *a = barrier_new(&rig->barriers);
	struct barrier_waiter waiter = { 0 };

	barrier_add(a);
	barrier_add(a);
	push_text(rig, "before ", NULL, 0);
	push_text(rig, "held ", a, 0);
	push_text(rig, "behind", NULL, 3);
	barrier_unref(a);
	assert_int_equal(write_some(rig, &barrier), OUTQ_GATED);
	assert_ptr_equal(barrier, a);
	expect_text(rig, "before ");
	barrier = NULL;
	assert_int_equal(write_some(rig, &barrier), OUTQ_GATED);
	assert_ptr_equal(barrier, a);
	expect_text(rig, "");
	barrier_wait(a, &waiter);
	barrier_arrive(a);
	assert_null(barrier_take_ready(&rig->barriers));
	assert_int_equal(write_some(rig, &barrier), OUTQ_GATED);
	barrier_arrive(a);
	assert_ptr_equal(barrier_take_ready(&rig->barriers), &waiter);
	assert_null(waiter.next);
	assert_null(barrier_take_ready(&rig->barriers));
	assert_int_equal(write_some(rig, &barrier), OUTQ_EMPTY);
	expect_text(rig, "held behind");
}

/* A reply is not gated by a barrier that has opened or was never closed. */
static void
open_gate(void **state)
{
	struct rig *rig = *state;
	struct barrier *barrier = NULL, *a = barrier_new(&rig->barriers), *b = barrier_new(&rig->barriers);

	push_text(rig, "a", a, 0);
	barrier_add(b);
	push_text(rig, "b", b, 0);
	barrier_arrive(b);
	barrier_unref(a);
	barrier_unref(b);
	assert_int_equal(write_some(rig, &barrier), OUTQ_EMPTY);
	expect_text(rig, "ab");
}

/* Replies in the publisher's queue wait for messages in the receiver's queue. */
static void
messages_open_the_barrier(void **state)
{
	struct rig *rig = *state;
	struct outq receiver;
	struct chunk *chunk = make_chunk(rig, 60000);
	struct barrier *barrier = NULL, *a = barrier_new(&rig->barriers);
	int fds[2];
	size_t written;

	outq_init(&receiver);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	outq_push(&receiver, chunk, 0, 100, a, 1);
	outq_push(&receiver, chunk, 100, 100, a, 1); /* the same span */
	outq_push(&receiver, chunk, 300, 50000, a, 1);
	assert_int_equal(a->pending, 2);
	push_text(rig, "held", a, 0);
	barrier_unref(a);
	assert_int_equal(write_some(rig, &barrier), OUTQ_GATED);
	/* Both spans at once, as the socket has room. */
	assert_int_equal(outq_write(&receiver, fds[0], SIZE_MAX, &written, &barrier), OUTQ_EMPTY);
	assert_int_equal(written, 50200);
	assert_int_equal(write_some(rig, &barrier), OUTQ_EMPTY);
	expect_text(rig, "held");
	close(fds[0]);
	close(fds[1]);
	chunk_unref(chunk);
}

static void
half_a_message_opens_nothing(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 60000);
	struct barrier *barrier = NULL, *a = barrier_new(&rig->barriers);
	struct barrier_waiter waiter = { 0 };
	size_t before;

	outq_push(&rig->q, chunk, 0, 60000, a, 1);
	barrier_wait(a, &waiter);
	while (rig->q.count > 0) {
		assert_null(barrier_take_ready(&rig->barriers));
		before = rig->got.len;
		write_some(rig, &barrier);
		take(rig, 2000);
		assert_true(rig->got.len > before || rig->q.count == 0);
	}
	assert_ptr_equal(barrier_take_ready(&rig->barriers), &waiter);
	barrier_unref(a);
	chunk_unref(chunk);
}

/* Clearing a queue opens the barriers of its messages and releases the barriers of its replies. */
static void
clear_opens_barriers(void **state)
{
	struct rig *rig = *state;
	struct chunk *chunk = make_chunk(rig, 1000);
	struct barrier *a = barrier_new(&rig->barriers), *b = barrier_new(&rig->barriers);
	struct barrier_waiter waiter = { 0 };

	outq_push(&rig->q, chunk, 0, 10, a, 2);
	outq_push(&rig->q, chunk, 20, 10, a, 1);
	barrier_add(b);
	outq_push(&rig->q, chunk, 40, 10, b, 0);
	assert_int_equal(b->refs, 2);
	barrier_wait(a, &waiter);
	barrier_unref(a); /* it lives on, as a span is pending */
	assert_int_equal(outq_clear(&rig->q), 3);
	assert_ptr_equal(barrier_take_ready(&rig->barriers), &waiter);
	assert_int_equal(b->refs, 1);
	assert_int_equal(b->pending, 1);
	barrier_arrive(b);
	barrier_unref(b);
	assert_int_equal(rig->barriers.n_free, 2); /* both were released */
	chunk_unref(chunk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_become_one_span, setup, teardown),
		cmocka_unit_test_setup_teardown(joins_while_being_written, setup, teardown),
		cmocka_unit_test_setup_teardown(random_partial_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_accounted_for, setup, teardown),
		cmocka_unit_test_setup_teardown(many_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(budget, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(ring_grows_and_shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(ring_grows_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(clear_counts_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(gate, setup, teardown),
		cmocka_unit_test_setup_teardown(open_gate, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_open_the_barrier, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_message_opens_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(clear_opens_barriers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
