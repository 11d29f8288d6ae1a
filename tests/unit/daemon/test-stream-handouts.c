/*
 * What groups give again by themselves, against a plain model: connections are given entries, acknowledge them, give
 * them back and end; rules change; the store is opened anew; and now and then there is no memory.
 */
#include "group-handouts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "group-consumers.h"
#include "memory-store.h"
#include "prng.h"
#include "streams.h"
#include "streams-clock.h"

#define N_STEPS 20000
#define N_IDS ((size_t)500)
#define N_HOLDERS ((size_t)6)
#define HOUR_MS ((uint64_t)3600 * 1000)

enum state { STATE_NONE, STATE_GIVEN, STATE_DELAYED, STATE_RELEASED, STATE_NEVER };

#define MAX_DELIVERIES 3

struct model_entry {
	enum state state;
	int holder; /* GIVEN: which connection; -1: not known */
	uint64_t deliveries;
	bool is_old;     /* was given two hours ago */
	bool has_delay;  /* when it was given back */
	bool is_deleted; /* from the stream */
	uint64_t ended[PENDING_CAUSES];
};

struct world {
	struct flow flow;
	struct memory_disk *disk;
	struct streams streams;
	struct prng prng;
	struct stream *stream;
	struct stream_group *group;
	struct stream_rules rules;
	struct stream_rule *rule;
	struct holder *holders[N_HOLDERS];
	struct model_entry entries[N_IDS];
	uint64_t n_dead;
};

static const struct slice stream_name = { (const uint8_t *)"jobs.a", 6 }, group_name = { (const uint8_t *)"g", 1 },
			  consumer_name = { (const uint8_t *)"c", 1 };

static const struct slice field[] = { { (const uint8_t *)"f", 1 }, { (const uint8_t *)"v", 1 } };

static struct stream_id
id_of(size_t i)
{
	return (struct stream_id){ 1 + i, 0 };
}

static size_t
pick(struct world *world, size_t n)
{
	return prng_below(&world->prng, n);
}

/* Until nothing is left to do. */
static void
advance(struct world *world)
{
	do {
		uint64_t before = world->flow.work.done;

		streams_advance(&world->streams);
		streams_collect(&world->streams); /* what dead letters wait for */
		assert_in_range(world->flow.work.done - before, 0, 600000);
	} while (streams_have_work(&world->streams) || world->streams.doomed_is_cold ||
	         streams_next_deadline(&world->streams) <= streams_now_us());
}

static void
world_open(struct world *world)
{
	static const struct streams_limits limits = { .cache = 1 << 20, .queue_bytes = 1 << 24, .max_streams = 10 };

	assert_int_equal(streams_init(&world->streams, &world->flow, memory_store_open(world->disk), &limits), 0);
	world->flow.work.turn_end = UINT64_MAX;
	streams_set_rules(&world->streams, &world->rules);
}

static void
world_init(struct world *world)
{
	static const struct limits limits = { .queue_limit = 1 << 20, .queue_limit_per_uid = 1 << 20 };
	int error;

	*world = (struct world){ 0 };
	flow_init(&world->flow, &limits);
	world->flow.now_ms = 1000000;
	world->disk = memory_disk_new();
	STAILQ_INIT(&world->rules);
	world->rule = stream_rule_new("jobs.*");
	STAILQ_INSERT_TAIL(&world->rules, world->rule, link);
	world->rule->delivery.retry_delay = (struct stream_delays){ 1, { 0 } };
	world_open(world);
	world->stream = streams_get(&world->streams, stream_name, 1000, &error);
	world->group = group_new(&world->streams, world->stream, group_name, id_of(N_IDS), 0);
	assert_non_null(group_new_consumer(&world->streams, world->group, consumer_name, 1));
	for (size_t i = 0; i < N_IDS; i++)
		assert_int_equal(
		    stream_append(&world->streams, world->stream, id_of(i), (struct stream_fields){ field, 1 }), 0);
	advance(world);
}

