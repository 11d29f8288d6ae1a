/*
 * Entries that are added later, against a plain model: they are added and cancelled, become due, their stream is
 * renamed and deleted, the daemon stops and crashes, and now and then there is no memory. Of those that are due some
 * time the time never comes: a test has no other clock.
 */
#include "keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "group.h"
#include "later-store.h"
#include "prng.h"
#include "streams-clock.h"

#define N_STEPS 20000
#define N_ITEMS ((size_t)300)
#define HOUR_MS ((uint64_t)3600 * 1000)

struct item {
	struct stream_id id; /* 0-0: there is none */
	uint32_t value;
};

struct world {
	struct keep keep;
	struct prng prng;
	struct stream *stream;
	struct item items[N_ITEMS];
	struct item saved[N_ITEMS]; /* as of the last commit */
	uint64_t n_fired, n_saved_fired;
	uint32_t last_value;
	bool has_memory;
};

static size_t
pick(struct world *world, size_t n)
{
	return prng_below(&world->prng, n);
}

/* Asks for it until there is memory. */
static int
add(struct world *world, uint64_t due_ms, uint32_t value, struct stream_id *ret_id)
{
	char text[300];
	struct slice argv[40] = { slice_of("value"), { (uint8_t *)text, 0 } };
	size_t n_fields = value % 7 == 0 ? 20 : 1; /* more than fit into the room that is there without memory */
	int r;

	argv[1].len = (size_t)snprintf(text, sizeof(text), "%u %*s", value, (int)(value % 200), "");
	for (size_t i = 2; i < 2 * n_fields; i++)
		argv[i] = argv[i % 2];
	do {
		uint64_t n = later_count(world->stream);

		r = later_add(&world->keep.streams, world->stream, due_ms, (struct stream_fields){ argv, n_fields },
		              ret_id);
		assert_int_equal(later_count(world->stream), n + (r == 0));
	} while (r < 0 && !world->has_memory);
	return r;
}

static uint32_t
value_of(const struct later_entry *entry)
{
	struct stream_entry fields = later_fields(entry);

	stream_entry_next(&fields);
	return (uint32_t)strtoul((const char *)stream_entry_next(&fields).p, NULL, 10);
}

static void
advance(struct world *world)
{
	struct streams *streams = &world->keep.streams;

	do {
		uint64_t before = world->keep.flow.work.done;

		streams_advance(streams);
		assert_in_range(world->keep.flow.work.done - before, 0, 600000);
		if (!world->has_memory && !streams_have_work(streams) && streams->laters_due.n > 0 &&
		    heap_first(&streams->laters_due)->key < streams_unix_ms() + HOUR_MS / 2) {
			/* one waits since there was no memory for it */
			struct heap_node *first = heap_first(&streams->laters_due);

			heap_remove(&streams->laters_due, first);
			while (heap_add(&streams->laters_due, first, 0) < 0)
				;
		}
	} while (streams_have_work(streams));
}

static void
commit(struct world *world)
{
	do
		streams_commit(&world->keep.streams);
	while (streams_want_commit(&world->keep.streams));
	failing_set_on(false);
	streams_collect(&world->keep.streams);
	failing_set_on(!world->has_memory);
	memcpy(world->saved, world->items, sizeof(world->items));
	world->n_saved_fired = world->n_fired;
}

static void
check(struct world *world)
{
	size_t n = 0;
	struct stream_id at = STREAM_ID_MIN;
	const struct later_entry *entry;

	for (size_t i = 0; i < N_ITEMS; i++)
		n += world->items[i].id.ms > 0;
	assert_int_equal(later_count(world->stream), n);
	assert_int_equal(world->keep.streams.n_later, n);
	assert_int_equal(world->stream->length, world->n_fired);
	for (; (entry = later_next(world->stream, at)); n--) {
		size_t i = 0;

		while (i < N_ITEMS && stream_id_cmp(world->items[i].id, entry->id) != 0)
			i++;
		assert_in_range(i, 0, N_ITEMS - 1);
		assert_int_equal(value_of(entry), world->items[i].value);
		at = entry->id;
		stream_id_next(&at);
	}
	assert_int_equal(n, 0);
	assert_int_equal(streams_user_bytes(&world->keep.streams, KEEP_UID),
	                 world->stream->bytes + (world->stream->later ? world->stream->later->charged : 0));
}

