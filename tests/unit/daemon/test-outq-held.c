/*
 * Queues whose replies wait for commits, or are not known yet, while messages overtake them: random queues against a
 * plain model.
 */
#include "outq-held.h"

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
#include "outq-slot.h"
#include "prng.h"

#define ITEMS_MAX 4096
#define COMMITS 3 /* that may be under way at a time */
#define SLOTS 64  /* likewise */

/* A piece of output, in the order in which it has to be written. */
struct item {
	size_t left; /* bytes */
	uint64_t tag;
	bool is_message, is_pinned;
	struct barrier *barrier; /* of a reply; or NULL */
};

struct rig {
	struct prng prng;
	struct chunk_pool chunks;
	struct barrier_pool barriers;
	struct writer writer;
	struct outq q;
	int fds[2];
	struct buf expected, got;
	uint64_t last_tag;
	struct item items[ITEMS_MAX];
	size_t n;
	struct barrier *commits[COMMITS]; /* the oldest first; with a reference each */
	size_t n_commits;
	struct barrier *plain; /* no commit; closed, or NULL */
	struct barrier *slots[SLOTS];
	size_t n_slots;
};

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int size = 4096;

	if (!rig || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, rig->fds) < 0)
		return -1;
	setsockopt(rig->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	prng_init(&rig->prng, prng_seed());
	barrier_pool_init(&rig->barriers);
	rig->writer.pool = &rig->chunks;
	outq_init(&rig->q);
	*state = rig;
	return 0;
}

/* Opens the oldest commit. */
static void
commit(struct rig *rig)
{
	struct barrier *barrier = rig->commits[0];

	if (rig->n_commits == 0)
		return;
	for (size_t i = 0; i < rig->n; i++) /* the model may outlive the barrier */
		if (rig->items[i].barrier == barrier)
			rig->items[i].barrier = NULL;
	barrier_arrive(barrier);
	barrier_unref(barrier);
	memmove(&rig->commits[0], &rig->commits[1], --rig->n_commits * sizeof(rig->commits[0]));
}

static void
open_plain(struct rig *rig)
{
	for (size_t i = 0; i < rig->n; i++)
		if (rig->items[i].barrier == rig->plain)
			rig->items[i].barrier = NULL;
	if (!rig->plain)
		return;
	barrier_arrive(rig->plain);
	barrier_unref(rig->plain);
	rig->plain = NULL;
}

static void
abandon_slots(struct rig *rig)
{
	while (rig->n_slots > 0)
		outq_abandon(rig->slots[--rig->n_slots]);
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	while (rig->n_commits > 0)
		commit(rig);
	open_plain(rig);
	outq_clear(&rig->q);
	abandon_slots(rig);
	writer_deinit(&rig->writer);
	barrier_pool_deinit(&rig->barriers);
	chunk_pool_deinit(&rig->chunks); /* asserts that all chunks and rings are back */
	close(rig->fds[0]);
	close(rig->fds[1]);
	buf_deinit(&rig->expected);
	buf_deinit(&rig->got);
	free(rig);
	return 0;
}

static bool
is_held(const struct item *item)
{
	return !item->is_message && !item->is_pinned && item->barrier && item->barrier->commit;
}

/* Where the next message stands. */
static size_t
place_of_message(const struct rig *rig)
{
	size_t at = 0;

	while (at < rig->n && !is_held(&rig->items[at]))
		at++;
	return at;
}

static struct barrier *
some_commit(struct rig *rig)
{
	if (rig->n_commits == 0 || (rig->n_commits < COMMITS && prng_below(&rig->prng, 4) == 0))
		rig->commits[rig->n_commits++] = barrier_new_commit(&rig->barriers);
	return rig->commits[prng_below(&rig->prng, rig->n_commits)];
}

