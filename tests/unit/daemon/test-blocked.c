/* Clients that wait for entries of streams, without streams: random steps against a plain model. */
#include "blocked.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "prng.h"

#define NAMES 6
#define CLIENTS 24
#define KEYS_MAX 4
#define GROUPS 2 /* of each stream */

/* A stream of the model: its last id counts its entries; each group has seen some of them. */
struct source {
	struct stream stream;
	bool exists;
	char name[8];
	struct {
		uint64_t no; /* 0: no such group */
		uint64_t seen;
	} groups[GROUPS];
};

struct worker {
	struct client client;
	bool exists, is_group;
	struct blocked *blocked;
	uint64_t asked; /* in the order in which they began to wait */
	size_t n;
	struct {
		size_t source, group;
		uint64_t after, no;
	} keys[KEYS_MAX];
};

struct rig {
	struct prng prng;
	struct flow flow;
	struct streams streams;
	struct source sources[NAMES];
	struct worker workers[CLIENTS];
	uint64_t last_no, last_asked;
};

static int
setup(void **state)
{
	static const struct limits limits = { .max_clients = 1000,
		                              .max_clients_per_uid = 1000,
		                              .max_message = 1 << 20,
		                              .queue_limit = 1 << 20,
		                              .queue_limit_per_uid = 1 << 24 };
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	prng_init(&rig->prng, prng_seed());
	flow_init(&rig->flow, &limits);
	rig->streams.flow = &rig->flow;
	TAILQ_INIT(&rig->streams.blocked);
	for (size_t i = 0; i < NAMES; i++)
		snprintf(rig->sources[i].name, sizeof(rig->sources[i].name), "s%zu", i);
	*state = rig;
	return 0;
}

static struct slice
name_of(const struct source *source)
{
	return slice_of(source->name);
}

/* A stream is made, under the name of the source. */
static void
create(struct rig *rig, struct source *source)
{
	struct slice name = name_of(source);

	source->stream = (struct stream){ .name = (uint8_t *)source->name, .name_len = name.len };
	TAILQ_INIT(&source->stream.blocked);
	failing_set_on(false);
	assert_int_equal(
	    hashtable_insert(&rig->streams.table, &source->stream.node, siphash(&rig->streams.key, name.p, name.len)),
	    0);
	source->exists = true;
	memset(source->groups, 0, sizeof(source->groups));
	blocked_adopt(&rig->streams, &source->stream);
}

static void delete (struct rig *rig, struct source *source)
{
	blocked_wake_all(&rig->streams, &source->stream);
	assert_true(TAILQ_EMPTY(&source->stream.blocked) && LIST_EMPTY(&source->stream.blocked_groups));
	hashtable_remove(&rig->streams.table, &source->stream.node);
	memset(&source->stream, 0xa5, sizeof(source->stream)); /* nothing may refer to it */
	source->exists = false;
}

/* What the end of a pass does with the dead. */
static void
bury(struct rig *rig)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct worker *worker = &rig->workers[i];

		if (!worker->exists || worker->client.state != CLIENT_DEAD)
			continue;
		blocked_free(&rig->streams, worker->blocked);
		flow_set_state(&rig->flow, &worker->client, CLIENT_DEAD, NULL);
		flow_dismiss(&rig->flow, &worker->client);
		memset(worker, 0xa5, sizeof(*worker));
		worker->exists = false;
	}
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < CLIENTS; i++)
		if (rig->workers[i].exists)
			flow_mark_dead(&rig->flow, &rig->workers[i].client);
	bury(rig);
	assert_int_equal(rig->streams.n_blocked, 0);
	assert_null(rig->streams.deadlines.nodes);
	assert_null(rig->streams.blocked_names.buckets);
	assert_null(rig->streams.blocked_groups.buckets);
	for (size_t i = 0; i < NAMES; i++)
		if (rig->sources[i].exists)
			delete (rig, &rig->sources[i]);
	hashtable_deinit(&rig->streams.table);
	flow_deinit(&rig->flow);
	free(rig);
	return 0;
}

static bool
key_exists(const struct rig *rig, const struct worker *worker, size_t k)
{
	const struct source *source = &rig->sources[worker->keys[k].source];

	return source->exists && (!worker->is_group || source->groups[worker->keys[k].group].no == worker->keys[k].no);
}