static void
world_end_holders(struct world *world)
{
	for (size_t h = 0; h < N_HOLDERS; h++) {
		holder_end(&world->streams, world->holders[h]);
		world->holders[h] = NULL;
	}
}

static void
world_deinit(struct world *world)
{
	world_end_holders(world);
	streams_deinit(&world->streams);
	memory_disk_free(world->disk);
	flow_deinit(&world->flow);
	free(world->rule);
}

static bool
model_is_own(const struct world *world)
{
	return world->group->values != NULL;
}

static bool
model_delays(const struct world *world, const struct model_entry *entry)
{
	return world->rule->delivery.retry_delay.n > 1 && entry->deliveries > 1;
}

/* What becomes of an entry that nobody has any more. */
static void
model_settle(struct world *world, struct model_entry *entry, bool is_delayed)
{
	uint64_t max =
	    model_is_own(world) ? world->group->values->own.max_deliveries : world->rule->delivery.max_deliveries;
	bool is_fatal = entry->deliveries == INT64_MAX;

	if ((max > 0 && entry->deliveries >= max) || (is_fatal && model_is_own(world))) {
		world->n_dead += !entry->is_deleted;
		*entry = (struct model_entry){ .is_deleted = entry->is_deleted || model_is_own(world) };
		return;
	}
	entry->state = is_fatal ? STATE_NEVER : is_delayed ? STATE_DELAYED : STATE_RELEASED;
}

/* A delivery has ended, and not by being given back. */
static void
model_end(struct world *world, struct model_entry *entry, enum pending_cause cause)
{
	entry->ended[cause]++;
	entry->has_delay = false;
	model_settle(world, entry, false);
}

/* Gives an entry, as a command does. */
static void
give(struct world *world, size_t i, uint64_t delivered_ms, uint64_t deliveries, struct holder **holder)
{
	struct stream_consumer *consumer = group_find_consumer(world->group, consumer_name);
	struct stream_pending *pending = group_give(&world->streams, world->group, consumer, id_of(i));

	assert_non_null(pending);
	pending->delivered_ms = delivered_ms;
	pending->deliveries = deliveries;
	group_hand_out(&world->streams, world->group, pending, NULL, holder);
}

static void
step_give(struct world *world)
{
	size_t i = pick(world, N_IDS), h = pick(world, N_HOLDERS);
	struct model_entry *entry = &world->entries[i];
	bool is_old = pick(world, 8) == 0;

	/* What was given so long ago is due at once, but only if that counts. */
	entry->state = STATE_GIVEN;
	entry->holder = (int)h;
	entry->deliveries = 1 + pick(world, 3);
	entry->is_old = is_old;
	give(world, i, streams_unix_ms() - (is_old ? 2 * HOUR_MS : 0), entry->deliveries, &world->holders[h]);
	if (is_old && world->rule->delivery.redeliver_ms == HOUR_MS)
		model_end(world, entry, PENDING_TIMED_OUT);
}

static void
step_give_back(struct world *world)
{
	size_t i = pick(world, N_IDS);
	struct model_entry *entry = &world->entries[i];
	struct stream_pending *pending;

	if (entry->state == STATE_NONE)
		return;
	if (pick(world, 10) == 0)
		entry->deliveries = INT64_MAX;
	pending = group_give(&world->streams, world->group, NULL, id_of(i));
	pending->delivered_ms = 0;
	pending->deliveries = entry->deliveries;
	group_take_back(&world->streams, world->group, pending, PENDING_FAILED);
	entry->ended[PENDING_FAILED]++;
	entry->has_delay = model_delays(world, entry);
	model_settle(world, entry, entry->has_delay);
}