/* Writes a piece of output that the tag tells from others. Returns its offset in the chunk of the writer. */
static size_t
put_bytes(struct rig *rig, size_t len, uint64_t tag)
{
	size_t offset;

	assert_int_equal(writer_reserve(&rig->writer, len), 0);
	offset = rig->writer.chunk->len;
	for (size_t i = 0; i < len; i++)
		writer_end(&rig->writer)[i] = (uint8_t)(tag * 31);
	rig->writer.chunk->len += (uint32_t)len;
	return offset;
}

static void
push(struct rig *rig, size_t len, bool is_message, struct barrier *barrier)
{
	size_t at = is_message ? place_of_message(rig) : rig->n;
	struct outq *q = &rig->q;
	struct item item = { len, ++rig->last_tag, is_message, false, barrier };
	size_t offset;

	if (rig->n == ITEMS_MAX)
		return;
	offset = put_bytes(rig, len, item.tag);
	if (is_message) {
		assert_true(outq_release(q) > 0);
		q = outq_for_messages(q);
	}
	if (prng_below(&rig->prng, 2) && q->count > 0)
		assert_int_equal(
		    outq_push_waiting(q, rig->writer.chunk, offset, len, is_message ? NULL : barrier, is_message), 0);
	else
		assert_int_equal(outq_push(q, rig->writer.chunk, offset, len, is_message ? NULL : barrier, is_message),
		                 0);
	memmove(&rig->items[at + 1], &rig->items[at], (rig->n++ - at) * sizeof(item));
	rig->items[at] = item;
}

static void
push_slot(struct rig *rig)
{
	struct barrier *slot;

	if (rig->n == ITEMS_MAX || rig->n_slots == SLOTS)
		return;
	slot = outq_push_slot(&rig->q, &rig->chunks, &rig->barriers);
	assert_non_null(slot);
	rig->slots[rig->n_slots++] = slot;
	rig->items[rig->n++] = (struct item){ .barrier = slot };
}

/* Fills in some slot. */
static void
fill(struct rig *rig)
{
	size_t i = rig->n_slots > 0 ? prng_below(&rig->prng, rig->n_slots) : 0, at = 0;
	size_t len = 1 + prng_below(&rig->prng, prng_below(&rig->prng, 8) ? 60 : 20000);
	struct barrier *slot = rig->slots[i];
	size_t offset;
	bool is_due;

	if (rig->n_slots == 0)
		return;
	while (rig->items[at].barrier != slot)
		at++;
	offset = put_bytes(rig, len, ++rig->last_tag);
	is_due = outq_slot_is_due(&rig->q, slot, rig->writer.chunk);
	assert_true(at > 0 || rig->q.extra->ahead.count > 0 || is_due);
	rig->items[at] = (struct item){ len, rig->last_tag, false, rig->items[at].is_pinned, NULL };
	assert_int_equal(outq_fill(&rig->q, slot, rig->writer.chunk, offset, len, !is_due), 0);
	assert_true(outq_slot_is_unsent(slot));
	barrier_unref(slot);
	rig->slots[i] = rig->slots[--rig->n_slots];
}

static void
push_reply(struct rig *rig)
{
	uint64_t kind = prng_below(&rig->prng, 8);
	struct barrier *barrier = NULL;

	if (kind < 4) {
		barrier = some_commit(rig);
	} else if (kind == 4) {
		if (!rig->plain) {
			rig->plain = barrier_new(&rig->barriers);
			barrier_add(rig->plain);
		}
		barrier = rig->plain;
	}
	push(rig, 1 + prng_below(&rig->prng, prng_below(&rig->prng, 8) ? 40 : 3000), false, barrier);
}

/* No message overtakes what is queued now. */
static void
pin(struct rig *rig)
{
	assert_int_equal(outq_pin(&rig->q), 0);
	for (size_t i = 0; i < rig->n; i++)
		rig->items[i].is_pinned = true;
	push(rig, 9, false, NULL); /* the reply for which that is done; nothing lengthens what is before it */
}

