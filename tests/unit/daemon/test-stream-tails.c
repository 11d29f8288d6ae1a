/* What is added to streams is stored as tails (stream-tails.h) until its block is full, or they are old. */
#include "keep.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "group.h"
#include "stream-index.h"
#include "stream-tails.h"
#include "streams-fill.h"
#include "streams-record.h"

static struct stream *
get(struct keep *keep, unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "s%u", number);
	return keep_get(keep, name);
}

static void
many_streams_take_one_record(void **state __attribute__((unused)))
{
	struct keep keep;

	keep_init(&keep, 1 << 20);
	for (uint64_t ms = 1; ms <= 10; ms++) {
		for (unsigned int i = 0; i < 100; i++)
			keep_add(&keep, get(&keep, i), ms, 10);
		keep_commit(&keep);
		assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), ms);
	}
	assert_int_equal(memory_disk_blocks(keep.disk), 0);
	memory_store_set_auto(keep.storage, false);
	keep_add(&keep, get(&keep, 1), 11, 10); /* is lost in the crash */
	for (int i = 0; i < 3; i++) {
		keep_reopen(&keep);
		/* All is there, and nothing has to be written before it is read. */
		assert_false(streams_have_changes(&keep.streams));
		for (unsigned int k = 0; k < 100; k++) {
			struct stream *stream = get(&keep, k);

			assert_int_equal(stream->added, 10);
			assert_int_equal(stream->last.ms, 10);
			assert_null(streams_barrier(&keep.streams, stream));
			assert_int_equal(keep_count(&keep, stream, 0, 100), 10);
		}
	}
	keep_deinit(&keep);
}

/* Adds entries with ids from..to, each with a commit of its own. */
static void
add_each(struct keep *keep, struct stream *stream, uint64_t from, uint64_t to)
{
	for (uint64_t ms = from; ms <= to; ms++) {
		keep_add(keep, stream, ms, 10);
		keep_commit(keep);
	}
}

static void
a_full_block_is_written(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	add_each(&keep, keep_get(&keep, "a"), 1, 250);
	assert_int_equal(memory_disk_blocks(keep.disk), 2);
	for (int i = 0; i < 2; i++) {
		memory_store_set_auto(keep.storage, false);
		keep_reopen(&keep);
		a = keep_find(&keep, "a");
		assert_int_equal(a->added, 250 + 100 * i);
		assert_int_equal(a->length, 250 + 100 * i);
		assert_int_equal(keep_count(&keep, a, 0, 1000), 250 + 100 * i);
		add_each(&keep, a, 251 + 100 * i, 350 + 100 * i);
	}
	keep_deinit(&keep);
}

/* What else changes comes with the record, or the block; and what was deleted does not come back. */
static void
other_changes(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	add_each(&keep, a, 1, 5);
	streams_expire(&keep.streams, a, UINT64_MAX / 2); /* its record is newer than the tails now */
	keep_commit(&keep);
	add_each(&keep, a, 6, 7);
	assert_int_equal(memory_disk_blocks(keep.disk), 0);
	keep_reopen(&keep);
	a = keep_find(&keep, "a");
	assert_int_equal(a->added, 7);
	assert_int_equal(keep_count(&keep, a, 0, 100), 7);

	assert_int_equal(stream_delete(&keep.streams, a, (struct stream_id){ 3, 0 }), STREAM_ENTRY);
	keep_commit(&keep);
	assert_int_equal(memory_disk_blocks(keep.disk), 1);
	add_each(&keep, a, 8, 9);
	assert_int_equal(memory_disk_blocks(keep.disk), 1);
	keep_reopen(&keep);
	a = keep_find(&keep, "a");
	assert_int_equal(keep_count(&keep, a, 0, 100), 8);

	for (uint64_t ms = 1; ms <= 9; ms++)
		while (stream_delete(&keep.streams, a, (struct stream_id){ ms, 0 }) == STREAM_COLD)
			streams_collect(&keep.streams);
	keep_commit(&keep);
	stream_set_last(&keep.streams, a, (struct stream_id){ 2, 0 });
	keep_commit(&keep);
	keep_reopen(&keep);
	a = keep_find(&keep, "a");
	assert_int_equal(a->length, 0);
	assert_int_equal(a->last.ms, 2);
	add_each(&keep, a, 4, 4);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 1);
	keep_deinit(&keep);
}