/* Of items that are due now, several, so that they are added in the order of their times. */
static void
step_due(struct world *world)
{
	struct stream_id id;
	size_t n = 1 + pick(world, 5);

	for (size_t i = 0; i < n; i++)
		add(world, 1 + pick(world, 1000), ++world->last_value, &id);
	if (pick(world, 4) == 0)
		commit(world); /* and then they are on disk first */
	world->n_fired += n;
	advance(world);
	if (world->n_saved_fired > world->n_fired)
		world->n_saved_fired = world->n_fired;
}

static void
step_reopen(struct world *world)
{
	bool is_crash = pick(world, 2);

	commit(world);
	for (size_t i = pick(world, 3); i > 0; i--) {
		size_t k = pick(world, N_ITEMS);

		if (world->items[k].id.ms > 0 && later_cancel(&world->keep.streams, world->stream, world->items[k].id))
			world->items[k].id = STREAM_ID_MIN;
	}
	failing_set_on(false);
	memory_store_set_auto(world->keep.storage, !is_crash);
	if (is_crash)
		memcpy(world->items, world->saved, sizeof(world->items));
	keep_reopen(&world->keep);
	world->stream = keep_find(&world->keep, "s");
	failing_set_on(!world->has_memory);
}

static void
step(struct world *world)
{
	size_t what = pick(world, 1000), i = pick(world, N_ITEMS);
	struct item *item = &world->items[i];

	if (what < 600) {
		if (item->id.ms > 0)
			return;
		item->value = ++world->last_value;
		assert_int_equal(add(world, streams_unix_ms() + HOUR_MS + pick(world, HOUR_MS), item->value, &item->id),
		                 0);
	} else if (what < 800) {
		assert_int_equal(later_cancel(&world->keep.streams, world->stream, item->id), item->id.ms > 0);
		item->id = STREAM_ID_MIN;
	} else if (what < 900) {
		step_due(world);
	} else if (what < 980) {
		commit(world);
		assert_int_equal(memory_disk_records(world->keep.disk, STORAGE_LATER), later_count(world->stream));
	} else if (what < 990) {
		step_reopen(world);
	} else if (what < 995) {
		while (streams_rename(&world->keep.streams, world->stream, slice_of("other")) < 0)
			;
		while (streams_rename(&world->keep.streams, world->stream, slice_of("s")) < 0)
			;
	} else if (world->n_fired > 2000) {
		streams_delete(&world->keep.streams, world->stream);
		advance(world);
		world->stream = NULL;
		for (int error = 0; !world->stream;)
			world->stream = streams_get(&world->keep.streams, slice_of("s"), KEEP_UID, &error);
		memset(world->items, 0, sizeof(world->items));
		world->n_fired = 0;
		commit(world);
		assert_int_equal(memory_disk_records(world->keep.disk, STORAGE_LATER), 0);
	}
}

static void
run_random(bool has_memory)
{
	struct world *world = calloc(1, sizeof(*world));

	keep_init(&world->keep, 1 << 20);
	world->has_memory = has_memory;
	world->stream = keep_get(&world->keep, "s");
	prng_init(&world->prng, prng_seed());
	for (size_t i = 0; i < (has_memory ? N_STEPS : N_STEPS / 4); i++) {
		if (!has_memory)
			failing_begin(1 + pick(world, 30), 1 + pick(world, 3));
		failing_set_on(!has_memory);
		step(world);
		failing_set_on(false);
		failing_end();
		if (i % 20 == 0)
			check(world);
	}
	streams_delete(&world->keep.streams, world->stream);
	advance(world);
	assert_int_equal(world->keep.streams.laters_due.n, 0);
	assert_int_equal(streams_user_bytes(&world->keep.streams, KEEP_UID), 0);
	memory_store_set_auto(world->keep.storage, true);
	keep_deinit(&world->keep);
	free(world);
}