/* Several replies that no message may come into. */
static void
push_answer(struct rig *rig)
{
	size_t first, n = 1 + prng_below(&rig->prng, 6);
	bool is_pinned = prng_below(&rig->prng, 5) == 0;
	struct barrier *last = NULL;
	uint32_t at;

	assert_int_equal(outq_begin_answer(&rig->q, &at), 0);
	if (rig->writer.chunk && rig->writer.chunk->len < rig->writer.chunk->cap)
		rig->writer.chunk->len++;
	first = rig->n;
	for (size_t i = 0; i < n; i++)
		push(rig, 1 + prng_below(&rig->prng, 30), false,
		     i > 0 && prng_below(&rig->prng, 2) ? some_commit(rig) : NULL);
	outq_end_answer(&rig->q, at, is_pinned);
	for (size_t i = first; i < rig->n; i++)
		last = barrier_later(last, rig->items[i].barrier);
	if (first < rig->n && !is_pinned)
		rig->items[first].barrier = last;
	if (is_pinned)
		pin(rig);
}

/* Moves what was written from the model to what is expected. */
static void
note_written(struct rig *rig, size_t written)
{
	size_t i = 0;

	for (; written > 0; i += rig->items[i].left == 0) {
		struct item *item = &rig->items[i];
		uint8_t byte;

		assert_true(i < rig->n);
		assert_null(item->barrier);
		for (; written > 0 && item->left > 0; written--, item->left--) {
			byte = (uint8_t)(item->tag * 31);
			buf_append(&rig->expected, &byte, 1);
		}
	}
	memmove(&rig->items[0], &rig->items[i], (rig->n - i) * sizeof(rig->items[0]));
	rig->n -= i;
}

static void
take(struct rig *rig, size_t max)
{
	uint8_t bytes[4096];
	ssize_t n;

	while (max > 0 && (n = read(rig->fds[1], bytes, max < sizeof(bytes) ? max : sizeof(bytes))) > 0) {
		buf_append(&rig->got, bytes, (size_t)n);
		max -= (size_t)n;
	}
}

static enum outq_status
write_some(struct rig *rig, size_t budget)
{
	struct barrier *barrier = NULL;
	size_t written;
	enum outq_status status = outq_write(&rig->q, rig->fds[0], budget, &written, &barrier);

	note_written(rig, written);
	assert_int_not_equal(status, OUTQ_ERROR);
	if (status == OUTQ_GATED) {
		assert_true(barrier->pending > 0);
		assert_true(rig->n > 0 && rig->items[0].barrier == barrier);
	}
	assert_true((status == OUTQ_EMPTY) == (rig->n == 0));
	return status;
}

/* The queue counts what the model has. */
static void
check_counts(struct rig *rig)
{
	size_t bytes = 0, held = 0;
	bool has_messages = false, is_in_held = false;

	for (size_t i = 0; i < rig->n; i++) {
		const struct item *item = &rig->items[i];

		is_in_held = is_in_held || is_held(item);
		bytes += item->left;
		held += is_in_held ? item->left : 0;
		has_messages = has_messages || item->is_message;
	}
	assert_true(outq_release(&rig->q) > 0);
	assert_int_equal(rig->q.bytes + (rig->q.extra ? rig->q.extra->ahead.bytes : 0), bytes);
	assert_int_equal(outq_held_cost(&rig->q) - (outq_is_held(&rig->q) ? rig->q.extra->held * OUTQ_SPAN_COST : 0),
	                 held);
	assert_true(outq_has_messages(&rig->q) == has_messages);
	assert_in_range(outq_memory(&rig->q), bytes, SIZE_MAX);
}

static void
step(struct rig *rig)
{
	switch (prng_below(&rig->prng, 20)) {
	case 0 ... 3:
		push_reply(rig);
		break;
	case 4 ... 8:
		push(rig, 1 + prng_below(&rig->prng, prng_below(&rig->prng, 8) ? 60 : 20000), true, NULL);
		break;
	case 9:
		push_answer(rig);
		break;
	case 10:
		commit(rig);
		break;
	case 11:
		open_plain(rig);
		break;
	case 12:
		if (prng_below(&rig->prng, 8) == 0)
			pin(rig);
		break;
	case 14:
	case 15:
		push_slot(rig);
		break;
	case 16:
	case 17:
		fill(rig);
		break;
	case 13:
		outq_detach(&rig->q, &rig->chunks);
		break;
	default:
		take(rig, prng_below(&rig->prng, 20000));
		write_some(rig, prng_below(&rig->prng, 3) ? SIZE_MAX : 1 + prng_below(&rig->prng, 3000));
		break;
	}
}