static void
step_end_holder(struct world *world)
{
	size_t h = pick(world, N_HOLDERS);

	holder_end(&world->streams, world->holders[h]);
	world->holders[h] = NULL;
	for (size_t i = 0; i < N_IDS; i++)
		if (world->entries[i].state == STATE_GIVEN && world->entries[i].holder == (int)h)
			model_end(world, &world->entries[i], PENDING_DIED);
}

/* The daemon starts again: nobody has anything. */
static void
step_reopen(struct world *world)
{
	world_end_holders(world);
	streams_deinit(&world->streams);
	world_open(world);
	world->stream = streams_find(&world->streams, stream_name);
	world->group = group_find(world->stream, group_name);
	for (size_t i = 0; i < N_IDS; i++) {
		struct model_entry *entry = &world->entries[i];

		if (entry->state == STATE_GIVEN) { /* which is not counted */
			entry->deliveries--;
			model_end(world, entry, PENDING_RELEASED);
		} else if (entry->state != STATE_NONE) {
			model_settle(world, entry, entry->state == STATE_DELAYED && model_delays(world, entry));
		}
	}
}

/* Others values hold now. */
static void
model_scan(struct world *world)
{
	for (size_t i = 0; i < N_IDS; i++) {
		struct model_entry *entry = &world->entries[i];

		if (entry->state == STATE_GIVEN && entry->is_old && world->rule->delivery.redeliver_ms == HOUR_MS)
			model_end(world, entry, PENDING_TIMED_OUT);
		else if (entry->state == STATE_RELEASED || entry->state == STATE_NEVER)
			model_settle(world, entry, false);
	}
}

static void
step_change_rule(struct world *world)
{
	static const struct stream_delays at_once = { 1, { 0 } }, later = { 2, { 0, HOUR_MS } };

	world->rule->delivery.retry_delay = pick(world, 2) ? at_once : later;
	world->rule->delivery.redeliver_ms = pick(world, 2) ? HOUR_MS : pick(world, 2) ? 0 : 4 * HOUR_MS;
	world->rule->delivery.max_deliveries = pick(world, 2) ? MAX_DELIVERIES : 0;
	streams_set_rules(&world->streams, &world->rules);
	model_scan(world);
}

/* The group gets values of its own, or loses them. */
static void
step_change_values(struct world *world)
{
	struct group_values values = { 0 };

	if (pick(world, 2))
		values = (struct group_values){ .set = GROUP_MAX_DELIVERIES,
			                        .own.max_deliveries = pick(world, 2) ? MAX_DELIVERIES : 0 };
	assert_int_equal(group_set_values(&world->streams, world->group, &values), 0);
	group_apply_rule(&world->streams, world->group, false);
	model_scan(world);
}

static void
step_new_group(struct world *world)
{
	group_delete(&world->streams, world->stream, world->group);
	world->group = group_new(&world->streams, world->stream, group_name, id_of(N_IDS), 0);
	assert_non_null(group_new_consumer(&world->streams, world->group, consumer_name, 1));
	for (size_t i = 0; i < N_IDS; i++)
		world->entries[i] = (struct model_entry){ .is_deleted = world->entries[i].is_deleted };
}

