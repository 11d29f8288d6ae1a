/* Streams and the store: what waits for commits and fetches, and what happens when these fail. */
#include "keep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "group.h"
#include "stream-index.h"
#include "streams-clock.h"
#include "streams-record.h"

static void
answers_wait_for_the_commit(void **state __attribute__((unused)))
{
	struct barrier *first, *second;
	struct stream *a, *b;
	struct keep keep;

	keep_init(&keep, 1 << 20);
	memory_store_set_auto(keep.storage, false);
	a = keep_get(&keep, "a");
	keep_add(&keep, a, 1, 10);
	first = barrier_ref(streams_barrier(&keep.streams, a));
	assert_true(first->pending > 0 && streams_have_changes(&keep.streams));
	streams_commit(&keep.streams);
	assert_ptr_equal(streams_barrier(&keep.streams, a), first);
	assert_ptr_equal(streams_barrier(&keep.streams, NULL), first);

	/* While that is under way, changes of other streams go into the next batch. */
	b = keep_get(&keep, "b");
	second = barrier_ref(streams_barrier(&keep.streams, b));
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(streams_barrier(&keep.streams, a), first);
	assert_ptr_equal(streams_barrier(&keep.streams, NULL), second);
	keep_commit(&keep);
	assert_true(first->pending > 0 && second->pending > 0);

	memory_store_finish(keep.storage);
	streams_collect(&keep.streams);
	assert_true(first->pending == 0 && second->pending > 0);
	assert_null(streams_barrier(&keep.streams, a));
	assert_ptr_equal(streams_barrier(&keep.streams, b), second);
	streams_commit(&keep.streams);
	memory_store_finish(keep.storage);
	streams_collect(&keep.streams);
	assert_int_equal(second->pending, 0);
	assert_null(streams_barrier(&keep.streams, NULL));
	assert_false(streams_have_changes(&keep.streams));
	barrier_unref(first);
	barrier_unref(second);
	keep_deinit(&keep);
}

static void
nothing_is_told_after_a_failure(void **state __attribute__((unused)))
{
	struct barrier *barrier;
	struct keep keep;
	struct stream *a;
	struct client *c;

	keep_init(&keep, 1 << 20);
	memory_store_set_auto(keep.storage, false);
	a = keep_get(&keep, "a");
	keep_add(&keep, a, 1, 10);
	barrier = barrier_ref(streams_barrier(&keep.streams, a));
	streams_commit(&keep.streams);
	c = keep_client_new(&keep);
	flow_set_out_state(&keep.flow, c, CLIENT_OUT_GATED);
	barrier_wait(barrier, &c->gate);
	memory_store_fail(keep.storage);
	streams_collect(&keep.streams);
	assert_true(barrier->pending > 0 && barrier->is_broken);
	assert_ptr_equal(barrier_take_ready(&keep.flow.barriers), &c->gate);
	assert_string_equal(streams_refusal(&keep.streams, 0),
	                    "MISCONF the store cannot be written: Input/output error");
	assert_string_equal(streams_failure(&keep.streams), "MISCONF the store cannot be written: Input/output error");
	keep_add(&keep, a, 2, 10);
	assert_true(streams_barrier(&keep.streams, a)->is_broken);
	keep_commit(&keep); /* does nothing */
	keep_client_free(&keep, c);
	barrier_unref(barrier);
	keep_reopen(&keep);
	assert_null(keep_find(&keep, "a"));
	keep_deinit(&keep);
}

static void
refusals(void **state __attribute__((unused)))
{
	struct keep keep;

	keep_init(&keep, 1 << 20);
	keep.limits.max_bytes_per_uid = 1024;
	streams_set_limits(&keep.streams, &keep.limits);
	assert_null(streams_refusal(&keep.streams, KEEP_UID));
	keep_add(&keep, keep_get(&keep, "a"), 1, 1024);
	assert_null(streams_refusal(&keep.streams, KEEP_UID + 1));
	assert_string_equal(streams_refusal(&keep.streams, KEEP_UID),
	                    "OOM command not allowed: the streams of uid 1000 are full (max_bytes_per_uid = 1K)");
	streams_delete(&keep.streams, keep_find(&keep, "a"));
	assert_null(streams_refusal(&keep.streams, KEEP_UID));
	assert_int_equal(streams_user_bytes(&keep.streams, KEEP_UID), 0);
	memory_store_set_state(keep.storage, STORAGE_FULL, "No space left on device");
	assert_string_equal(streams_refusal(&keep.streams, KEEP_UID),
	                    "MISCONF the store cannot be written: No space left on device");
	assert_null(streams_failure(&keep.streams));
	memory_store_set_state(keep.storage, STORAGE_SCARCE, "max_bytes = 1G");
	assert_string_equal(streams_refusal(&keep.streams, KEEP_UID),
	                    "OOM command not allowed: the store is full (max_bytes = 1G)");
	keep_deinit(&keep);
}

