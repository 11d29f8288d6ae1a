/* Groups without memory: each allocation of each step fails once, and the step leaves all as it was. */
#include "group.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "group-consumers.h"
#include "failing.h"
#include "group-store.h"
#include "memory-store.h"
#include "streams.h"

/* More than a leaf, and more than the first vectors have room for. */
#define N_ENTRIES 1000

struct world {
	struct flow flow;
	struct memory_disk *disk;
	struct streams streams;
	struct stream *stream;
	struct stream_group *group;
	size_t i;
};

static struct slice
text(const char *s)
{
	return slice_of(s);
}

/* Runs a step until no allocation fails; each time before it must return false. */
static void
fail_each(struct world *world, bool (*step)(struct world *world))
{
	for (uint64_t n = 1;; n++) {
		uint64_t entries = world->group ? world->group->pending.n_entries : 0, failed;
		size_t consumers = world->group ? world->group->n_consumers : 0, groups = world->stream->n_groups;
		bool is_done;

		failing_begin(n, 1);
		failing_set_on(true);
		is_done = step(world);
		failing_set_on(false);
		failed = failing_end();
		assert_int_equal(is_done, failed == 0);
		if (is_done)
			return;
		assert_int_equal(world->stream->n_groups, groups);
		if (world->group) {
			assert_int_equal(world->group->pending.n_entries, entries);
			assert_int_equal(world->group->n_consumers, consumers);
		}
	}
}

static bool
step_group(struct world *world)
{
	world->group = group_new(&world->streams, world->stream, text("g"), STREAM_ID_MIN, 0);
	return world->group != NULL;
}

static bool
step_consumer(struct world *world)
{
	char name[16] = { (char)('a' + world->i % 26), (char)('a' + world->i / 26) };

	return group_new_consumer(&world->streams, world->group, text(name), 1) != NULL;
}

static bool
step_give(struct world *world)
{
	struct stream_pending *pending =
	    group_give(&world->streams, world->group, world->group->consumers[world->i % 3],
	               (struct stream_id){ 1, world->i * 7 % N_ENTRIES });

	if (pending)
		pending->deliveries = 1;
	return pending != NULL;
}

static bool
step_load_group(struct world *world)
{
	static const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 99 };
	struct stream_group *group;
	int r = group_load(&world->streams, world->stream, (struct slice){ key, 8 },
	                   (struct slice){ (const uint8_t *)"\1\1\1\1\1h\10\0\0\0\0\0\2hi", 15 }, &group);

	assert_true(r == 0 || r == -ENOMEM);
	return r == 0;
}

static bool
step_load_consumer(struct world *world)
{
	static const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 1, 0 };
	int r = group_load_consumer(&world->streams, world->group, (struct slice){ key, 8 },
	                            (struct slice){ (const uint8_t *)"\1\1loaded", 8 });

	assert_true(r == 0 || r == -ENOMEM);
	return r == 0;
}

static bool
step_load_pending(struct world *world)
{
	static const uint8_t key[8] = { 0, 0, 0, 0, 0, 1, 0, 0 };
	int r = group_load_pending(&world->streams, world->group, (struct slice){ key, 8 },
	                           (struct slice){ (const uint8_t *)"\5\1\1\0\3\1\0\0\0\0\0\0\0\0\1x", 16 });

	assert_true(r == 0 || r == -ENOMEM);
	return r == 0;
}

static void
test_each(void **state __attribute__((unused)))
{
	static const struct limits limits = { .queue_limit = 1 << 20, .queue_limit_per_uid = 1 << 20 };
	static const struct streams_limits stream_limits = {
		.cache = 1 << 20, .queue_bytes = 1 << 20, .max_streams = 10, .node_entries = 100
	};
	struct world *world = calloc(1, sizeof(*world));
	int error;

	flow_init(&world->flow, &limits);
	world->flow.now_ms = 1000000;
	world->disk = memory_disk_new();
	assert_int_equal(streams_init(&world->streams, &world->flow, memory_store_open(world->disk), &stream_limits),
	                 0);
	world->flow.work.turn_end = UINT64_MAX;
	world->stream = streams_get(&world->streams, text("s"), 1000, &error);
	assert_non_null(world->stream);
	fail_each(world, step_group);
	for (world->i = 0; world->i < 40; world->i++)
		fail_each(world, step_consumer);
	for (world->i = 0; world->i < N_ENTRIES; world->i++)
		fail_each(world, step_give);
	fail_each(world, step_load_group);
	fail_each(world, step_load_consumer);
	fail_each(world, step_load_pending);
	/* What goes needs no memory. */
	failing_begin(1, UINT64_MAX);
	failing_set_on(true);
	for (uint64_t i = 0; i < N_ENTRIES; i++)
		assert_true(group_acknowledge(&world->streams, world->group, (struct stream_id){ 1, i }));
	while (world->group->n_consumers > 0)
		group_delete_consumer(&world->streams, world->group, world->group->consumers[0]);
	group_delete(&world->streams, world->stream, world->group);
	failing_set_on(false);
	assert_int_equal(failing_end(), 0);
	streams_deinit(&world->streams);
	memory_disk_free(world->disk);
	flow_deinit(&world->flow);
	free(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