static void
check(struct world *world)
{
	static const struct slice dead_name = { (const uint8_t *)"jobs.a.dead", 11 };
	struct stream *dead = streams_find(&world->streams, dead_name);
	struct handouts *handouts = world->group->handouts;
	size_t n_handouts = 0, n_released = 0, n_delayed = 0;
	struct stream_id at = STREAM_ID_MIN;

	for (size_t i = 0; i < N_IDS; i++) {
		const struct model_entry *entry = &world->entries[i];
		struct stream_pending *pending = pending_find(&world->group->pending, id_of(i)), *released;

		assert_int_equal(pending != NULL, entry->state != STATE_NONE);
		if (!pending)
			continue;
		assert_int_equal(pending->handout != NULL,
		                 entry->state == STATE_GIVEN || entry->state == STATE_DELAYED);
		n_handouts += pending->handout != NULL;
		n_delayed += entry->state == STATE_DELAYED;
		if (pending->handout)
			assert_int_equal(pending->handout->is_delayed, entry->state == STATE_DELAYED);
		assert_int_equal(pending->deliveries, entry->deliveries);
		for (size_t c = 0; c < PENDING_CAUSES; c++)
			assert_int_equal(pending->history ? pending->history->ended[c] : 0, entry->ended[c]);
		if (entry->state == STATE_GIVEN && entry->holder >= 0)
			assert_ptr_equal(pending->handout->holder, world->holders[entry->holder]);
		if (entry->state != STATE_RELEASED)
			continue;
		n_released++;
		released = group_next_released(&world->streams, world->group, at);
		assert_non_null(released);
		assert_int_equal(stream_id_cmp(released->id, id_of(i)), 0);
		at = released->id;
		stream_id_next(&at);
	}
	assert_null(group_next_released(&world->streams, world->group, at));
	if (handouts) {
		assert_int_equal(handouts->n, n_handouts);
		assert_int_equal(handouts->n_delayed, n_delayed);
		assert_int_equal(handouts->released.n_entries, n_released);
		assert_true(handouts->charged >= n_handouts * sizeof(struct handout));
	}
	assert_int_equal(world->streams.handouts_doomed.tqh_first != NULL, false);
	assert_int_equal(dead ? dead->length : 0, world->n_dead);
	assert_int_equal(streams_user_bytes(&world->streams, 1000),
	                 world->group->charged + world->group->pending.histories.bytes +
	                     (handouts ? handouts->charged : 0) + world->stream->bytes + (dead ? dead->bytes : 0));
}

static void
step(struct world *world)
{
	size_t what = pick(world, 1000), i = pick(world, N_IDS);

	if (what < 500) {
		step_give(world);
	} else if (what < 750) {
		group_acknowledge(&world->streams, world->group, id_of(i));
		world->entries[i] = (struct model_entry){ .is_deleted = world->entries[i].is_deleted };
	} else if (what < 900) {
		step_give_back(world);
	} else if (what < 970) {
		step_end_holder(world);
	} else if (what < 985) {
		streams_commit(&world->streams);
		streams_collect(&world->streams);
	} else if (what < 990) {
		step_reopen(world);
	} else if (what < 994) {
		step_change_rule(world);
	} else if (what < 998) {
		step_change_values(world);
	} else {
		step_new_group(world);
	}
	advance(world);
}

static void
test_random(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));

	world_init(world);
	prng_init(&world->prng, prng_seed());
	for (size_t i = 0; i < N_STEPS; i++) {
		step(world);
		if (i % 20 == 0)
			check(world);
	}
	streams_delete(&world->streams, world->stream);
	streams_delete(&world->streams,
	               streams_find(&world->streams, (struct slice){ (const uint8_t *)"jobs.a.dead", 11 }));
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	assert_int_equal(streams_user_bytes(&world->streams, 1000), 0);
	advance(world);
	assert_int_equal(world->streams.handouts_due.n, 0);
	world_deinit(world);
	free(world);
}

/* What the user pays beside the handouts, which go when histories come. */
static uint64_t
paid_beside_handouts(struct world *world)
{
	return streams_user_bytes(&world->streams, 1000) - world->group->handouts->charged;
}