/* Without memory for a batch nothing is lost, and no answer leaves. */
static void
no_memory_for_a_batch(void **state __attribute__((unused)))
{
	struct barrier *barrier;
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	for (uint64_t ms = 1; ms <= 250; ms++)
		keep_add(&keep, a, ms, 10);
	barrier = barrier_ref(streams_barrier(&keep.streams, a));
	for (int i = 0; i < 4; i++) { /* a little of it each time, but it is stored as a whole */
		memory_store_set_memory(keep.storage, i > 0);
		keep_commit(&keep);
		assert_true(barrier->pending > 0);
		assert_int_equal(memory_disk_blocks(keep.disk), 0);
	}
	memory_store_set_memory(keep.storage, -1);
	keep_commit(&keep);
	assert_int_equal(barrier->pending, 0);
	barrier_unref(barrier);
	assert_int_equal(memory_disk_blocks(keep.disk), 2);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 1);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 1000), 250);
	keep_deinit(&keep);
}

/* After a crash there is what was committed last, and no number is used again. */
static void
after_a_crash(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;
	uint64_t no;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	for (uint64_t ms = 1; ms <= 150; ms++)
		keep_add(&keep, a, ms, 10);
	keep_commit(&keep);
	keep_get(&keep, "b");
	keep_commit(&keep);
	no = keep_find(&keep, "b")->no;
	streams_delete(&keep.streams, keep_find(&keep, "b"));
	keep_commit(&keep);
	keep_add(&keep, a, 200, 10);
	stream_delete(&keep.streams, a, (struct stream_id){ 1, 0 });
	streams_rename(&keep.streams, a, slice_of("c"));
	memory_store_set_auto(keep.storage, false);
	keep_reopen(&keep);
	assert_null(keep_find(&keep, "b"));
	assert_null(keep_find(&keep, "c"));
	a = keep_find(&keep, "a");
	assert_int_equal(keep_count(&keep, a, 0, 1000), 150);
	assert_int_equal(a->added, 150);
	assert_true(keep_get(&keep, "b")->no > no);
	keep_deinit(&keep);
}

static void
deleted_and_renamed(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a, *b;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	keep_add(&keep, a, 1, 10);
	b = keep_get(&keep, "b");
	keep_add(&keep, b, 2, 10);
	keep_add(&keep, b, 3, 10);
	keep_commit(&keep);
	assert_int_equal(streams_rename(&keep.streams, b, slice_of("a")), 0);
	assert_ptr_equal(keep_find(&keep, "a"), b);
	assert_int_equal(streams_rename(&keep.streams, b, slice_of("a")), 0);
	assert_null(keep_find(&keep, "b"));
	keep_add(&keep, keep_get(&keep, "b"), 9, 10); /* goes before it was ever stored */
	streams_delete(&keep.streams, keep_find(&keep, "b"));
	keep_commit(&keep);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 1);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_STREAMS), 1);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 2);
	streams_delete(&keep.streams, keep_find(&keep, "a"));
	assert_int_equal(keep.streams.entries, 0);
	keep_commit(&keep);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 0);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_STREAMS), 0);
	keep_deinit(&keep);
}

static void
names_and_numbers_have_limits(void **state __attribute__((unused)))
{
	static uint8_t name[PROTOCOL_NAME_MAX + 1];
	struct keep keep;
	int error = 0;

	keep_init(&keep, 1 << 20);
	keep.limits.max_streams = 2;
	streams_set_limits(&keep.streams, &keep.limits);
	assert_null(streams_get(&keep.streams, (struct slice){ name, sizeof(name) }, 0, &error));
	assert_int_equal(error, -ENAMETOOLONG);
	assert_non_null(streams_get(&keep.streams, (struct slice){ name, sizeof(name) - 1 }, 0, &error));
	keep_get(&keep, "");
	assert_null(streams_get(&keep.streams, slice_of("x"), 0, &error));
	assert_int_equal(error, -ENFILE);
	assert_int_equal(streams_rename(&keep.streams, keep_find(&keep, ""), (struct slice){ name, sizeof(name) }),
	                 -ENAMETOOLONG);
	keep_reopen(&keep);
	assert_non_null(streams_find(&keep.streams, (struct slice){ name, sizeof(name) - 1 }));
	assert_non_null(keep_find(&keep, ""));
	keep_deinit(&keep);
}