/* How many entries there are for a key of a worker. */
static uint64_t
available(const struct rig *rig, const struct worker *worker, size_t k)
{
	const struct source *source = &rig->sources[worker->keys[k].source];
	uint64_t last = source->stream.last.ms, seen;

	if (!key_exists(rig, worker, k))
		return 0;
	seen = worker->is_group ? source->groups[worker->keys[k].group].seen : worker->keys[k].after;
	return last > seen ? last - seen : 0;
}

/* Asks for entries of some streams, as the command does when it runs first. */
static void
ask(struct rig *rig, struct worker *worker)
{
	struct identity identity = { .uid = 1 };
	struct blocked_key keys[KEYS_MAX];
	int r;

	*worker = (struct worker){ .n = 1 + prng_below(&rig->prng, KEYS_MAX), .is_group = prng_below(&rig->prng, 2) };
	for (size_t k = 0; k < worker->n; k++) {
		size_t i = prng_below(&rig->prng, NAMES), g = prng_below(&rig->prng, GROUPS);
		struct source *source = &rig->sources[i];

		worker->keys[k].source = i;
		worker->keys[k].group = g;
		worker->keys[k].after = source->exists ? source->stream.last.ms + prng_below(&rig->prng, 2) : 0;
		worker->keys[k].no = source->groups[g].no;
		if (worker->is_group && (!source->exists || source->groups[g].no == 0))
			return; /* NOGROUP */
		keys[k] = (struct blocked_key){ .name = name_of(source),
			                        .after = { worker->keys[k].after, 0 },
			                        .group = worker->is_group ? worker->keys[k].no : 0 };
		if (available(rig, worker, k) > 0)
			return; /* it is served at once */
	}
	failing_set_on(false);
	assert_int_equal(flow_admit(&rig->flow, &worker->client, &identity), 0);
	failing_set_on(true);
	r = blocked_begin(&rig->streams, &worker->client, keys, worker->n, prng_below(&rig->prng, 3), &worker->blocked);
	failing_set_on(false);
	worker->exists = true;
	worker->asked = ++rig->last_asked;
	if (r < 0) {
		assert_int_equal(r, -ENOMEM);
		assert_null(worker->blocked);
		flow_mark_dead(&rig->flow, &worker->client);
	} else {
		assert_int_equal(worker->client.state, CLIENT_WAITING);
	}
}

/* The command is done; the client goes. */
static void
finish(struct rig *rig, struct worker *worker)
{
	blocked_free(&rig->streams, worker->blocked);
	worker->blocked = NULL;
	flow_mark_dead(&rig->flow, &worker->client);
}

/* A client that is ready: its command runs again. */
static void
run(struct rig *rig, struct worker *worker)
{
	bool is_refused = false, is_served = false, is_alive;

	flow_set_state(&rig->flow, &worker->client, CLIENT_OPEN, NULL);
	for (size_t k = 0; k < worker->n; k++)
		is_refused = is_refused || (worker->is_group && !key_exists(rig, worker, k));
	for (size_t k = 0; k < worker->n && !is_refused; k++) {
		struct source *source = &rig->sources[worker->keys[k].source];
		uint64_t n = available(rig, worker, k);

		is_served = is_served || n > 0;
		if (n > 0 && worker->is_group)
			source->groups[worker->keys[k].group].seen += 1 + prng_below(&rig->prng, n);
	}
	if (is_refused || is_served || worker->blocked->is_over) {
		for (size_t k = 0; k < worker->n && is_served && worker->is_group; k++) {
			worker->blocked->is_served = true;
			if (available(rig, worker, k) > 0)
				blocked_wake_next(&rig->streams, &rig->sources[worker->keys[k].source].stream,
				                  worker->keys[k].no);
		}
		finish(rig, worker);
		return;
	}
	failing_set_on(true);
	is_alive = blocked_again(&rig->streams, worker->blocked);
	failing_set_on(false);
	assert_true(is_alive == (worker->client.state == CLIENT_WAITING));
	if (is_alive && prng_below(&rig->prng, 3) == 0) {
		failing_set_on(true);
		blocked_retry(&rig->streams, worker->blocked, prng_below(&rig->prng, 3));
		failing_set_on(false);
		is_alive = client_is_live(&worker->client);
	}
	assert_true(is_alive || worker->client.state == CLIENT_DEAD);
}