/* Memory and a batch have room for what is noted of each entry: how its deliveries ended, and a text. */
static void
test_histories_are_charged(void **state __attribute__((unused)))
{
	static const uint8_t text[PENDING_TEXT_MAX] = "why";
	struct world *world = calloc(1, sizeof(*world));
	struct holder *holder = NULL;
	uint64_t before;

	world_init(world);
	world->rule->delivery.redeliver_ms = HOUR_MS;
	streams_set_rules(&world->streams, &world->rules);
	advance(world);
	for (size_t i = 0; i < N_IDS; i++)
		give(world, i, streams_unix_ms(), 1, &holder);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	assert_int_equal(world->streams.dirty_bytes, 0);
	before = paid_beside_handouts(world);
	holder_end(&world->streams, holder);
	advance(world);
	assert_in_range(paid_beside_handouts(world), before + N_IDS * sizeof(struct pending_history), UINT64_MAX);
	assert_in_range(world->streams.dirty_bytes, N_IDS / PENDING_LEAF_MAX * 400, UINT64_MAX);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	before = paid_beside_handouts(world);
	for (size_t i = 0; i < N_IDS; i++) {
		struct stream_pending *pending = group_give(&world->streams, world->group, NULL, id_of(i));

		pending_history_set_text(&world->group->pending.histories, pending->history,
		                         (struct slice){ text, sizeof(text) });
		group_take_back(&world->streams, world->group, pending, PENDING_FAILED);
	}
	assert_in_range(paid_beside_handouts(world), before + N_IDS * sizeof(text), UINT64_MAX);
	assert_in_range(world->streams.dirty_bytes, N_IDS * sizeof(text), UINT64_MAX);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	/* Leaves that are saved again have the texts again. */
	give(world, 0, streams_unix_ms(), 1, NULL);
	assert_in_range(world->streams.dirty_bytes, PENDING_LEAF_MAX * sizeof(text) / 2, UINT64_MAX);
	streams_delete(&world->streams, world->stream);
	streams_commit(&world->streams);
	streams_collect(&world->streams);
	assert_int_equal(streams_user_bytes(&world->streams, 1000), 0);
	advance(world);
	world_deinit(world);
	free(world);
}

/* A stream that has too much is looked at once in a pass, when commands have run; and not while a batch is filled. */
static void
test_retained_once(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));

	world_init(world);
	world->rule->max_entries = 10;
	streams_set_rules(&world->streams, &world->rules);
	stream_note_full(&world->streams, world->stream);
	streams_advance(&world->streams);
	assert_true(streams_must_retain(&world->streams));
	world->streams.is_filling = true;
	streams_commit(&world->streams);
	assert_int_equal(world->stream->length, N_IDS);
	assert_false(world->streams.is_filling);
	while (streams_must_retain(&world->streams)) {
		streams_collect(&world->streams);
		streams_commit(&world->streams);
	}
	assert_int_equal(world->stream->length, 10);
	world_deinit(world);
	free(world);
}

/* Entries of a stream whose rule came, went and came again; and of one that has got another name. */
static void
test_rules_come_and_go(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));
	struct holder *first = NULL, *second = NULL;

	world_init(world);
	streams_set_rules(&world->streams, NULL);
	advance(world);
	give(world, 1, streams_unix_ms() - 2 * HOUR_MS, 1, &first);
	assert_null(first);
	assert_null(world->group->handouts);
	world->rule->delivery.redeliver_ms = HOUR_MS;
	streams_set_rules(&world->streams, &world->rules);
	advance(world);
	assert_non_null(group_next_released(&world->streams, world->group, STREAM_ID_MIN));
	give(world, 2, streams_unix_ms(), 1, &first);
	assert_non_null(first);
	streams_set_rules(&world->streams, NULL);
	advance(world);
	assert_null(group_next_released(&world->streams, world->group, STREAM_ID_MIN));
	give(world, 2, streams_unix_ms(), 2, &second); /* first does not have it any more */
	streams_set_rules(&world->streams, &world->rules);
	holder_end(&world->streams, first);
	advance(world);
	assert_null(group_next_released(&world->streams, world->group, id_of(2)));
	assert_int_equal(streams_rename(&world->streams, world->stream, consumer_name), 0);
	assert_null(group_next_released(&world->streams, world->group, STREAM_ID_MIN));
	assert_int_equal(streams_rename(&world->streams, world->stream, stream_name), 0);
	advance(world);
	assert_non_null(group_next_released(&world->streams, world->group, STREAM_ID_MIN));
	world_deinit(world);
	free(world);
}