/* 100 blocks of one stream on disk, none in memory. */
static struct stream *
make_cold(struct keep *keep)
{
	struct stream *a = keep_get(keep, "a");

	for (uint64_t ms = 1; ms <= 10001; ms++)
		keep_add(keep, a, ms, 10);
	keep_commit(keep);
	stream_delete(&keep->streams, a, (struct stream_id){ 10001, 0 });
	keep_commit(keep);
	assert_int_equal(memory_disk_blocks(keep->disk), 100);
	keep_reopen(keep);
	return keep_find(keep, "a");
}

static void
clients_wait_for_blocks(void **state __attribute__((unused)))
{
	struct client *c[3];
	struct stream_entry entry;
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = make_cold(&keep);
	for (int i = 0; i < 3; i++)
		c[i] = keep_client_new(&keep);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 50 }, &entry), STREAM_COLD);
		assert_true(streams_wait_cold(&keep.streams, c[i]));
		assert_int_equal(c[i]->state, CLIENT_WAITING);
	}
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 5000 }, &entry), STREAM_COLD);
	assert_true(streams_wait_cold(&keep.streams, c[2]));
	assert_int_equal(memory_store_fetches(keep.storage), 2);
	flow_mark_dead(&keep.flow, c[1]);
	streams_collect(&keep.streams);
	assert_int_equal(c[0]->state, CLIENT_READY);
	assert_int_equal(c[1]->state, CLIENT_DEAD);
	assert_int_equal(c[2]->state, CLIENT_READY);
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 50 }, &entry), STREAM_ENTRY);
	assert_int_equal(entry.id.ms, 50);

	/* The stream goes while a block of it is fetched. */
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 7000 }, &entry), STREAM_COLD);
	assert_true(streams_wait_cold(&keep.streams, c[0]));
	streams_delete(&keep.streams, a);
	assert_int_equal(c[0]->state, CLIENT_READY);
	assert_null(keep_find(&keep, "a"));
	keep_commit(&keep);
	assert_int_equal(keep.streams.cache.bytes, 0);
	for (int i = 0; i < 3; i++)
		keep_client_free(&keep, c[i]);
	keep_deinit(&keep);
}

/* What a client waits for is still there when it runs, however much others read meanwhile. */
static void
fetched_blocks_stay_until_they_are_used(void **state __attribute__((unused)))
{
	struct stream_entry entry;
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 0);
	a = make_cold(&keep);
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 50 }, &entry), STREAM_COLD);
	streams_collect(&keep.streams);
	for (uint64_t ms = 1000; ms < 3000; ms += 100) {
		assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ ms }, &entry), STREAM_COLD);
		streams_collect(&keep.streams);
		assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ ms }, &entry), STREAM_ENTRY);
		keep_commit(&keep);
	}
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 50 }, &entry), STREAM_ENTRY);
	keep_commit(&keep);
	assert_int_equal(keep.streams.cache.bytes, 0);
	assert_int_equal(stream_find(&keep.streams, a, (struct stream_id){ 50 }, &entry), STREAM_COLD);
	streams_collect(&keep.streams);
	keep_deinit(&keep);
}

static void
the_cache_is_bounded(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 100000);
	a = make_cold(&keep);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(keep_count(&keep, a, 0, 100000), 10000);
		streams_commit(&keep.streams);
		assert_true(keep.streams.cache.bytes <= 100000);
	}
	/* Each block is asked for once in a walk, several at once. */
	assert_true(memory_store_fetches(keep.storage) <= 310);
	for (uint64_t ms = 10002; ms <= 20000; ms++) {
		keep_add(&keep, a, ms, 10);
		if (ms % 1000 == 0)
			keep_commit(&keep);
	}
	streams_commit(&keep.streams);
	assert_true(keep.streams.cache.bytes <= 100000 + 8192);
	assert_int_equal(keep_count(&keep, a, 0, 100000), 19999);
	keep_deinit(&keep);
}

