/*
 * Groups against a plain model: entries are given, claimed, acknowledged and given back at random, consumers and groups
 * come and go, commits fail for lack of memory, and the store is opened anew now and then.
 */
#include "group.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "group-consumers.h"
#include "group-lag.h"
#include "group-store.h"
#include "memory-store.h"
#include "prng.h"
#include "streams.h"

#define N_STEPS 60000
#define N_CONSUMERS ((size_t)12)
#define N_IDS ((size_t)6000) /* ids are 1-1, 1-2, 2-1, 2-2 and so on */

struct model_entry {
	bool is_pending;
	int consumer; /* -1: it was given back */
	uint64_t delivered_ms, deliveries;
};

struct world {
	struct flow flow;
	struct memory_disk *disk;
	struct storage *storage;
	struct streams streams;
	struct prng prng;
	struct stream *stream;
	struct stream_group *group;
	struct model_entry entries[N_IDS];
	bool has_consumer[N_CONSUMERS];
	uint64_t active_ms[N_CONSUMERS];
	size_t end; /* ids below were given once */
	uint64_t now_ms;
};

static const struct slice stream_name = { (const uint8_t *)"jobs", 4 }, group_name = { (const uint8_t *)"workers", 7 };

static struct stream_id
id_of(size_t i)
{
	return (struct stream_id){ 1 + i / 2, 1 + i % 2 };
}

static struct slice
name_of(size_t consumer)
{
	static char names[N_CONSUMERS][40];

	snprintf(names[consumer], sizeof(names[consumer]), "c%zu%s", consumer, consumer % 3 ? "" : "-long-name");
	return slice_of(names[consumer]);
}

static size_t
pick(struct world *world, size_t n)
{
	return prng_below(&world->prng, n);
}

static void
world_open(struct world *world)
{
	static const struct streams_limits limits = {
		.cache = 1 << 20, .queue_bytes = 1 << 24, .max_streams = 100, .node_entries = 100
	};

	world->storage = memory_store_open(world->disk);
	assert_int_equal(streams_init(&world->streams, &world->flow, world->storage, &limits), 0);
	world->flow.work.turn_end = UINT64_MAX;
	world->stream = streams_find(&world->streams, stream_name);
	world->group = world->stream ? group_find(world->stream, group_name) : NULL;
}

static void
world_init(struct world *world)
{
	static const struct limits limits = { .queue_limit = 1 << 20, .queue_limit_per_uid = 1 << 20 };
	int error;

	*world = (struct world){ .now_ms = 1700000000000 };
	flow_init(&world->flow, &limits);
	world->flow.now_ms = 1000000;
	world->disk = memory_disk_new();
	world_open(world);
	world->stream = streams_get(&world->streams, stream_name, 1000, &error);
	assert_non_null(world->stream);
	world->group = group_new(&world->streams, world->stream, group_name, STREAM_ID_MIN, 0);
	assert_non_null(world->group);
}

static void
world_deinit(struct world *world)
{
	streams_deinit(&world->streams);
	memory_disk_free(world->disk);
	flow_deinit(&world->flow);
}

static void
world_reopen(struct world *world)
{
	streams_deinit(&world->streams);
	world_open(world);
	assert_non_null(world->group);
}

static struct stream_consumer *
world_consumer(struct world *world, size_t i)
{
	struct stream_consumer *consumer = group_find_consumer(world->group, name_of(i));

	assert_int_equal(consumer != NULL, world->has_consumer[i]);
	if (!consumer)
		consumer = group_new_consumer(&world->streams, world->group, name_of(i), world->now_ms);
	world->has_consumer[i] = true;
	assert_non_null(consumer);
	return consumer;
}

/* Compares one pending entry with the model. */
static void
check_entry(const struct world *world, const struct stream_pending *pending, size_t i)
{
	const struct model_entry *entry = &world->entries[i];

	assert_true(entry->is_pending);
	assert_int_equal(stream_id_cmp(pending->id, id_of(i)), 0);
	assert_int_equal(pending->deliveries, entry->deliveries);
	assert_int_equal(pending->delivered_ms, entry->delivered_ms);
	if (entry->consumer < 0)
		assert_null(pending->consumer);
	else
		assert_ptr_equal(pending->consumer,
		                 group_find_consumer(world->group, name_of((size_t)entry->consumer)));
}

