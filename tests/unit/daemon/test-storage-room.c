/* The store: deletion of many blocks, space that is given back, limits, copies. */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "prng.h"
#include "store.h"

#define UNUSED __attribute__((unused))
#define PATIENCE_S 60

/* The number that the query returns, from the database of a store that is closed. */
static long long
query(const char *directory, const char *sql)
{
	_cleanup_free_ char *path = NULL;
	sqlite3_stmt *statement;
	sqlite3 *sqlite;
	long long number;

	assert_true(asprintf(&path, "%s/store.db", directory) > 0);
	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(sqlite);
	return number;
}

static struct storage_figures
figures_of(struct storage *storage)
{
	struct storage_figures figures;

	storage_get_figures(storage, &figures);
	return figures;
}

/* Waits until the room that the database needs has been measured, after a commit. */
static void
wait_until_used(struct storage *storage, uint64_t used_bytes)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (figures_of(storage).used_bytes < used_bytes) {
		if (time(NULL) >= end)
			fail_msg("%llu bytes are used", (unsigned long long)figures_of(storage).used_bytes);
		usleep(5000);
	}
}

/* Waits until the database needs, or takes, less than so many bytes. */
static void
wait_until_smaller(struct storage *storage, uint64_t used_bytes, uint64_t bytes)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (figures_of(storage).used_bytes >= used_bytes || figures_of(storage).bytes >= bytes) {
		if (time(NULL) >= end)
			fail_msg("%llu bytes are used, of %llu", (unsigned long long)figures_of(storage).used_bytes,
			         (unsigned long long)figures_of(storage).bytes);
		usleep(5000);
	}
}

static void
put_many(struct storage *storage, uint64_t stream, uint64_t n, const char *value)
{
	for (uint64_t i = 1; i <= n; i++)
		store_put_block(storage, stream, i, 1, value);
	store_commit(storage);
}

static void
many_blocks_go_little_by_little(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	const char *expected = "block 1 1500 n 7 bytes 5\nblock 1 2500 n 8 bytes 5\nblock 2 1 n 1 bytes 1\n";
	time_t end = time(NULL) + PATIENCE_S;
	struct buf content = { 0 };
	struct storage_event event;

	put_many(storage, 1, 3500, "x");
	put_many(storage, 2, 1, "x");
	store_delete_blocks(storage, 1, 0, UINT64_MAX);
	store_put_block(storage, 1, 1500, 7, "later");
	store_commit(storage);
	assert_int_equal(store_fetch(storage, 1, 3400, &event), -ENOENT);
	assert_int_equal(store_fetch(storage, 1, 1500, &event), 0);
	free(event.data);
	store_put_block(storage, 1, 2500, 8, "later");
	store_close(storage);
	/* Some are still there. */
	assert_true(query(dir, "SELECT count(*) FROM block") > 3);
	storage = store_open(dir, &content);
	store_assert_content(&content, expected);
	assert_int_equal(store_fetch(storage, 1, 3400, &event), -ENOENT);
	store_close(storage);
	/* The rest goes while nothing happens. */
	while (query(dir, "SELECT count(*) FROM block") > 3 || query(dir, "SELECT count(*) FROM gone") > 0) {
		assert_true(time(NULL) < end);
		storage = store_open(dir, NULL);
		usleep(50000);
		store_close(storage);
	}
	assert_int_equal(query(dir, "SELECT count(*) FROM block"), 3);
	buf_deinit(&content);
	store_read(dir, &content);
	store_assert_content(&content, expected);
	buf_deinit(&content);
}

#define STREAMS 3
#define BLOCKS 3000

struct model {
	uint32_t n[STREAMS][BLOCKS]; /* 0: no such block */
};

static void
assert_model(const struct model *model, const struct buf *content)
{
	struct buf expected = { 0 };

	for (int s = 0; s < STREAMS; s++) {
		for (int b = 0; b < BLOCKS; b++) {
			if (model->n[s][b] > 0)
				buf_printf(&expected, "block %d %d n %u bytes 1\n", s, b, model->n[s][b]);
		}
	}
	assert_int_equal(expected.len, content->len);
	if (expected.len > 0)
		assert_memory_equal(expected.data, content->data, expected.len);
	buf_deinit(&expected);
}

/* Ranges that overlap, blocks that come back in them, restarts in between. */
static void
random_deletions_match_a_model(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct model *model = calloc(1, sizeof(*model));
	struct storage *storage = store_open(dir, NULL);
	struct prng prng;
	struct storage_event event;

	assert_non_null(model);
	prng_init(&prng, prng_seed());
	for (uint32_t round = 1; round <= 60; round++) {
		for (uint64_t ops = 1 + prng_below(&prng, 4); ops > 0; ops--) {
			uint64_t stream = prng_below(&prng, STREAMS), a = prng_below(&prng, BLOCKS),
				 b = prng_below(&prng, BLOCKS), first = a < b ? a : b, last = a < b ? b : a;

			if (prng_below(&prng, 2) == 0) {
				store_delete_blocks(storage, stream, first, last);
				memset(&model->n[stream][first], 0, (last - first + 1) * sizeof(model->n[0][0]));
				continue;
			}
			if (prng_below(&prng, 3) > 0)
				last = first + (last - first) % 5;
			for (uint64_t i = first; i <= last; i++) {
				store_put_block(storage, stream, i, round, "x");
				model->n[stream][i] = round;
			}
		}
		store_commit(storage);
		for (int i = 0; i < 10; i++) {
			uint64_t stream = prng_below(&prng, STREAMS), id = prng_below(&prng, BLOCKS);

			assert_int_equal(store_fetch(storage, stream, id, &event),
			                 model->n[stream][id] > 0 ? 0 : -ENOENT);
			free(event.data);
		}
		if (prng_below(&prng, 5) == 0) {
			struct buf content = { 0 };

			store_close(storage);
			storage = store_open(dir, &content);
			assert_model(model, &content);
			buf_deinit(&content);
		}
	}
	store_close(storage);
	free(model);
}