/* Whatever cannot be remembered for lack of memory is given again once there is some. */
static void
test_no_memory(void **state __attribute__((unused)))
{
	for (uint64_t n = 1, failed = 1; failed > 0; n++) {
		struct world *world = calloc(1, sizeof(*world));
		struct holder *holder = NULL;

		world_init(world);
		world->rule->delivery.redeliver_ms = HOUR_MS;
		world->rule->delivery.retry_delay = (struct stream_delays){ 2, { HOUR_MS, 0 } };
		streams_set_rules(&world->streams, &world->rules);
		for (size_t i = 0; i < 200; i++) /* they all have room in the group */
			give(world, i, streams_unix_ms(), 2, NULL);
		failing_begin(n, 3);
		failing_set_on(true);
		for (size_t i = 0; i < 200; i++)
			give(world, i, streams_unix_ms(), i % 2, &holder);
		holder_end(&world->streams, holder);
		while (streams_have_work(&world->streams))
			streams_advance(&world->streams);
		failing_set_on(false);
		failed = failing_end();
		if (!TAILQ_EMPTY(&world->streams.handouts_scanned)) {
			assert_true(streams_next_deadline(&world->streams) <= streams_now_us() + 1000000);
			world->streams.handouts_retry_us = 0;
		}
		advance(world);
		for (size_t i = 0; i < 200; i++) {
			struct stream_pending *pending = pending_find(&world->group->pending, id_of(i));

			if (pending->handout)
				assert_true(pending->handout->due.at > 0);
			else
				assert_non_null(pending_find(&world->group->handouts->released, id_of(i)));
		}
		world_deinit(world);
		free(world);
	}
}

/* A connection that has very many entries costs no pass much, nor does a group that goes. */
static void
test_many(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));
	struct holder *holder = NULL;
	size_t n = 0;

	world_init(world);
	for (size_t i = 0; i < 30000; i++)
		give(world, i, streams_unix_ms(), 1, &holder);
	holder_end(&world->streams, holder);
	advance(world);
	assert_int_equal(world->group->handouts->released.n_entries, 30000);
	for (holder = NULL; n < 30000; n++)
		give(world, n, streams_unix_ms(), 1, &holder);
	assert_int_equal(world->group->handouts->released.n_entries, 0);
	n = world->flow.work.done;
	group_delete(&world->streams, world->stream, world->group);
	assert_in_range(world->flow.work.done - n, 0, 200000);
	holder_end(&world->streams, holder);
	advance(world);
	world_deinit(world);
	free(world);
}

/* Nothing happens to a stream any more that was deleted, though it is there until the store has a batch for that. */
static void
test_deleted(void **state __attribute__((unused)))
{
	struct world *world = calloc(1, sizeof(*world));
	struct group_values values = { .set = GROUP_MAX_DELIVERIES | GROUP_CONSUMER_TIMEOUT,
		                       .own = { .max_deliveries = 1, .consumer_timeout_ms = 1 } };
	struct holder *holder = NULL;

	world_init(world);
	assert_int_equal(group_set_values(&world->streams, world->group, &values), 0);
	for (size_t i = 0; i < 10; i++)
		give(world, i, 1, 1, i < 5 ? &holder : NULL);
	streams_commit(&world->streams);
	group_apply_rule(&world->streams, world->group, true);
	streams_delete(&world->streams, world->stream);
	holder_end(&world->streams, holder);
	advance(world);
	assert_true(TAILQ_EMPTY(&world->streams.dirty));
	assert_int_equal(world->streams.groups_idle.n, 0);
	streams_collect(&world->streams);
	world_deinit(world);
	free(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),        cmocka_unit_test(test_rules_come_and_go),
		cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_many),
		cmocka_unit_test(test_deleted),       cmocka_unit_test(test_histories_are_charged),
		cmocka_unit_test(test_retained_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