/* A block that was read from disk is the last one again, since the one behind it has gone. */
static void
an_old_block_grows(void **state __attribute__((unused)))
{
	struct keep keep;
	struct stream *a;

	keep_init(&keep, 1 << 20);
	add_each(&keep, keep_get(&keep, "a"), 1, 101);
	assert_int_equal(stream_delete(&keep.streams, keep_find(&keep, "a"), (struct stream_id){ 50, 0 }),
	                 STREAM_ENTRY);
	keep_reopen(&keep);
	a = keep_find(&keep, "a");
	assert_int_equal(stream_delete(&keep.streams, a, (struct stream_id){ 101, 0 }), STREAM_ENTRY);
	keep_commit(&keep);
	assert_int_equal(keep_count(&keep, a, 0, 100), 99);
	add_each(&keep, a, 102, 102);
	assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 1);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 1000), 100);
	keep_deinit(&keep);
}

/* A stream that is deleted, and one with its name that is made, in one commit or in two. */
static void
a_stream_with_the_same_name(void **state __attribute__((unused)))
{
	struct keep keep;

	keep_init(&keep, 1 << 20);
	for (int i = 0; i < 2; i++) {
		add_each(&keep, keep_get(&keep, "a"), 1, 5);
		streams_delete(&keep.streams, keep_find(&keep, "a"));
		if (i == 0)
			keep_commit(&keep);
		add_each(&keep, keep_get(&keep, "a"), 3, 4);
		keep_reopen(&keep);
		assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 2);
		streams_delete(&keep.streams, keep_find(&keep, "a"));
		keep_commit(&keep);
		keep_reopen(&keep);
		assert_null(keep_find(&keep, "a"));
		add_each(&keep, keep_get(&keep, "b"), 1, 1); /* numbers go on */
		assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 1);
		keep_reopen(&keep);
		assert_int_equal(keep_count(&keep, keep_find(&keep, "b"), 0, 100), 1);
		streams_delete(&keep.streams, keep_find(&keep, "b"));
	}
	keep_deinit(&keep);
}

static void
old_tails_go(void **state __attribute__((unused)))
{
	enum { STREAMS = 400, ROUNDS = 100 };
	struct keep keep;
	size_t most = 0, n;

	keep_init(&keep, 1 << 20);
	keep.limits.queue_bytes = 64 << 20;
	streams_set_limits(&keep.streams, &keep.limits);
	add_each(&keep, get(&keep, STREAMS), 1, 1);
	for (uint64_t ms = 1; ms <= ROUNDS; ms++) {
		for (unsigned int i = 0; i < STREAMS; i++)
			keep_add(&keep, get(&keep, i), ms, ms % 2 ? 300 : 450);
		keep_commit(&keep);
		n = memory_disk_records(keep.disk, STORAGE_TAILS);
		most = n > most ? n : most;
	}
	/* A round fills three records of 64 KiB. Most blocks are full after ten rounds, before their tails are old. */
	assert_true(most > 20 && most < 100);
	assert_int_equal(keep.streams.tails.oldest, TAILQ_FIRST(&keep.streams.tails.streams)->tails_from);
	memory_store_set_auto(keep.storage, false);
	keep_reopen(&keep);
	for (unsigned int i = 0; i < STREAMS; i++)
		assert_int_equal(keep_count(&keep, get(&keep, i), 0, 1000), ROUNDS);
	/* One that has stood still was written when its time had come. */
	assert_int_equal(get(&keep, STREAMS)->tails_from, 0);
	assert_int_equal(keep_count(&keep, get(&keep, STREAMS), 0, 1000), 1);
	keep_deinit(&keep);
}