static void
damaged_blocks(void **state __attribute__((unused)))
{
	struct stream_trim trim = { .max_length = 9900 };
	uint64_t removed = 0;
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = make_cold(&keep);
	memory_disk_damage(keep.disk, 3, 77);
	assert_int_equal(keep_count(&keep, a, 0, 100000), UINT64_MAX);
	assert_int_equal(keep_count(&keep, a, 0, 300), 300);
	assert_int_equal(keep_count(&keep, a, 401, 100000), 9600);
	assert_int_equal(stream_delete(&keep.streams, a, (struct stream_id){ 350 }), STREAM_ERROR);
	assert_int_equal(stream_trim(&keep.streams, a, &trim, NULL, NULL, &removed), STREAM_END);
	trim.max_length = 9650;
	assert_int_equal(stream_trim(&keep.streams, a, &trim, NULL, NULL, &removed), STREAM_ERROR);
	trim.max_length = 9600;
	assert_int_equal(stream_trim(&keep.streams, a, &trim, NULL, NULL, &removed), STREAM_END);
	assert_int_equal(keep_count(&keep, a, 0, 100000), 9600);
	keep_commit(&keep);
	assert_int_equal(memory_disk_blocks(keep.disk), 96);
	keep_deinit(&keep);
}

static void
streams_expire_on_time(void **state __attribute__((unused)))
{
	struct keep keep;
	uint64_t now;

	keep_init(&keep, 1 << 20);
	now = streams_now_ms(&keep.streams);
	for (int i = 0; i < 50; i++) {
		char name[8];

		snprintf(name, sizeof(name), "s%d", i);
		streams_expire(&keep.streams, keep_get(&keep, name), i % 2 ? now - 1 : now + 1000000);
	}
	streams_expire(&keep.streams, keep_find(&keep, "s0"), 0);
	assert_null(keep_find(&keep, "s1"));
	assert_int_equal(keep.streams.table.n, 49);
	keep_commit(&keep);
	for (int i = 0; i < 10; i++) {
		keep.flow.now_ms += 1000;
		keep_commit(&keep);
	}
	assert_int_equal(keep.streams.table.n, 25);
	keep_reopen(&keep);
	assert_int_equal(keep.streams.table.n, 25);
	assert_int_equal(keep_find(&keep, "s0")->expires_ms, 0);
	assert_int_equal(keep_find(&keep, "s2")->expires_ms, now + 1000000);
	keep_deinit(&keep);
}

/* The loop is told when it has to look next, so that a daemon without clients deletes streams too. */
static void
the_next_expiry_is_known(void **state __attribute__((unused)))
{
	struct keep keep;
	uint64_t now_us;

	keep_init(&keep, 1 << 20);
	assert_int_equal(streams_next_deadline(&keep.streams), UINT64_MAX);
	assert_int_equal(streams_expire(&keep.streams, keep_get(&keep, "a"), streams_unix_ms() + 30000), 0);
	assert_int_equal(streams_expire(&keep.streams, keep_get(&keep, "b"), streams_unix_ms() + 10000), 0);
	now_us = streams_now_us();
	assert_in_range(streams_next_deadline(&keep.streams), now_us + 9000000, now_us + 11000000);
	assert_false(streams_have_work(&keep.streams));
	assert_int_equal(streams_expire(&keep.streams, keep_find(&keep, "b"), 0), 0);
	assert_in_range(streams_next_deadline(&keep.streams), now_us + 29000000, now_us + 31000000);
	assert_int_equal(streams_expire(&keep.streams, keep_find(&keep, "a"), streams_unix_ms() - 1), 0);
	assert_true(streams_next_deadline(&keep.streams) <= streams_now_us() + 20000);
	assert_true(streams_have_work(&keep.streams));
	keep_commit(&keep);
	assert_false(streams_have_work(&keep.streams));
	assert_int_equal(streams_next_deadline(&keep.streams), UINT64_MAX);
	assert_int_equal(keep.streams.table.n, 1);
	keep_deinit(&keep);
}

