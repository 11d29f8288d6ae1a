/*
 * Each allocation of streams fails once: what was asked for has not happened then and can be asked for again, and in
 * the end everything is as if none had failed.
 */
#include "keep.h"

#include <errno.h>

#include "failing.h"
#include "stream-index.h"

#define N_ENTRIES 250

static struct stream *
get(struct keep *keep, const char *name)
{
	struct stream *stream;
	int error = 0;

	while (!(stream = streams_get(&keep->streams, slice_of(name), KEEP_UID, &error)))
		assert_int_equal(error, -ENOMEM);
	return stream;
}

static void
add(struct keep *keep, struct stream *stream, uint64_t ms)
{
	static uint8_t value[20000];
	struct slice argv[] = { slice_of(ms % 50 ? "field" : "other"), { value, ms % 70 ? 20 : sizeof(value) } };
	uint64_t length = stream->length, bytes = stream->bytes;

	while (stream_append(&keep->streams, stream, (struct stream_id){ ms, 0 }, (struct stream_fields){ argv, 1 }) <
	       0) {
		assert_int_equal(stream->length, length);
		assert_int_equal(stream->bytes, bytes);
	}
}

/* STREAM_ERROR is for want of memory. */
static enum stream_step delete (struct keep *keep, struct stream *stream, uint64_t ms) {
	enum stream_step status;

	while ((status = stream_delete(&keep->streams, stream, (struct stream_id){ ms, 0 })) == STREAM_COLD ||
	       status == STREAM_ERROR) streams_collect(&keep->streams);
	return status;
}

static void
commit(struct keep *keep)
{
	do
		streams_commit(&keep->streams);
	while (!storage_is_committing(keep->storage));
	failing_set_on(false); /* the store itself has memory */
	streams_collect(&keep->streams);
	failing_set_on(true);
}

static void
reopen(struct keep *keep)
{
	failing_set_on(false);
	streams_deinit(&keep->streams);
	failing_set_on(true);
	for (;;) {
		failing_set_on(false);
		keep->storage = memory_store_open(keep->disk);
		failing_set_on(true);
		if (streams_init(&keep->streams, &keep->flow, keep->storage, &keep->limits) == 0)
			break;
		storage_close(keep->storage);
	}
	keep->flow.work.turn_end = UINT64_MAX;
}

/* Deletes the first entry of each block but the first, so that all get other keys. */
static size_t
delete_first_entries(struct keep *keep, struct stream *stream)
{
	size_t n = 0;

	for (size_t i = 1; i < stream->n_blocks; i++, n++)
		assert_int_equal(delete (keep, stream, stream_index_at(stream, i)->first.ms), STREAM_ENTRY);
	return n;
}

static uint64_t
count(struct keep *keep, struct stream *stream)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	enum stream_step status;
	uint64_t n = 0;

	stream_seek(&cursor, stream, STREAM_ID_MIN, STREAM_ID_MAX, false);
	while ((status = stream_step(&keep->streams, &cursor, &entry)) != STREAM_END) {
		n += status == STREAM_ENTRY;
		if (status != STREAM_ENTRY)
			streams_collect(&keep->streams);
	}
	return n;
}

static void
scenario(struct keep *keep)
{
	struct stream *a = get(keep, "a"), *b = get(keep, "b");
	size_t deleted;

	for (uint64_t ms = 1; ms <= N_ENTRIES; ms++)
		add(keep, a, ms);
	add(keep, b, 1);
	commit(keep);
	deleted = delete_first_entries(keep, a);
	commit(keep);
	while (streams_rename(&keep->streams, a, slice_of("c")) < 0)
		assert_ptr_equal(streams_find(&keep->streams, slice_of("a")), a);
	streams_delete(&keep->streams, b);
	commit(keep);
	reopen(keep);
	a = streams_find(&keep->streams, slice_of("c"));
	assert_non_null(a);
	assert_int_equal(keep->streams.table.n, 1);
	deleted += delete_first_entries(keep, a);
	assert_int_equal(count(keep, a), N_ENTRIES - deleted);
	commit(keep);
	reopen(keep);
	a = streams_find(&keep->streams, slice_of("c"));
	assert_int_equal(a->length, N_ENTRIES - deleted);
	assert_int_equal(count(keep, a), N_ENTRIES - deleted);
}

static void
each_allocation_fails_once(void **state __attribute__((unused)))
{
	int64_t blocks = failing_blocks();
	uint64_t n = 0, failed;

	do {
		struct keep keep;

		keep_init(&keep, 10000);
		failing_begin(++n, 1);
		failing_set_on(true);
		scenario(&keep);
		failed = failing_end();
		keep_deinit(&keep);
		assert_int_equal(failing_blocks(), blocks);
	} while (failed > 0);
	assert_true(n > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_allocation_fails_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