static void
check_all(struct world *world)
{
	struct pending_walk walk = { 0 };
	uint64_t counts[N_CONSUMERS] = { 0 }, n = 0;
	size_t n_consumers = 0;

	for (size_t i = 0; i < N_IDS; i++) {
		if (!world->entries[i].is_pending)
			continue;
		check_entry(world, pending_walk(&world->group->pending, &walk), i);
		if (world->entries[i].consumer >= 0)
			counts[world->entries[i].consumer]++;
		n++;
	}
	assert_null(pending_walk(&world->group->pending, &walk));
	assert_int_equal(world->group->pending.n_entries, n);
	for (size_t i = 0; i < N_CONSUMERS; i++) {
		struct stream_consumer *consumer = group_find_consumer(world->group, name_of(i));

		assert_int_equal(consumer != NULL, world->has_consumer[i]);
		if (!consumer)
			continue;
		n_consumers++;
		assert_int_equal(consumer->n_pending, counts[i]);
		assert_int_equal(consumer->active_ms, world->active_ms[i]);
		assert_ptr_equal(group_find_consumer_no(world->group, consumer->no), consumer);
	}
	assert_int_equal(world->group->n_consumers, n_consumers);
	/* No more memory than a small multiple of what the entries need. */
	assert_true(pending_bytes(&world->group->pending) < 4 * n * sizeof(struct stream_pending) + 65536);
	assert_int_equal(streams_user_bytes(&world->streams, 1000), world->group->charged);
}

/* Looks for the neighbours of an id in the model and in the group. */
static void
check_neighbours(struct world *world)
{
	size_t i = pick(world, N_IDS), next = i, prev = i;
	struct stream_pending *pending = pending_find(&world->group->pending, id_of(i));

	assert_int_equal(pending != NULL, world->entries[i].is_pending);
	while (next < N_IDS && !world->entries[next].is_pending)
		next++;
	while (prev > 0 && !world->entries[prev].is_pending)
		prev--;
	pending = pending_next(&world->group->pending, id_of(i));
	assert_int_equal(pending != NULL, next < N_IDS);
	if (pending)
		check_entry(world, pending, next);
	pending = pending_prev(&world->group->pending, id_of(i));
	assert_int_equal(pending != NULL, world->entries[prev].is_pending);
	if (pending)
		check_entry(world, pending, prev);
}

static void
step_give(struct world *world, size_t i)
{
	size_t c = pick(world, N_CONSUMERS);
	struct stream_consumer *consumer = pick(world, 12) == 0 ? NULL : world_consumer(world, c);
	struct stream_pending *pending = group_give(&world->streams, world->group, consumer, id_of(i));

	assert_non_null(pending);
	pending->delivered_ms = consumer ? world->now_ms : 0;
	pending->deliveries = world->entries[i].deliveries + 1;
	world->entries[i] =
	    (struct model_entry){ true, consumer ? (int)c : -1, pending->delivered_ms, pending->deliveries };
	if (consumer)
		group_see_consumer(world->group, consumer, world->now_ms, true);
	if (consumer)
		world->active_ms[c] = world->now_ms;
}

static void
step_acknowledge(struct world *world, size_t i)
{
	assert_int_equal(group_acknowledge(&world->streams, world->group, id_of(i)), world->entries[i].is_pending);
	world->entries[i] = (struct model_entry){ 0 };
}

static void
step_delete_consumer(struct world *world)
{
	size_t c = pick(world, N_CONSUMERS);
	struct stream_consumer *consumer = group_find_consumer(world->group, name_of(c));

	if (!consumer)
		return;
	group_delete_consumer(&world->streams, world->group, consumer);
	world->has_consumer[c] = false;
	world->active_ms[c] = 0;
	for (size_t i = 0; i < N_IDS; i++)
		if (world->entries[i].is_pending && world->entries[i].consumer == (int)c)
			world->entries[i] = (struct model_entry){ 0 };
}

/* Makes the group anew, in place of the old one, sometimes before that is on disk. */
static void
step_new_group(struct world *world)
{
	group_delete(&world->streams, world->stream, world->group);
	if (pick(world, 2) == 0)
		streams_commit(&world->streams);
	world->group = group_new(&world->streams, world->stream, group_name, id_of(world->end), GROUP_READ_UNKNOWN);
	assert_non_null(world->group);
	memset(world->entries, 0, sizeof(world->entries));
	memset(world->has_consumer, 0, sizeof(world->has_consumer));
	memset(world->active_ms, 0, sizeof(world->active_ms));
}