/* Of two streams with one name, which only damage leaves, the first stays; also if its time is over. */
static void
names_are_unique_after_a_load(void **state __attribute__((unused)))
{
	uint8_t record[STREAM_RECORD_MAX];
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	keep_add(&keep, a, 1, 10);
	streams_expire(&keep.streams, a, streams_now_ms(&keep.streams) + 1); /* not before the commit */
	assert_int_equal(storage_put(keep.storage, STORAGE_STREAMS, a->no + 1, STREAM_RECORD_KEY,
	                             (struct slice){ record, stream_record_put(record, a) }),
	                 0);
	keep_commit(&keep);
	usleep(30000);
	keep_reopen(&keep);
	assert_int_equal(keep.streams.table.n, 1);
	assert_int_equal(keep.streams.entries, 1);
	assert_null(keep_find(&keep, "a"));
	assert_int_equal(keep.streams.entries, 0);
	keep_deinit(&keep);
}

/* A walk backward that ends where a block begins does not want the block before. */
static void
a_walk_backward_fetches_no_more_than_it_needs(void **state __attribute__((unused)))
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	struct stream_id from;
	struct keep keep;
	struct stream *a;
	int n = 0;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	for (uint64_t ms = 1; ms <= 1000; ms++)
		keep_add(&keep, a, ms, 10);
	keep_commit(&keep);
	keep_reopen(&keep);
	a = keep_find(&keep, "a");
	assert_true(a->n_blocks > 2);
	from = stream_index_at(a, 1)->first;
	while (n < 2) { /* the first one asks for the block */
		enum stream_step step;

		stream_seek(&cursor, a, from, from, true);
		while ((step = stream_step(&keep.streams, &cursor, &entry)) == STREAM_ENTRY)
			assert_int_equal(stream_id_cmp(entry.id, from), 0);
		assert_int_equal(step, n++ == 0 ? STREAM_COLD : STREAM_END);
		keep_commit(&keep);
	}
	assert_int_equal(memory_store_fetches(keep.storage), 1);
	keep_deinit(&keep);
}

/* A command that has found a stream may go on with it, however long it takes. */
static void
nothing_expires_while_a_command_runs(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	streams_expire(&keep.streams, a, streams_now_ms(&keep.streams) + 1);
	assert_ptr_equal(keep_find(&keep, "a"), a);
	usleep(30000);
	assert_ptr_equal(keep_find(&keep, "a"), a);
	flow_update_time(&keep.flow);
	assert_null(keep_find(&keep, "a"));
	keep_deinit(&keep);
}

static void
writers_wait_for_the_disk(void **state __attribute__((unused)))
{
	struct keep keep;
	struct client *c;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	c = keep_client_new(&keep);
	memory_store_set_auto(keep.storage, false);
	a = keep_get(&keep, "a");
	assert_false(streams_must_wait(&keep.streams, c));
	for (uint64_t ms = 1; keep.streams.dirty_bytes <= 1 << 20; ms++)
		keep_add(&keep, a, ms, 1000);
	assert_true(a->bytes > (1 << 20) / 10 * 9);
	streams_commit(&keep.streams);
	assert_true(streams_must_wait(&keep.streams, c));
	assert_int_equal(c->state, CLIENT_WAITING);
	memory_store_finish(keep.storage);
	streams_collect(&keep.streams);
	assert_int_equal(c->state, CLIENT_READY);
	assert_false(streams_must_wait(&keep.streams, c));
	keep_client_free(&keep, c);
	keep_deinit(&keep);
}

/* What has gone before it could be stored is not waited for. */
static void
what_comes_and_goes_leaves_nothing_to_wait_for(void **state __attribute__((unused)))
{
	struct keep keep;
	struct client *c;

	keep_init(&keep, 1 << 20);
	c = keep_client_new(&keep);
	for (int i = 0; i < 3; i++) {
		keep_add(&keep, keep_get(&keep, "a"), 1, 400000);
		streams_delete(&keep.streams, keep_find(&keep, "a"));
		keep_commit(&keep);
	}
	assert_false(streams_must_wait(&keep.streams, c));
	for (uint64_t ms = 1; ms <= 3; ms++)
		keep_add(&keep, keep_get(&keep, "a"), ms, 400000);
	assert_true(streams_must_wait(&keep.streams, c));
	streams_delete(&keep.streams, keep_find(&keep, "a"));
	keep_commit(&keep);
	assert_int_equal(c->state, CLIENT_READY);
	assert_false(streams_must_wait(&keep.streams, c));
	keep_client_free(&keep, c);
	keep_deinit(&keep);
}