/* Many streams whose tails become old at once are not all written by the next commit, and no pass takes long. */
static void
many_old_tails_go_in_portions(void **state __attribute__((unused)))
{
	enum { STREAMS = 500, WORK = 5000 };
	struct keep keep;
	uint64_t before;
	size_t n = 0;

	keep_init(&keep, 1 << 20);
	for (unsigned int i = 0; i < STREAMS; i++)
		keep_add(&keep, get(&keep, i), 1, 10);
	keep_commit(&keep);
	keep.streams.tails.chapter += 1000; /* as if others had filled so many */
	keep_add(&keep, get(&keep, STREAMS), 1, 10);
	before = keep.flow.work.done;
	assert_false(streams_fill(&keep.streams, WORK));
	assert_true(keep.flow.work.done - before < 2 * WORK);
	while (!streams_fill(&keep.streams, WORK))
		;
	for (unsigned int i = 0; i < STREAMS; i++)
		n += get(&keep, i)->tails_from == 0;
	assert_true(n > 0 && n < STREAMS);
	keep_commit(&keep);
	for (unsigned int i = 0; i < STREAMS; i++)
		assert_int_equal(get(&keep, i)->tails_from, 0);
	assert_int_equal(memory_disk_blocks(keep.disk), STREAMS);
	keep_deinit(&keep);
}

/* The tail decides whether it is taken, not the block: a large one would be written again with its block soon. */
static void
large_tails_are_not_taken(void **state __attribute__((unused)))
{
	struct keep keep;

	keep_init(&keep, 1 << 20);
	for (uint64_t ms = 1; ms <= 5; ms++) {
		keep_add(&keep, keep_get(&keep, "large"), ms, 6000);
		keep_commit(&keep);
		assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), 0);
	}
	assert_int_equal(memory_disk_blocks(keep.disk), 3);
	for (uint64_t ms = 1; ms <= 8; ms++) {
		keep_add(&keep, keep_get(&keep, "small"), ms, 1500);
		keep_commit(&keep);
		assert_int_equal(memory_disk_records(keep.disk, STORAGE_TAILS), ms);
	}
	assert_int_equal(memory_disk_blocks(keep.disk), 3);
	memory_store_set_auto(keep.storage, false);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "large"), 0, 100), 5);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "small"), 0, 100), 8);
	keep_deinit(&keep);
}

/* Of many streams that have changed and have no full block, a pass looks at some while a commit is under way. */
static void
few_streams_are_looked_at_ahead(void **state __attribute__((unused)))
{
	enum { STREAMS = 100000 };
	const struct block *full;
	struct keep keep;
	uint64_t before;
	char name[16];

	keep_init(&keep, 1 << 20);
	keep.limits.max_streams = STREAMS + 3;
	streams_set_limits(&keep.streams, &keep.limits);
	memory_store_set_auto(keep.storage, false);
	keep_add(&keep, keep_get(&keep, "a"), 1, 10);
	keep_commit(&keep);
	for (unsigned int i = 0; i < STREAMS; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		keep_get(&keep, name);
	}
	keep_commit(&keep);
	before = keep.flow.work.done;
	for (uint64_t ms = 1; ms <= 150; ms++)
		keep_add(&keep, keep_get(&keep, "full"), ms, 200);
	keep_commit(&keep);
	assert_true(keep.flow.work.done - before < 800 * 1000);
	/* Its blocks come in their turn. */
	full = stream_index_at(keep_get(&keep, "full"), 0)->block;
	for (int i = 0; i < 10 && full->place != BLOCK_AHEAD; i++) {
		keep_add(&keep, keep_get(&keep, "b"), 1 + (uint64_t)i, 20000);
		keep_commit(&keep);
	}
	assert_int_equal(full->place, BLOCK_AHEAD);
	memory_store_fail(keep.storage);
	keep_deinit(&keep);
}