static void
step_commit(struct world *world)
{
	if (pick(world, 40) == 0)
		memory_store_set_memory(world->storage, (int)pick(world, 12));
	streams_commit(&world->streams);
	memory_store_set_memory(world->storage, -1);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
}

static void
step(struct world *world)
{
	size_t what = pick(world, 1000);

	world->now_ms += pick(world, 50);
	if (what < 350 && world->end < N_IDS) {
		for (size_t n = 1 + pick(world, 40); n > 0 && world->end < N_IDS; n--)
			step_give(world, world->end++);
	} else if (what < 500) {
		for (size_t i = 0, n = 1 + pick(world, 60); i < N_IDS && n > 0; i++)
			if (world->entries[i].is_pending) {
				step_acknowledge(world, i);
				n--;
			}
	} else if (what < 800) {
		step_acknowledge(world, pick(world, N_IDS));
	} else if (what < 900) {
		step_give(world, pick(world, N_IDS));
	} else if (what < 985) {
		step_commit(world);
	} else if (what < 990) {
		world_reopen(world);
		check_all(world);
	} else if (what < 998) {
		step_delete_consumer(world);
	} else if (what == 998) {
		world->end = 0;
	} else {
		step_new_group(world);
	}
	check_neighbours(world);
}

static void
test_random(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));

	world_init(world);
	prng_init(&world->prng, prng_seed());
	for (size_t i = 0; i < N_STEPS; i++) {
		step(world);
		if (i % 500 == 0)
			check_all(world);
	}
	world_reopen(world);
	check_all(world);
	group_delete(&world->streams, world->stream, world->group);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	assert_int_equal(memory_disk_records(world->disk, STORAGE_GROUPS), 0);
	assert_int_equal(memory_disk_records(world->disk, STORAGE_CONSUMERS), 0);
	assert_int_equal(memory_disk_records(world->disk, STORAGE_PENDING), 0);
	assert_int_equal(streams_user_bytes(&world->streams, 1000), 0);
	world_deinit(world);
	free(world);
}

/* A queue of any length costs few leaves, and few records on disk, as it is used up. */
static void
test_queue(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));
	struct stream_consumer *consumer;

	world_init(world);
	consumer = world_consumer(world, 0);
	for (size_t i = 0; i < N_IDS; i++)
		group_give(&world->streams, world->group, consumer, id_of(i));
	assert_int_equal(world->group->pending.n, (N_IDS + PENDING_LEAF_MAX - 1) / PENDING_LEAF_MAX);
	step_commit(world);
	assert_int_equal(memory_disk_records(world->disk, STORAGE_PENDING), world->group->pending.n);
	for (size_t i = 0; i + 10 < N_IDS; i++)
		group_acknowledge(&world->streams, world->group, id_of(i));
	step_commit(world);
	assert_int_equal(memory_disk_records(world->disk, STORAGE_PENDING), 1);
	/* Sparse entries share leaves. */
	for (size_t i = 0; i < N_IDS; i++)
		group_give(&world->streams, world->group, consumer, id_of(i));
	for (size_t i = 0; i < N_IDS; i++)
		if (i % 50 != 0)
			group_acknowledge(&world->streams, world->group, id_of(i));
	assert_in_range(world->group->pending.n, 1, 2 * N_IDS / 50 / (PENDING_LEAF_MAX * 3 / 8) + 1);
	world_deinit(world);
	free(world);
}