/* Whether the model says that the worker has something to do. */
static bool
is_due(const struct rig *rig, const struct worker *worker)
{
	for (size_t k = 0; k < worker->n; k++) {
		bool is_first = true;

		if (worker->is_group && !key_exists(rig, worker, k))
			return true;
		if (available(rig, worker, k) == 0)
			continue;
		for (size_t i = 0; worker->is_group && i < CLIENTS; i++) {
			const struct worker *other = &rig->workers[i];

			if (!other->exists || !client_is_live(&other->client) || !other->is_group ||
			    other->asked >= worker->asked)
				continue;
			for (size_t l = 0; l < other->n; l++)
				is_first = is_first && other->keys[l].no != worker->keys[k].no;
		}
		if (is_first)
			return true;
	}
	return worker->blocked->is_over;
}

/* Nobody sleeps who has something to do. */
static void
check(struct rig *rig)
{
	size_t n = 0;

	for (size_t i = 0; i < CLIENTS; i++) {
		const struct worker *worker = &rig->workers[i];

		n += worker->exists && worker->blocked;
		if (!worker->exists || worker->client.state != CLIENT_WAITING)
			continue;
		assert_false(is_due(rig, worker));
		/* Who has a deadline, is in the heap. */
		assert_true(worker->blocked->alarm.at > 0 || worker->blocked->deadline_us == UINT64_MAX);
		assert_true(worker->blocked->alarm.at == 0 ||
		            worker->blocked->alarm.key <= worker->blocked->deadline_us);
	}
	assert_int_equal(rig->streams.n_blocked, n);
}

static void
change_source(struct rig *rig, struct source *source)
{
	size_t g = prng_below(&rig->prng, GROUPS);

	if (!source->exists) {
		create(rig, source);
		return;
	}
	switch (prng_below(&rig->prng, 8)) {
	case 0:
		delete (rig, source);
		break;
	case 1:
		if (source->groups[g].no > 0) {
			uint64_t no = source->groups[g].no;

			source->groups[g].no = 0;
			blocked_wake_group(&rig->streams, &source->stream, no);
			break;
		}
		/* fall through */
	case 2:
		if (source->groups[g].no == 0) {
			source->groups[g].no = ++rig->last_no;
			source->groups[g].seen = source->stream.last.ms;
		}
		break;
	default:
		source->stream.last.ms++;
		blocked_wake(&rig->streams, &source->stream);
		break;
	}
}

static void
step(struct rig *rig)
{
	struct worker *worker = &rig->workers[prng_below(&rig->prng, CLIENTS)];

	switch (prng_below(&rig->prng, 8)) {
	case 0:
		change_source(rig, &rig->sources[prng_below(&rig->prng, NAMES)]);
		break;
	case 1:
		if (worker->exists && worker->blocked && prng_below(&rig->prng, 4) == 0) {
			bool was_over = worker->blocked->is_over, is_live = client_is_live(&worker->client);

			assert_true(blocked_unblock(&rig->streams, worker->blocked, was_over) ==
			            (!was_over && is_live));
		}
		break;
	case 2:
		if (worker->exists && prng_below(&rig->prng, 4) == 0) {
			flow_mark_dead(&rig->flow, &worker->client);
			/* Until it is buried, it is passed over. */
			if (prng_below(&rig->prng, 2))
				change_source(rig, &rig->sources[prng_below(&rig->prng, NAMES)]);
		}
		break;
	case 3:
		bury(rig);
		if (prng_below(&rig->prng, 16) == 0)
			usleep(1000);
		blocked_check(&rig->streams);
		break;
	case 4:
	case 5:
		if (worker->exists && worker->client.state == CLIENT_READY)
			run(rig, worker);
		bury(rig);
		break;
	default:
		if (!worker->exists)
			ask(rig, worker);
		break;
	}
}

static void
random_steps(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 60000; i++) {
		work_end_pass(&rig->flow.work);
		step(rig);
		bury(rig);
		check(rig);
	}
}