/* A record that has been damaged is left out; others are there. */
static void
damaged_records(void **state __attribute__((unused)))
{
	static const char *const keys[] = { "short", "12345678", "23456789" };
	static const char *const values[] = { "", "\x01",
		                              "\x01\x01"
		                              "1234567812345678"
		                              "\x04"
		                              "abcd" };
	struct keep keep;

	keep_init(&keep, 1 << 20);
	add_each(&keep, keep_get(&keep, "a"), 1, 3);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++)
			storage_put(keep.storage, STORAGE_TAILS, 5 + i + 3 * k, slice_of(keys[i]), slice_of(values[k]));
	add_each(&keep, keep_get(&keep, "a"), 4, 6);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 6);
	add_each(&keep, keep_find(&keep, "a"), 7, 9);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 9);
	keep_deinit(&keep);
}

/* A record, as if somebody had written it, of a tail of the first stream that is none, and of one with an entry. */
static void
put_record(struct keep *keep, uint64_t chapter, uint64_t no, uint64_t ms)
{
	static const uint8_t bad[] = "\x01\x01"
				     "1234567812345678"
				     "\x04"
				     "abcd";
	const struct slice fields[] = { slice_of("f"), slice_of("v") };
	const struct stream_fields pair = { fields, 1 };
	struct stream_id id = { ms, 0 };
	struct block *block = block_new();
	uint8_t record[200], key[8], *p = slice_put(record, (struct slice){ bad, sizeof(bad) - 1 });
	struct slice bytes;

	assert_int_equal(block_append(block, id, pair, block_entry_size(pair)), 0);
	bytes = block_encode(block);
	*p++ = 1;
	*p++ = 1;
	stream_id_put(p, id);
	p = slice_put(varint_put(p + STORAGE_ID_SIZE, bytes.len), bytes);
	block_free(block);
	for (int i = 0; i < 8; i++)
		key[i] = (uint8_t)(no >> (56 - 8 * i));
	assert_int_equal(storage_put(keep->storage, STORAGE_TAILS, chapter, (struct slice){ key, 8 },
	                             (struct slice){ record, (size_t)(p - record) }),
	                 0);
}

/* What cannot be read of a record is left out, the rest is there. */
static void
a_bad_tail_leaves_the_next_one(void **state __attribute__((unused)))
{
	struct keep keep;

	keep_init(&keep, 1 << 20);
	add_each(&keep, keep_get(&keep, "a"), 1, 3);
	put_record(&keep, 2, 100, 10);
	add_each(&keep, keep_get(&keep, "b"), 1, 1);
	keep_reopen(&keep);
	assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 100), 4);
	assert_int_equal(keep_find(&keep, "a")->last.ms, 10);
	keep_deinit(&keep);
}

/* What was lost does not come back with new entries: they get ids behind those that groups know, which give them. */
static void
lose_entries(bool is_damaged)
{
	struct stream_group *group;
	struct stream *a;
	struct keep keep;
	uint64_t key;

	keep_init(&keep, 1 << 20);
	a = keep_get(&keep, "a");
	add_each(&keep, a, 1, 10);
	group = group_new(&keep.streams, a, slice_of("g"), (struct stream_id){ 8, 0 }, 8);
	assert_non_null(group_give(&keep.streams, group, NULL, (struct stream_id){ 9, 0 }));
	group_new(&keep.streams, keep_get(&keep, "b"), slice_of("g"), (struct stream_id){ 3, 0 }, 0);
	keep_commit(&keep);
	for (uint64_t no = 4; no <= 10; no++) {
		key = htobe64(no);
		if (is_damaged)
			storage_put(keep.storage, STORAGE_TAILS, 1, (struct slice){ (uint8_t *)&key, 8 },
			            slice_of("\x01"));
		else
			storage_delete(keep.storage, STORAGE_TAILS, 1, (struct slice){ (uint8_t *)&key, 8 });
	}
	add_each(&keep, keep_get(&keep, "c"), 1, 1);
	for (int i = 0; i < 2; i++) {
		keep_reopen(&keep);
		a = keep_find(&keep, "a");
		assert_int_equal(a->length, 3);
		assert_int_equal(a->last.ms, 9);
		assert_int_equal(TAILQ_FIRST(&a->groups)->last.ms, 8);
		assert_int_equal(TAILQ_FIRST(&a->groups)->entries_read, a->added);
		assert_int_equal(keep_find(&keep, "b")->last.ms, is_damaged ? 3 : 0);
		assert_int_equal(keep_find(&keep, "c")->last.ms, 1);
	}
	keep_deinit(&keep);
}

