/*
 * Streams against a plain model: random entries come and go, are walked in both directions, and the store is opened
 * anew now and then; with a cache of a few blocks, so that most of what is read is on disk.
 */
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"

#define N_STREAMS ((size_t)3)
#define N_STEPS 20000
#define FIELDS_MAX ((size_t)4)
#define VALUE_MAX ((size_t)20000)

struct model_entry {
	struct stream_id id;
	uint64_t seed; /* of its fields */
};

struct model {
	char name[16];
	bool exists;
	struct model_entry *entries;
	size_t n, cap;
	struct stream_id last, max_deleted;
	uint64_t added, no;
};

struct world {
	struct keep keep;
	struct streams *streams;
	struct model models[N_STREAMS];
	struct prng prng;
	bool is_calm; /* entries are added, and little else happens */
	uint8_t value[VALUE_MAX];
};

static size_t
pick(struct world *world, size_t n)
{
	return prng_below(&world->prng, n);
}

static void
world_init(struct world *world, uint64_t cache)
{
	*world = (struct world){ .streams = &world->keep.streams };
	keep_init(&world->keep, cache);
	prng_init(&world->prng, prng_seed());
	for (size_t i = 0; i < N_STREAMS; i++)
		snprintf(world->models[i].name, sizeof(world->models[i].name), "stream-%zu", i);
	memset(world->value, 'v', VALUE_MAX);
}

static void
world_deinit(struct world *world)
{
	keep_deinit(&world->keep);
	for (size_t i = 0; i < N_STREAMS; i++)
		free(world->models[i].entries);
}

static struct stream *
world_find(struct world *world, const struct model *model)
{
	return streams_find(world->streams, slice_of(model->name));
}

/* The fields that belong to a seed: mostly one with the same name, now and then others, few of them large. */
static struct stream_fields
make_fields(struct world *world, uint64_t seed, struct slice argv[2 * FIELDS_MAX])
{
	static const char *const names[] = { "field", "a", "", "temperature" };
	struct stream_fields fields = { argv, seed % 10 < 7 ? 1 : 1 + seed % FIELDS_MAX };

	for (size_t i = 0; i < fields.n_fields; i++) {
		size_t kind = (seed >> 8) % 100, len = (seed >> 16) + i;

		argv[2 * i] = slice_of(seed % 10 < 7 ? "field" : names[(seed / 10 + i) % 4]);
		len = kind < 90 ? len % 60 : kind < 97 ? len % 1000 : len % VALUE_MAX;
		argv[2 * i + 1] = (struct slice){ world->value, len };
	}
	return fields;
}

static void
assert_entry(struct world *world, struct stream_entry entry, const struct model_entry *expected)
{
	struct slice argv[2 * FIELDS_MAX];
	struct stream_fields fields = make_fields(world, expected->seed, argv);

	assert_int_equal(stream_id_cmp(entry.id, expected->id), 0);
	assert_int_equal(entry.n_fields, fields.n_fields);
	for (size_t i = 0; i < 2 * fields.n_fields; i++) {
		struct slice slice = stream_entry_next(&entry);

		assert_int_equal(slice.len, argv[i].len);
		assert_memory_equal(slice.p, argv[i].p, slice.len);
	}
	assert_ptr_equal(entry.p, entry.end);
}