/* Likewise, while now and then there is no memory. */
static void
no_memory(void **state)
{
	struct rig *rig = *state;
	uint64_t failed = 0;

	for (int i = 0; i < 60000; i++) {
		if (i % 100 == 0) {
			failed += failing_end();
			failing_begin(1 + prng_below(&rig->prng, 8), 1 + prng_below(&rig->prng, 3));
			failing_set_on(false);
		}
		work_end_pass(&rig->flow.work);
		step(rig);
		bury(rig);
		check(rig);
	}
	failed += failing_end();
	assert_in_range(failed, 20, UINT64_MAX);
}

/* A worker that was woken and dies before it runs has kept the entry from nobody. */
static void
next_one_is_woken(void **state)
{
	struct rig *rig = *state;
	struct source *source = &rig->sources[0];
	struct blocked_key key = { .name = name_of(source), .group = 7 };
	struct identity identity = { .uid = 1 };

	create(rig, source);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(flow_admit(&rig->flow, &rig->workers[i].client, &identity), 0);
		rig->workers[i].exists = true;
		assert_int_equal(
		    blocked_begin(&rig->streams, &rig->workers[i].client, &key, 1, 0, &rig->workers[i].blocked), 0);
	}
	source->stream.last.ms = 1;
	blocked_wake(&rig->streams, &source->stream);
	blocked_wake(&rig->streams, &source->stream);
	assert_int_equal(rig->workers[0].client.state, CLIENT_READY);
	assert_int_equal(rig->workers[1].client.state, CLIENT_WAITING);
	flow_mark_dead(&rig->flow, &rig->workers[0].client);
	assert_int_equal(rig->workers[1].client.state, CLIENT_WAITING);
	bury(rig);
	assert_int_equal(rig->workers[1].client.state, CLIENT_READY);
	assert_int_equal(rig->workers[2].client.state, CLIENT_WAITING);
	/* One that dies asleep is passed over, also before it is buried. */
	flow_mark_dead(&rig->flow, &rig->workers[2].client);
	finish(rig, &rig->workers[1]);
	bury(rig);
}

/* One that does not read what it is sent is woken, but so is the next one: it may be a long time until it can run. */
static void
stalled_one_holds_up_nobody(void **state)
{
	struct rig *rig = *state;
	struct source *source = &rig->sources[0];
	struct blocked_key key = { .name = name_of(source), .group = 7 };
	struct identity identity = { .uid = 1 };

	create(rig, source);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(flow_admit(&rig->flow, &rig->workers[i].client, &identity), 0);
		rig->workers[i].exists = true;
		assert_int_equal(
		    blocked_begin(&rig->streams, &rig->workers[i].client, &key, 1, 0, &rig->workers[i].blocked), 0);
	}
	rig->workers[0].client.held_up = true;
	source->stream.last.ms = 1;
	blocked_wake(&rig->streams, &source->stream);
	assert_int_equal(rig->workers[0].client.state, CLIENT_READY);
	assert_int_equal(rig->workers[1].client.state, CLIENT_READY);
	assert_int_equal(rig->workers[2].client.state, CLIENT_WAITING);
}