static void
groups_know_more_than_is_left(void **state __attribute__((unused)))
{
	lose_entries(true);
	lose_entries(false); /* as in a store that was salvaged */
}

/* The store has no record of a stream, but its entries: a new stream does not get its number, and so not the entries.
 */
static void
strays_keep_their_number(void **state __attribute__((unused)))
{
	struct keep keep;
	uint64_t no;

	for (unsigned int n = 10; n <= 210; n += 200) { /* tails; blocks, too */
		keep_init(&keep, 1 << 20);
		add_each(&keep, keep_get(&keep, "a"), 1, 1);
		add_each(&keep, keep_get(&keep, "b"), 1, n);
		no = keep_find(&keep, "b")->no;
		storage_delete(keep.storage, STORAGE_META, 0, STREAMS_LAST_NO_KEY);
		storage_delete(keep.storage, STORAGE_STREAMS, no, STREAM_RECORD_KEY);
		add_each(&keep, keep_get(&keep, "a"), 2, 2);
		keep_reopen(&keep);
		assert_null(keep_find(&keep, "b"));
		add_each(&keep, keep_get(&keep, "c"), 1, 1);
		assert_true(keep_find(&keep, "c")->no > no);
		keep_reopen(&keep);
		assert_int_equal(keep_count(&keep, keep_find(&keep, "c"), 0, 1000), 1);
		keep_deinit(&keep);
	}
}

/* The number of a chapter may be damaged, too: then chapters are neither looked for one by one, nor used twice. */
static void
chapters_with_any_number(void **state __attribute__((unused)))
{
	static const uint64_t chapters[] = { UINT64_MAX, (uint64_t)INT64_MAX, (uint64_t)1 << 61, 1 << 20 };
	struct keep keep;

	for (size_t i = 0; i < sizeof(chapters) / sizeof(chapters[0]); i++) {
		keep_init(&keep, 1 << 20);
		add_each(&keep, keep_get(&keep, "a"), 1, 3);
		put_record(&keep, chapters[i], 100, 10);
		add_each(&keep, keep_get(&keep, "b"), 1, 1);
		for (int k = 0; k < 3; k++) {
			keep_reopen(&keep);
			assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 0, 5), 3);
			assert_int_equal(keep_count(&keep, keep_find(&keep, "a"), 20, 100), k);
			add_each(&keep, keep_get(&keep, "a"), 20 + k, 20 + k);
			assert_true(keep.streams.tails.chapter > 1);
		}
		keep_deinit(&keep);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_streams_take_one_record),
		cmocka_unit_test(a_full_block_is_written),
		cmocka_unit_test(other_changes),
		cmocka_unit_test(an_old_block_grows),
		cmocka_unit_test(a_stream_with_the_same_name),
		cmocka_unit_test(old_tails_go),
		cmocka_unit_test(many_old_tails_go_in_portions),
		cmocka_unit_test(large_tails_are_not_taken),
		cmocka_unit_test(few_streams_are_looked_at_ahead),
		cmocka_unit_test(damaged_records),
		cmocka_unit_test(a_bad_tail_leaves_the_next_one),
		cmocka_unit_test(groups_know_more_than_is_left),
		cmocka_unit_test(strays_keep_their_number),
		cmocka_unit_test(chapters_with_any_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