/* Records of groups with values that nobody could have set. */
static void
test_damaged_values(void **state __attribute__((unused)))
{
	static const struct {
		const char *name, *value;
		size_t len;
	} bad[] = {
		{ "a name that is cut", "\1\1\1\1\2h", 6 },
		{ "too long a name", "\1\1\1\1\x81\10", 6 },
		{ "cut", "\1\1\1\1\1h\1", 7 },
		{ "unknown ones", "\1\1\1\1\1h\100\0\0\0\0\0\0", 13 },
		{ "paused twice", "\1\1\1\1\1h\40\0\0\0\2\0\0", 13 },
		{ "too many delays", "\1\1\1\1\1h\2\0\0\0\0\21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 30 },
		{ "too long a delay", "\1\1\1\1\1h\2\0\0\0\0\1\xff\xff\xff\xff\xff\1\0", 19 },
		{ "too long a time", "\1\1\1\1\1h\1\xff\xff\xff\xff\xff\1\0\0\0\0\0", 18 },
		{ "a name that has a NUL", "\1\1\1\1\1h\10\0\0\0\0\0\3a\0b", 16 },
		{ "a dead letter that is cut", "\1\1\1\1\1h\10\0\0\0\0\0\3ab", 15 },
		{ "more than there is", "\1\1\1\1\1h\10\0\0\0\0\0\2abc", 16 },
	};
	static const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 99 };
	struct world *world = calloc(1, sizeof(*world));
	struct stream_group *group;

	world_init(world);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = group_load(&world->streams, world->stream, (struct slice){ key, 8 },
		                   (struct slice){ (const uint8_t *)bad[i].value, bad[i].len }, &group);

		if (r != -EBADMSG)
			fail_msg("%s: %d", bad[i].name, r);
		assert_null(group_find_no(world->stream, 99));
	}
	assert_int_equal(group_load(&world->streams, world->stream, (struct slice){ key, 8 },
	                            (struct slice){ (const uint8_t *)"\1\1\1\1\1h\52\1\5\2\1\2\3\4\2ab", 17 }, &group),
	                 0);
	assert_int_equal(group->values->set, 42);
	assert_int_equal(group->values->own.max_deliveries, 5);
	assert_int_equal(group->values->own.retry_delay.ms[1], 4);
	assert_string_equal(group->values->own.dead_letter, "ab");
	assert_true(group->values->is_paused);
	world_deinit(world);
	free(world);
}

/* Records that no group could have saved. */
static void
test_damaged(void **state __attribute__((unused)))
{
	static const struct {
		const char *name, *value;
		size_t len;
	} bad[] = {
		{ "empty", "", 0 },
		{ "cut", "\5\1\1\0", 4 },
		{ "an unknown consumer", "\5\1\7\0\2", 5 },
		{ "twice the same id", "\5\1\1\0\2\0\0\1\0\2", 10 },
		{ "too large a number", "\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\1\0\2", 14 },
		{ "a history that is cut", "\5\1\1\0\3\1\0\0\0\0\0\0\0\0", 14 },
		{ "an unknown cause", "\5\1\1\0\3\1\0\0\0\4\0\0\0\0\0", 15 },
		{ "unknown flags", "\5\1\1\0\3\1\0\0\0\0\0\0\10\0\0", 15 },
		{ "a text that is cut", "\5\1\1\0\3\1\0\0\0\0\0\0\0\0\2x", 16 },
		{ "too long a text", "\5\1\1\0\3\1\0\0\0\0\0\0\0\0\x81\2", 16 },
		{ "damage behind a history", "\5\1\1\0\3\1\0\0\0\0\0\0\0\0\1x\1", 17 },
		{ "what is there already", "\1\1\1\0\2", 5 },
		{ "across what is there", "\0\1\1\0\2\7\1\1\0\2", 10 },
	};
	static const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 9 };
	struct world *world = calloc(1, sizeof(*world));

	world_init(world);
	step_give(world, 0);
	world->group->pending.leaves[world->group->pending.first]->entries[0].consumer = world_consumer(world, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = group_load_pending(&world->streams, world->group, (struct slice){ key, 8 },
		                           (struct slice){ (const uint8_t *)bad[i].value, bad[i].len });

		if (r != -EBADMSG)
			fail_msg("%s: %d", bad[i].name, r);
		assert_int_equal(world->group->pending.n_entries, 1);
		assert_int_equal(world->group->pending.histories.bytes, 0);
	}
	assert_int_equal(group_load_pending(&world->streams, world->group, (struct slice){ key, 7 },
	                                    (struct slice){ (const uint8_t *)"\5\1\1\0\2", 5 }),
	                 -EBADMSG);
	assert_int_equal(group_load_pending(&world->streams, world->group, (struct slice){ key, 8 },
	                                    (struct slice){ (const uint8_t *)"\5\1\1\0\2", 5 }),
	                 0);
	assert_int_equal(world->group->pending.n_entries, 2);
	assert_int_equal(group_load_consumer(&world->streams, world->group, (struct slice){ key, 8 },
	                                     (struct slice){ (const uint8_t *)"\0", 1 }),
	                 -EBADMSG);
	world_deinit(world);
	free(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