/* What can be claimed is there for those who claim, one after the other. */
static void
those_who_claim_are_woken(void **state)
{
	struct rig *rig = *state;
	struct source *source = &rig->sources[0];
	struct blocked_key key = { .name = name_of(source), .group = 7 };
	struct identity identity = { .uid = 1 };

	create(rig, source);
	for (size_t i = 0; i < 4; i++) {
		key.claims = i == 1 || i == 3;
		assert_int_equal(flow_admit(&rig->flow, &rig->workers[i].client, &identity), 0);
		rig->workers[i].exists = true;
		assert_int_equal(
		    blocked_begin(&rig->streams, &rig->workers[i].client, &key, 1, 0, &rig->workers[i].blocked), 0);
	}
	blocked_wake_claims(&rig->streams, &source->stream, 7);
	assert_int_equal(rig->workers[0].client.state, CLIENT_WAITING);
	assert_int_equal(rig->workers[1].client.state, CLIENT_READY);
	assert_int_equal(rig->workers[2].client.state, CLIENT_WAITING);
	assert_int_equal(rig->workers[3].client.state, CLIENT_WAITING);
	/* It has looked, found nothing, and there is something now. */
	blocked_wake_claims(&rig->streams, &source->stream, 7);
	assert_int_equal(rig->workers[3].client.state, CLIENT_WAITING);
	assert_true(blocked_again(&rig->streams, rig->workers[1].blocked));
	assert_int_equal(rig->workers[1].client.state, CLIENT_WAITING); /* as its command has said */
	blocked_retry(&rig->streams, rig->workers[1].blocked, 1000000);
	blocked_check(&rig->streams);
	assert_int_equal(rig->workers[1].client.state, CLIENT_READY);
	assert_true(blocked_again(&rig->streams, rig->workers[1].blocked));
	blocked_retry(&rig->streams, rig->workers[1].blocked, 1000000);
	blocked_check(&rig->streams);
	assert_int_equal(rig->workers[1].client.state, CLIENT_WAITING);
	/* It takes some, and there may be more. */
	blocked_wake_claims(&rig->streams, &source->stream, 7);
	rig->workers[1].blocked->is_served = true;
	finish(rig, &rig->workers[1]);
	assert_int_equal(rig->workers[0].client.state, CLIENT_WAITING);
	assert_int_equal(rig->workers[2].client.state, CLIENT_WAITING);
	assert_int_equal(rig->workers[3].client.state, CLIENT_READY);
	finish(rig, &rig->workers[3]);
	blocked_wake_claims(&rig->streams, &source->stream, 7);
	bury(rig);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Nobody is woken before the time. */
static void
deadlines(void **state)
{
	struct rig *rig = *state;
	struct blocked_key key = { .name = name_of(&rig->sources[0]) };
	struct identity identity = { .uid = 1 };
	uint64_t begin = now_us();

	assert_int_equal(blocked_next_deadline(&rig->streams), UINT64_MAX);
	for (size_t i = 0; i < 3; i++) {
		static const uint64_t timeouts[] = { 5, 1000000, UINT64_MAX };

		assert_int_equal(flow_admit(&rig->flow, &rig->workers[i].client, &identity), 0);
		rig->workers[i].exists = true;
		assert_int_equal(blocked_begin(&rig->streams, &rig->workers[i].client, &key, 1, timeouts[i],
		                               &rig->workers[i].blocked),
		                 0);
	}
	assert_in_range(blocked_next_deadline(&rig->streams), begin + 5000, now_us() + 5000);
	while (rig->workers[0].client.state == CLIENT_WAITING)
		blocked_check(&rig->streams);
	assert_true(now_us() >= begin + 5000);
	assert_true(rig->workers[0].blocked->is_over && !rig->workers[0].blocked->is_unblocked_with_error);
	assert_false(rig->workers[1].blocked->is_over || rig->workers[2].blocked->is_over);
	assert_in_range(blocked_next_deadline(&rig->streams), begin + 1000000000, now_us() + 1000000000);
	/* One that looks again has its deadline still. */
	blocked_retry(&rig->streams, rig->workers[1].blocked, 2000);
	assert_in_range(blocked_next_deadline(&rig->streams), begin + 2000000, now_us() + 2000000);
	blocked_retry(&rig->streams, rig->workers[1].blocked, 3);
	while (rig->workers[1].client.state == CLIENT_WAITING)
		blocked_check(&rig->streams);
	assert_false(rig->workers[1].blocked->is_over);
	assert_int_equal(blocked_next_deadline(&rig->streams), UINT64_MAX);
	assert_true(blocked_again(&rig->streams, rig->workers[1].blocked));
	assert_in_range(blocked_next_deadline(&rig->streams), begin + 1000000000, now_us() + 1000000000);
	assert_true(blocked_unblock(&rig->streams, rig->workers[2].blocked, true));
	assert_true(rig->workers[2].blocked->is_unblocked_with_error);
	assert_int_equal(rig->workers[2].client.state, CLIENT_READY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(next_one_is_woken, setup, teardown),
		cmocka_unit_test_setup_teardown(stalled_one_holds_up_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(those_who_claim_are_woken, setup, teardown),
		cmocka_unit_test_setup_teardown(deadlines, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