/* What a stream takes while it is empty does not depend on what it had. */
static void
an_empty_stream_is_small(void **state __attribute__((unused)))
{
	struct stream_trim trim = { .max_length = 0 };
	uint64_t removed = 0;
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = make_cold(&keep);
	assert_true(a->blocks_cap >= 100);
	for (uint64_t ms = 101; ms < 10000; ms += 100) /* the first one of each block but the first */
		while (stream_delete(&keep.streams, a, (struct stream_id){ ms }) == STREAM_COLD)
			streams_collect(&keep.streams);
	assert_int_equal(a->n_gone, 99);
	keep_commit(&keep);
	assert_int_equal(a->gone_cap, 0);
	assert_int_equal(stream_trim(&keep.streams, a, &trim, NULL, NULL, &removed), STREAM_END);
	assert_int_equal(removed, 9901);
	assert_int_equal(keep.streams.cache.bytes, 0);
	assert_true(a->blocks_cap <= 64);
	assert_int_equal(a->bytes, 0);
	keep_commit(&keep);
	assert_int_equal(memory_disk_blocks(keep.disk), 0);
	keep_deinit(&keep);
}

/* However much comes during a long flush, no pass has much to write at once. */
static void
a_long_flush_leaves_little_to_do(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	keep.limits.queue_bytes = 64 << 20;
	streams_set_limits(&keep.streams, &keep.limits);
	memory_store_set_auto(keep.storage, false);
	a = keep_get(&keep, "a");
	streams_commit(&keep.streams);
	for (uint64_t ms = 1; ms <= 20000; ms++) {
		uint64_t begin = keep.flow.work.done;

		keep_add(&keep, a, ms, 1000);
		if (ms % 100 > 0)
			continue;
		streams_commit(&keep.streams);
		assert_true(keep.flow.work.done - begin < 1000000);
		if (ms == 10000) { /* what was written ahead changes again */
			assert_int_equal(stream_delete(&keep.streams, a, (struct stream_id){ 5 }), STREAM_ENTRY);
			assert_int_equal(stream_delete(&keep.streams, a, (struct stream_id){ 1 }), STREAM_ENTRY);
		}
	}
	assert_true(keep.streams.dirty_bytes > 20 << 20);
	memory_store_finish(keep.storage);
	for (int i = 0; i < 2; i++) {
		uint64_t begin = keep.flow.work.done;

		streams_collect(&keep.streams);
		streams_commit(&keep.streams);
		assert_true(keep.flow.work.done - begin < 1000000);
		memory_store_finish(keep.storage);
	}
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100000), 19998);
	keep_deinit(&keep);
}

/* A batch about very many streams is filled over several passes. What changes meanwhile is in it as it is at the end.
 */
static void
a_large_batch_is_filled_in_portions(void **state __attribute__((unused)))
{
	struct barrier *barrier;
	struct client *c;
	struct keep keep;
	int passes = 0;
	char name[16];

	keep_init(&keep, 1 << 20);
	keep.limits.max_streams = 20000;
	keep.limits.queue_bytes = 64 << 20;
	streams_set_limits(&keep.streams, &keep.limits);
	c = keep_client_new(&keep);
	for (int i = 0; i < 10000; i++) {
		struct stream *stream;

		snprintf(name, sizeof(name), "s%d", i);
		stream = keep_get(&keep, name);
		keep_add(&keep, stream, 1, 10);
		assert_non_null(group_new(&keep.streams, stream, slice_of("g"), STREAM_ID_MIN, 0));
	}
	barrier = barrier_ref(streams_barrier(&keep.streams, keep_find(&keep, "s0")));
	for (; barrier->pending > 0; passes++) {
		uint64_t begin = keep.flow.work.done;

		assert_true(passes < 100);
		assert_int_equal(memory_disk_blocks(keep.disk), 0);
		streams_commit(&keep.streams);
		assert_true(keep.flow.work.done - begin < WORK_PASS);
		streams_collect(&keep.streams);
		if (passes == 0) { /* what was written already changes, goes, and loses its group */
			assert_true(streams_must_wait(&keep.streams, c));
			keep_add(&keep, keep_find(&keep, "s0"), 2, 10);
			streams_delete(&keep.streams, keep_find(&keep, "s1"));
			group_delete(&keep.streams, keep_find(&keep, "s2"),
			             group_find(keep_find(&keep, "s2"), slice_of("g")));
			stream_delete(&keep.streams, keep_find(&keep, "s3"), (struct stream_id){ 1 });
			assert_ptr_equal(streams_barrier(&keep.streams, keep_find(&keep, "s0")), barrier);
		}
	}
	assert_true(passes > 2);
	assert_int_equal(c->state, CLIENT_READY);
	assert_false(streams_must_wait(&keep.streams, c));
	barrier_unref(barrier);
	keep_client_free(&keep, c);
	memory_store_set_auto(keep.storage, false);
	keep_reopen(&keep);
	assert_int_equal(keep.streams.table.n, 9999);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "s0"), 0, 100), 2);
	assert_null(keep_find(&keep, "s1"));
	assert_int_equal(keep_find(&keep, "s2")->n_groups, 0);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "s3"), 0, 100), 0);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "s9999"), 0, 100), 1);
	assert_int_equal(keep_find(&keep, "s9999")->n_groups, 1);
	keep_deinit(&keep);
}