static void
compare(struct rig *rig)
{
	assert_int_equal(rig->got.len, rig->expected.len);
	assert_memory_equal(rig->got.data, rig->expected.data, rig->got.len);
}

/* Each byte is written at its place, whatever happens in between. */
static void
random_queues(void **state)
{
	struct rig *rig = *state;
	uint64_t messages;

	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 400; i++) {
			step(rig);
			check_counts(rig);
		}
		if (round % 4 == 0) {
			messages = 0;
			for (size_t i = 0; i < rig->n; i++)
				messages += rig->items[i].is_message;
			/* All of a span that was written in part count. */
			assert_in_range(outq_clear(&rig->q), messages, messages + 64);
			take(rig, SIZE_MAX);
			compare(rig);
			rig->n = 0;
			abandon_slots(rig);
			continue;
		}
		while (rig->n_commits > 0)
			commit(rig);
		while (rig->n_slots > 0)
			fill(rig);
		open_plain(rig);
		while (write_some(rig, SIZE_MAX) != OUTQ_EMPTY)
			take(rig, SIZE_MAX);
		take(rig, SIZE_MAX);
		compare(rig);
		assert_null(rig->q.extra);
	}
}

/* While the disk stands still, any number of messages gets through, and costs the same each. */
static void
messages_pass_many_held_replies(void **state)
{
	struct rig *rig = *state;
	struct barrier *a = barrier_new_commit(&rig->barriers), *b = barrier_new_commit(&rig->barriers);

	rig->commits[rig->n_commits++] = a;
	rig->commits[rig->n_commits++] = b;
	for (int i = 0; i < 500; i++) {
		push(rig, 5, false, i % 2 ? a : b);
		push(rig, 5, false, NULL);
	}
	for (int i = 0; i < 500; i++)
		push(rig, 7, true, NULL);
	assert_in_range(rig->q.extra->ahead.bytes, 500 * 7, 500 * 7);
	assert_int_equal(outq_release(&rig->q), 1); /* nothing is moved while nothing is released */
	while (write_some(rig, SIZE_MAX) == OUTQ_FULL)
		take(rig, SIZE_MAX);
	take(rig, SIZE_MAX);
	compare(rig);
	assert_int_equal(rig->got.len, 500 * 7);
	commit(rig);
	assert_int_equal(write_some(rig, SIZE_MAX), OUTQ_GATED); /* the very first one waits for b */
	assert_int_equal(rig->n, 1000);
	commit(rig);
	while (write_some(rig, SIZE_MAX) != OUTQ_EMPTY)
		take(rig, SIZE_MAX);
}

/* A reply whose commit is done is not overtaken any more, even if the socket has no room for it. */
static void
released_replies_do_not_starve(void **state)
{
	struct rig *rig = *state;

	rig->commits[rig->n_commits++] = barrier_new_commit(&rig->barriers);
	push(rig, 60000, true, NULL);
	assert_int_equal(write_some(rig, SIZE_MAX), OUTQ_FULL);
	push(rig, 10, false, rig->commits[0]);
	push(rig, 10, true, NULL);
	assert_true(rig->items[1].is_message);
	commit(rig);
	push(rig, 10, true, NULL);
	assert_true(rig->items[3].is_message && !rig->items[2].is_message);
	check_counts(rig);
	assert_int_equal(outq_held_cost(&rig->q), 0);
	while (write_some(rig, SIZE_MAX) != OUTQ_EMPTY)
		take(rig, SIZE_MAX);
	take(rig, SIZE_MAX);
	compare(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_pass_many_held_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(released_replies_do_not_starve, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