/* The first entry of the model whose id is at least `id`. */
static size_t
model_search(const struct model *model, struct stream_id id)
{
	size_t low = 0, high = model->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (stream_id_cmp(model->entries[middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
model_remove(struct model *model, size_t from, size_t n)
{
	memmove(model->entries + from, model->entries + from + n, (model->n - from - n) * sizeof(*model->entries));
	model->n -= n;
}

static void
world_append(struct world *world, struct model *model)
{
	struct slice argv[2 * FIELDS_MAX];
	struct model_entry entry = { .seed = prng_next(&world->prng) };
	struct stream *stream;
	int error = 0;

	stream = streams_get(world->streams, slice_of(model->name), KEEP_UID, &error);
	assert_non_null(stream);
	if (!model->exists) {
		assert_true(stream->no > model->no);
		model->no = stream->no;
		model->exists = true;
	}
	if (pick(world, 2) == 0) {
		assert_true(stream_next_id(stream, model->last.ms + pick(world, 3), &entry.id));
	} else {
		entry.id = (struct stream_id){ model->last.ms + pick(world, 1000), pick(world, 300) };
		if (stream_id_cmp(entry.id, model->last) <= 0)
			return;
	}
	assert_int_equal(stream_append(world->streams, stream, entry.id, make_fields(world, entry.seed, argv)), 0);
	if (model->n == model->cap) {
		model->cap = model->cap ? 2 * model->cap : 100;
		model->entries = realloc(model->entries, model->cap * sizeof(entry));
		assert_non_null(model->entries);
	}
	model->entries[model->n++] = entry;
	model->last = entry.id;
	model->added++;
}

/* An id near an entry, or anywhere. */
static struct stream_id
pick_id(struct world *world, const struct model *model)
{
	struct stream_id id;

	if (model->n == 0 || pick(world, 10) == 0)
		return pick(world, 2) ? STREAM_ID_MIN : STREAM_ID_MAX;
	id = model->entries[pick(world, model->n)].id;
	id.seq += pick(world, 4) == 0;
	return id;
}

static void
world_delete_entry(struct world *world, struct model *model)
{
	struct stream_id id = pick_id(world, model);
	size_t at = model_search(model, id);
	bool is_there = at < model->n && stream_id_cmp(model->entries[at].id, id) == 0;
	enum stream_step status;

	while ((status = stream_delete(world->streams, world_find(world, model), id)) == STREAM_COLD)
		streams_collect(world->streams);
	assert_int_equal(status, is_there ? STREAM_ENTRY : STREAM_END);
	if (!is_there)
		return;
	model_remove(model, at, 1);
	if (stream_id_cmp(id, model->max_deleted) > 0)
		model->max_deleted = id;
}

static bool
may_go(void *arg, struct stream *stream __attribute__((unused)), struct stream_id id)
{
	return (id.seq ^ *(uint64_t *)arg) % 4 != 0;
}

static void
world_trim(struct world *world, struct model *model)
{
	struct stream_trim trim = { .by_id = pick(world, 2), .is_rough = pick(world, 3) == 0 };
	uint64_t removed = 0, salt = pick(world, 4), length = model->n;
	bool asks = !trim.is_rough && pick(world, 3) == 0;
	struct stream *stream = world_find(world, model);
	enum stream_step status;
	size_t kept;

	trim.max_length = model->n < 10 || pick(world, 20) == 0 ? 0 : model->n - pick(world, model->n / 4 + 1);
	trim.min_id = model->n > 0 ? model->entries[pick(world, model->n / 4 + 1)].id : STREAM_ID_MIN;
	trim.limit = trim.is_rough ? pick(world, 300) : 0;
	while ((status = stream_trim(world->streams, stream, &trim, asks ? may_go : NULL, &salt, &removed)) ==
	       STREAM_COLD) {
		assert_true(asks || stream->length == length);
		streams_collect(world->streams);
	}
	assert_int_equal(status, STREAM_END);
	assert_int_equal(stream->length, length - removed);
	if (trim.is_rough) {
		size_t all = trim.by_id ? model_search(model, trim.min_id) : length - trim.max_length;

		assert_true(removed <= all && (trim.limit == 0 || removed <= trim.limit));
		assert_true(removed + 100 >= all || removed + 100 > trim.limit);
		model_remove(model, 0, removed);
		return;
	}
	kept = 0;
	for (size_t i = 0; i < length; i++) {
		const struct model_entry *entry = &model->entries[i];
		bool is_wanted = trim.by_id ? stream_id_cmp(entry->id, trim.min_id) < 0 : model->n > trim.max_length;

		if (is_wanted && !(asks && !may_go(&salt, stream, entry->id)))
			model->n--;
		else
			model->entries[kept++] = *entry;
	}
	assert_int_equal(kept, model->n);
}

static void
world_walk(struct world *world, struct model *model, struct stream_id from, struct stream_id to, bool is_backward,
           size_t max)
{
	size_t at = is_backward ? model_search(model, to) : model_search(model, from), tries = 0;
	struct stream_cursor cursor;
	struct stream_entry entry;

	if (is_backward && (at == model->n || stream_id_cmp(model->entries[at].id, to) > 0))
		at--; /* or wraps: none */
	stream_seek(&cursor, world_find(world, model), from, to, is_backward);
	for (size_t n = 0; n < max; n++) {
		enum stream_step status;
		bool is_end = at >= model->n || stream_id_cmp(from, to) > 0;

		while ((status = stream_step(world->streams, &cursor, &entry)) == STREAM_COLD) {
			assert_true(++tries < 10000);
			streams_collect(world->streams);
		}
		is_end = is_end || (is_backward ? stream_id_cmp(model->entries[at].id, from) < 0
		                                : stream_id_cmp(model->entries[at].id, to) > 0);
		assert_int_equal(status, is_end ? STREAM_END : STREAM_ENTRY);
		if (is_end)
			return;
		assert_entry(world, entry, &model->entries[at]);
		at += is_backward ? SIZE_MAX : 1;
	}
}

static void
world_check(struct world *world)
{
	uint64_t bytes = 0, entries = 0;

	for (size_t i = 0; i < N_STREAMS; i++) {
		struct model *model = &world->models[i];
		struct stream *stream = world_find(world, model);
		struct stream_id first = model->n > 0 ? model->entries[0].id : STREAM_ID_MIN;

		assert_int_equal(!!stream, model->exists);
		if (!stream)
			continue;
		assert_int_equal(stream->length, model->n);
		assert_int_equal(stream->added, model->added);
		assert_int_equal(stream->no, model->no);
		assert_int_equal(stream_id_cmp(stream->last, model->last), 0);
		assert_int_equal(stream_id_cmp(stream->max_deleted, model->max_deleted), 0);
		assert_int_equal(stream_id_cmp(stream_first_id(stream), first), 0);
		bytes += stream->bytes;
		entries += stream->length;
	}
	assert_int_equal(world->streams->bytes, bytes);
	assert_int_equal(world->streams->entries, entries);
	assert_int_equal(streams_user_bytes(world->streams, KEEP_UID), bytes);
}

static void
world_delete_stream(struct world *world, struct model *model)
{
	streams_delete(world->streams, world_find(world, model));
	model->exists = false;
	model->n = 0;
	model->added = 0;
	model->last = model->max_deleted = STREAM_ID_MIN;
}

/* XSETID: ids of an empty stream may begin anew. */
static void
world_set_last(struct world *world, struct model *model)
{
	if (model->n == 0)
		model->last = (struct stream_id){ pick(world, 1000), 1 };
	else
		model->last.ms += pick(world, 1000);
	stream_set_last(world->streams, world_find(world, model), model->last);
}

static void
world_count(struct world *world, struct model *model)
{
	struct stream_id id = pick_id(world, model);
	uint64_t count = stream_count_after(world->streams, world_find(world, model), id);
	size_t at = model_search(model, id);

	at += at < model->n && stream_id_cmp(model->entries[at].id, id) == 0;
	assert_true(count == UINT64_MAX || count == model->n - at);
}

static void
world_step(struct world *world)
{
	struct model *model = &world->models[pick(world, N_STREAMS)];
	size_t step = model->n == 0 && pick(world, 4) == 0 ? 999 : pick(world, 1000);

	if (pick(world, 200) == 0)
		world->is_calm = !world->is_calm;
	if (world->is_calm && step >= 600 && step < 760 && pick(world, 20) > 0)
		step = 840;
	if (!model->exists || step < 600) {
		for (size_t n = pick(world, 8); n > 0; n--)
			world_append(world, model);
	} else if (step < 700) {
		world_delete_entry(world, model);
	} else if (step < 760) {
		world_trim(world, model);
	} else if (step < 810) {
		world_walk(world, model, pick_id(world, model), pick_id(world, model), pick(world, 2),
		           pick(world, 300));
	} else if (step < 840) {
		world_count(world, model);
	} else if (step < 960) {
		keep_commit(&world->keep);
	} else if (step < 985) {
		memory_store_set_memory(world->keep.storage, (int)pick(world, 10));
		keep_commit(&world->keep);
		memory_store_set_memory(world->keep.storage, -1);
	} else if (step < 995) {
		memory_store_set_auto(world->keep.storage, pick(world, 2));
		if (pick(world, 4) == 0)
			memory_store_finish(world->keep.storage);
	} else if (step < 998) {
		memory_store_set_auto(world->keep.storage, true);
		keep_reopen(&world->keep);
		world_walk(world, model, STREAM_ID_MIN, STREAM_ID_MAX, pick(world, 2), SIZE_MAX);
	} else if (step < 999) {
		world_delete_stream(world, model);
	} else {
		world_set_last(world, model);
	}
}

static void
random_streams(uint64_t cache)
{
	struct world *world = malloc(sizeof(*world));

	world_init(world, cache);
	for (int i = 0; i < N_STEPS; i++) {
		world_step(world);
		world_check(world);
		if (i % 1000 == 0)
			for (size_t k = 0; k < N_STREAMS; k++)
				if (world->models[k].exists)
					world_walk(world, &world->models[k], STREAM_ID_MIN, STREAM_ID_MAX, k % 2,
					           SIZE_MAX);
	}
	memory_store_set_auto(world->keep.storage, true);
	keep_reopen(&world->keep);
	for (size_t k = 0; k < N_STREAMS; k++)
		if (world->models[k].exists)
			world_walk(world, &world->models[k], STREAM_ID_MIN, STREAM_ID_MAX, k % 2, SIZE_MAX);
	world_check(world);
	world_deinit(world);
	free(world);
}

static void
as_the_model_says(void **state __attribute__((unused)))
{
	random_streams(64 << 20);
}

static void
as_the_model_says_with_a_small_cache(void **state __attribute__((unused)))
{
	random_streams(20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model_says),
		cmocka_unit_test(as_the_model_says_with_a_small_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