static void
space_is_given_back(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	char value[4001];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	put_many(storage, 1, 5000, value);
	wait_until_used(storage, 5000 * 4000);
	store_delete_blocks(storage, 1, 0, 4990);
	store_commit(storage);
	wait_until_smaller(storage, 100 * 4096, 10000000); /* the log keeps 8 MiB */
	store_close(storage);
	assert_true(query(dir, "PRAGMA page_count") < 500);
	assert_int_equal(query(dir, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(query(dir, "SELECT count(*) FROM block"), 10);
}

static void
scarcity_is_told_and_ends(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { .max_bytes = 65536 };
	time_t end = time(NULL) + PATIENCE_S;

	assert_int_equal(storage_state(storage), STORAGE_OK);
	assert_string_equal(storage_reason(storage), "");
	storage_set_limits(storage, &limits);
	put_many(storage, 1, 2, "x");
	assert_int_equal(storage_state(storage), STORAGE_OK);
	put_many(storage, 1, 3000, "x");
	assert_int_equal(storage_state(storage), STORAGE_SCARCE);
	assert_string_equal(storage_reason(storage), "max_bytes = 64K");
	put_many(storage, 2, 2, "x"); /* is possible, if the caller wants it */
	assert_int_equal(storage_state(storage), STORAGE_SCARCE);
	limits.max_bytes = 0;
	storage_set_limits(storage, &limits);
	assert_int_equal(storage_state(storage), STORAGE_OK);
	limits.max_bytes = 65536;
	storage_set_limits(storage, &limits);
	assert_int_equal(storage_state(storage), STORAGE_SCARCE);
	store_delete_blocks(storage, 1, 0, UINT64_MAX);
	store_commit(storage);
	while (storage_state(storage) != STORAGE_OK) {
		assert_true(time(NULL) < end);
		usleep(5000);
	}
	limits = (struct storage_limits){ .min_free = UINT64_C(1) << 60 };
	storage_set_limits(storage, &limits);
	assert_int_equal(storage_state(storage), STORAGE_SCARCE);
	assert_string_equal(storage_reason(storage), "min_free = 1073741824G");
	store_close(storage);
}

/* The n-th commit puts record n and block n. */
static void
commit_number(struct storage *storage, int n)
{
	char value[20];

	snprintf(value, sizeof(value), "%d", n);
	store_put(storage, STORAGE_META, 0, "n", value);
	store_put_block(storage, 9, (uint64_t)n, 1, "x");
	storage_commit(storage);
}

static void
copy_is_one_commit(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *to = store_directory(), *path = NULL, *part = NULL;
	struct storage *storage = store_open(dir, NULL);
	struct storage_event event;
	char value[4001];
	int n = 0, before;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	put_many(storage, 1, 3000, value);
	assert_true(asprintf(&path, "%s/store.db", to) > 0);
	assert_true(asprintf(&part, "%s.part", path) > 0);
	commit_number(storage, ++n);
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED);
	before = n;
	assert_int_equal(storage_backup(storage, path, NULL), 0);
	assert_int_equal(storage_backup(storage, path, NULL), -EBUSY);
	do {
		if (!storage_is_committing(storage))
			commit_number(storage, ++n);
		event = store_wait(storage);
	} while (event.kind == STORAGE_COMMITTED);
	assert_int_equal(event.kind, STORAGE_BACKED_UP);
	assert_int_equal(event.error, 0);
	assert_true(n > before + 1);
	assert_int_not_equal(access(part, F_OK), 0);
	/* It does not replace a file. */
	assert_int_equal(storage_backup(storage, path, NULL), 0);
	do
		event = store_wait(storage);
	while (event.kind == STORAGE_COMMITTED);
	assert_int_equal(event.error, -EEXIST);
	store_close(storage);
	assert_int_equal(query(to, "SELECT count(*) FROM block WHERE stream = 1"), 3000);
	assert_true(query(to, "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM record") >= before);
	assert_true(query(to, "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM record") <= n);
	assert_true(
	    query(to, "SELECT CAST(value AS TEXT) = CAST(count(*) AS TEXT) FROM record, block WHERE stream = 9"));
	assert_int_equal(query(to, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	store_read(to, NULL); /* it is a store */
}

static void
copy_that_fails_leaves_nothing(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *to = store_directory(), *path = NULL, *part = NULL;
	struct storage *storage = store_open(dir, NULL);
	struct storage_event event;
	char value[4001];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	put_many(storage, 1, 3000, value);
	assert_int_equal(storage_backup(storage, "/nowhere/at/all", NULL), 0);
	event = store_wait(storage);
	assert_int_equal(event.kind, STORAGE_BACKED_UP);
	assert_int_equal(event.error, -ENOENT);
	assert_true(asprintf(&path, "%s/copy", to) > 0);
	assert_true(asprintf(&part, "%s.part", path) > 0);
	assert_int_equal(storage_backup(storage, path, NULL), 0);
	store_close(storage);
	assert_int_not_equal(access(part, F_OK), 0);
	if (access(path, F_OK) == 0) /* it was quick enough */
		assert_int_equal(unlink(path), 0);
	store_read(dir, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_blocks_go_little_by_little),
		cmocka_unit_test(random_deletions_match_a_model),
		cmocka_unit_test(space_is_given_back),
		cmocka_unit_test(scarcity_is_told_and_ends),
		cmocka_unit_test(copy_is_one_commit),
		cmocka_unit_test(copy_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