/* The store fails while a batch is being filled: nobody waits for the rest of it. */
static void
a_failure_ends_the_filling(void **state __attribute__((unused)))
{
	struct client *c;
	struct keep keep;
	char name[16];

	keep_init(&keep, 1 << 20);
	keep.limits.max_streams = 20000;
	streams_set_limits(&keep.streams, &keep.limits);
	c = keep_client_new(&keep);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		keep_add(&keep, keep_get(&keep, name), 1, 10);
	}
	streams_commit(&keep.streams);
	assert_true(keep.streams.is_filling);
	assert_true(streams_must_wait(&keep.streams, c));
	memory_store_fail(keep.storage);
	streams_collect(&keep.streams);
	assert_int_equal(c->state, CLIENT_READY);
	assert_false(keep.streams.is_filling);
	assert_false(streams_must_wait(&keep.streams, c));
	assert_false(streams_want_commit(&keep.streams));
	keep_client_free(&keep, c);
	keep_deinit(&keep);
}

/* Streams that are there all the time are met exactly once, while others come and go. */
static void
a_walk_meets_each_once(void **state __attribute__((unused)))
{
	struct streams_walk walk = { 0 };
	struct stream *found[7];
	unsigned int met[200] = { 0 }, step = 0;
	struct keep keep;
	bool is_end;
	char name[32];

	keep_init(&keep, 1 << 20);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		keep_get(&keep, name);
	}
	do {
		size_t n = streams_walk(&keep.streams, &walk, found, 7, &is_end);

		assert_true(n <= 7);
		for (size_t i = 0; i < n; i++)
			if (found[i]->name[0] == 's')
				met[atoi((char *)found[i]->name + 1)]++;
		step++;
		for (int i = 0; i < 20; i++) { /* the table grows, and then shrinks */
			struct stream *stream;

			snprintf(name, sizeof(name), "x%d", (int)(step % 20) * 20 + i);
			stream = keep_get(&keep, name);
			if (step >= 20)
				streams_delete(&keep.streams, stream);
		}
	} while (!is_end);
	for (int i = 0; i < 200; i++)
		assert_int_equal(met[i], 1);
	assert_true(step >= 200 / 7);
	keep_deinit(&keep);
	assert_true(is_end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_wait_for_the_commit),
		cmocka_unit_test(nothing_is_told_after_a_failure),
		cmocka_unit_test(refusals),
		cmocka_unit_test(no_memory_for_a_batch),
		cmocka_unit_test(after_a_crash),
		cmocka_unit_test(deleted_and_renamed),
		cmocka_unit_test(names_and_numbers_have_limits),
		cmocka_unit_test(clients_wait_for_blocks),
		cmocka_unit_test(fetched_blocks_stay_until_they_are_used),
		cmocka_unit_test(the_cache_is_bounded),
		cmocka_unit_test(damaged_blocks),
		cmocka_unit_test(streams_expire_on_time),
		cmocka_unit_test(the_next_expiry_is_known),
		cmocka_unit_test(names_are_unique_after_a_load),
		cmocka_unit_test(a_walk_backward_fetches_no_more_than_it_needs),
		cmocka_unit_test(nothing_expires_while_a_command_runs),
		cmocka_unit_test(writers_wait_for_the_disk),
		cmocka_unit_test(what_comes_and_goes_leaves_nothing_to_wait_for),
		cmocka_unit_test(an_empty_stream_is_small),
		cmocka_unit_test(a_long_flush_leaves_little_to_do),
		cmocka_unit_test(a_large_batch_is_filled_in_portions),
		cmocka_unit_test(a_failure_ends_the_filling),
		cmocka_unit_test(a_walk_meets_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