static void
test_random(void **state __attribute__((unused)))
{
	run_random(true);
}

static void
test_random_without_memory(void **state __attribute__((unused)))
{
	run_random(false);
}

/* Records that nobody could have saved. */
static void
test_damaged(void **state __attribute__((unused)))
{
	static const struct {
		const char *name, *value;
		size_t len;
	} bad[] = {
		{ "empty", "", 0 },
		{ "a name alone", "\1f", 2 },
		{ "three parts", "\1f\1v\1g", 6 },
		{ "a value that is cut", "\1f\2v", 4 },
		{ "a length that is cut", "\1f\x80", 3 },
		{ "too large a length", "\1f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12 },
	};
	static const uint8_t key[16] = { 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct slice good = { (const uint8_t *)"\1f\1v", 4 };
	struct stream *stream;
	struct keep keep;

	keep_init(&keep, 1 << 20);
	stream = keep_get(&keep, "s");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (later_load(&keep.streams, stream, (struct slice){ key, 16 },
		               (struct slice){ (const uint8_t *)bad[i].value, bad[i].len }) != -EBADMSG)
			fail_msg("%s", bad[i].name);
	assert_int_equal(later_load(&keep.streams, stream, (struct slice){ key, 15 }, good), -EBADMSG);
	assert_int_equal(later_load(&keep.streams, stream, (struct slice){ key, 16 }, good), 0);
	assert_int_equal(later_load(&keep.streams, stream, (struct slice){ key, 16 }, good), -EBADMSG);
	assert_int_equal(later_count(stream), 1);
	keep_deinit(&keep);
}

/* What is due waits while the store has no room, and while too much waits for the disk. */
static void
test_waiting(void **state __attribute__((unused)))
{
	struct slice argv[] = { slice_of("f"), slice_of("v") };
	struct stream *stream;
	struct stream_id id;
	struct keep keep;
	uint64_t now_us, errors;

	keep_init(&keep, 1 << 20);
	stream = keep_get(&keep, "s");
	assert_int_equal(later_add(&keep.streams, stream, 1, (struct stream_fields){ argv, 1 }, &id), 0);
	keep_commit(&keep);
	memory_store_set_state(keep.storage, STORAGE_SCARCE, "min_free");
	errors = failing_errors();
	streams_advance(&keep.streams);
	assert_int_equal(stream->length, 0);
	assert_int_equal(failing_errors(), errors + 1);
	assert_false(streams_have_work(&keep.streams));
	now_us = streams_now_us();
	assert_in_range(streams_next_deadline(&keep.streams), now_us + 500000, now_us + 1100000);
	memory_store_set_state(keep.storage, STORAGE_OK, "");
	/* A new one that is due does not wait, and takes the other one along. */
	assert_int_equal(later_add(&keep.streams, stream, 2, (struct stream_fields){ argv, 1 }, &id), 0);
	assert_true(streams_have_work(&keep.streams));
	keep.streams.limits.queue_bytes = 1;
	assert_false(streams_have_work(&keep.streams));
	assert_int_equal(streams_next_deadline(&keep.streams), UINT64_MAX);
	streams_advance(&keep.streams);
	assert_int_equal(stream->length, 0);
	keep_commit(&keep);
	streams_advance(&keep.streams);
	assert_int_equal(stream->length, 1); /* and again too much is waiting */
	keep_commit(&keep);
	streams_advance(&keep.streams);
	assert_int_equal(stream->length, 2);
	keep_deinit(&keep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_without_memory),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
