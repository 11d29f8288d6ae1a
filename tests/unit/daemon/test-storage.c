/* The store: what is committed comes back, in all that can happen to it without a failure. */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "store.h"

#define UNUSED __attribute__((unused))

static void
assert_stored(const char *directory, const char *expected)
{
	struct buf content = { 0 };

	store_read(directory, &content);
	store_assert_content(&content, expected);
	buf_deinit(&content);
}

static struct slice
text(const char *s)
{
	return slice_of(s);
}

static void
records_come_back_in_order(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);

	store_put(storage, STORAGE_PENDING, 2, "k", "pending");
	store_put(storage, STORAGE_META, 0, "z", "1");
	store_put(storage, STORAGE_META, 0, "a", "");
	store_put(storage, STORAGE_META, 0, "", "no key");
	store_put(storage, STORAGE_STREAMS, 300, "x", "old");
	store_put(storage, STORAGE_STREAMS, 2, "x", "of two");
	store_put(storage, STORAGE_STREAMS, 300, "x", "new");
	store_put(storage, STORAGE_GROUPS, 7, "a", "1");
	store_put(storage, STORAGE_GROUPS, 7, "b", "2");
	store_put(storage, STORAGE_GROUPS, 8, "a", "3");
	store_commit(storage);
	assert_int_equal(storage_delete(storage, STORAGE_META, 0, text("z")), 0);
	assert_int_equal(storage_delete(storage, STORAGE_META, 0, text("never was")), 0);
	assert_int_equal(storage_delete_owner(storage, STORAGE_GROUPS, 7), 0);
	store_put(storage, STORAGE_GROUPS, 7, "c", "after");
	store_commit(storage);
	store_close(storage);
	assert_stored(dir, "0 0 =no\\20key\n0 0 a=\n1 2 x=of\\20two\n1 300 x=new\n2 7 c=after\n2 8 a=3\n"
	                   "4 2 k=pending\n");
}

static void
blocks_come_back_in_order(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_event event;

	store_put_block(storage, 5, 70000, 3, "third");
	store_put_block(storage, 5, 2, 1, "first");
	store_put_block(storage, 4, 9, 100, "of four");
	store_put_block(storage, 5, 2, 2, "first, again");
	store_put_block(storage, 5, 3, 1, "");
	store_put_block(storage, 5, 300, 1, "");
	store_commit(storage);
	assert_int_equal(store_fetch(storage, 5, 2, &event), 0);
	assert_int_equal(event.len, 12);
	assert_memory_equal(event.data, "first, again", 12);
	free(event.data);
	assert_int_equal(store_fetch(storage, 5, 3, &event), 0);
	assert_int_equal(event.len, 0);
	free(event.data);
	assert_int_equal(store_fetch(storage, 5, 4, &event), -ENOENT);
	assert_int_equal(store_fetch(storage, 6, 2, &event), -ENOENT);
	store_delete_blocks(storage, 5, 3, 299);
	store_commit(storage);
	assert_int_equal(store_fetch(storage, 5, 3, &event), -ENOENT);
	store_close(storage);
	assert_stored(dir, "block 4 9 n 100 bytes 7\nblock 5 2 n 2 bytes 12\nblock 5 300 n 1 bytes 0\n"
	                   "block 5 70000 n 3 bytes 5\n");
}

static void
open_batch_is_dropped_or_committed_at_the_end(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);

	assert_int_equal(storage_batch_bytes(storage), 0);
	store_put(storage, STORAGE_META, 0, "dropped", "1");
	assert_true(storage_batch_bytes(storage) > 0);
	storage_drop_batch(storage);
	assert_int_equal(storage_batch_bytes(storage), 0);
	store_put(storage, STORAGE_META, 0, "a", "handed over");
	storage_commit(storage);
	store_put(storage, STORAGE_META, 0, "a", "open");
	store_close(storage);
	assert_stored(dir, "0 0 a=open\n");
	storage_close(NULL);
}

/* A batch is filled while another one is under way, a thousand times. */
static void
commits_keep_their_order(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_figures figures;
	char value[20];

	for (int i = 0; i < 1000; i++) {
		snprintf(value, sizeof(value), "%d", i);
		store_put(storage, STORAGE_META, 0, "n", value);
		if (storage_is_committing(storage))
			assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED);
		storage_commit(storage);
	}
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED);
	storage_get_figures(storage, &figures);
	assert_int_equal(figures.commits, 1000);
	assert_int_equal(figures.failed_commits, 0);
	assert_true(figures.commit_us_total >= figures.commit_us_max);
	assert_true(figures.bytes > 0 && figures.used_bytes > 0 && figures.free_bytes > 0);
	store_close(storage);
	assert_stored(dir, "0 0 n=999\n");
}

static void
fetches_are_answered_in_order_beside_commits(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	uint8_t id[STORAGE_ID_SIZE] = { 0 };
	char value[20];
	size_t next = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(value, sizeof(value), "block %d", i);
		store_put_block(storage, 1, (uint64_t)i, 1, value);
	}
	storage_commit(storage);
	for (size_t i = 0; i < 1000; i++) { /* before it is durable, and yet they see it */
		id[STORAGE_ID_SIZE - 1] = (uint8_t)(i % 100);
		assert_int_equal(storage_fetch(storage, 1, id, (void *)i), 0);
	}
	while (next < 1000) {
		struct storage_event event = store_wait(storage);

		if (event.kind == STORAGE_COMMITTED) {
			if (next < 900) {
				store_put(storage, STORAGE_META, 0, "n", "1");
				storage_commit(storage);
			}
			continue;
		}
		assert_int_equal(event.kind, STORAGE_FETCHED);
		assert_int_equal(event.error, 0);
		assert_int_equal((size_t)event.arg, next);
		snprintf(value, sizeof(value), "block %zu", next % 100);
		assert_int_equal(event.len, strlen(value));
		assert_memory_equal(event.data, value, event.len);
		free(event.data);
		next++;
	}
	store_close(storage);
}

/* The pid is that of this process, which cannot open it twice either. */
static void
two_cannot_have_it(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL), *second = NULL;
	struct storage_limits limits = { 0 };
	char error[400], expected[400];
	_cleanup_free_ char *path = NULL;
	sqlite3 *shell;

	assert_int_equal(storage_open(dir, &limits, &second, error, sizeof(error)), -EBUSY);
	snprintf(expected, sizeof(expected), "%s: a running server (pid %d) is using this store", dir, (int)getpid());
	assert_string_equal(error, expected);
	assert_null(second);
	store_close(storage);
	/* Another program has it. */
	assert_true(asprintf(&path, "%s/store.db", dir) > 0);
	assert_int_equal(sqlite3_open(path, &shell), SQLITE_OK);
	assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(storage_open(dir, &limits, &second, error, sizeof(error)), -EBUSY);
	snprintf(expected, sizeof(expected), "%s: another program, such as sqlite3, is using this database", path);
	assert_string_equal(error, expected);
	sqlite3_close(shell);
	store_close(store_open(dir, NULL));
}

static mode_t
mode_of(const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
directory_is_made_for_the_owner_alone(void **state UNUSED)
{
	_cleanup_free_ char *parent = store_directory(), *dir = NULL, *slash = NULL;
	mode_t mask = umask(0);
	struct storage *storage;

	assert_true(asprintf(&dir, "%s/a/b/store", parent) > 0);
	assert_true(asprintf(&slash, "%s/", dir) > 0);
	storage = store_open(dir, NULL);
	store_put(storage, STORAGE_META, 0, "a", "1");
	store_commit(storage);
	assert_int_equal(mode_of(parent, "a"), 0700);
	assert_int_equal(mode_of(dir, ""), 0700);
	assert_int_equal(mode_of(dir, "store.db"), 0600);
	assert_int_equal(mode_of(dir, "store.db-wal"), 0600);
	assert_int_equal(mode_of(dir, "store.lock"), 0600);
	store_close(storage);
	umask(mask);
	assert_stored(slash, "0 0 a=1\n");
}

static long long
size_of(const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* To flush a file that has not become longer is cheaper; but what is long itself is not made longer. */
static void
log_grows_in_steps(void **state UNUSED)
{
	enum { STEP = 256 * 1024, LARGE = 300000 };
	_cleanup_free_ char *dir = store_directory(), *large = calloc(1, LARGE + 1);
	struct storage *storage = store_open(dir, NULL);
	struct buf content = { 0 };
	long long size;

	store_put(storage, STORAGE_META, 0, "a", "1");
	store_commit(storage);
	assert_int_equal(size_of(dir, "store.db-wal"), STEP);
	for (int i = 0; i < 50; i++) {
		store_put(storage, STORAGE_META, 0, "a", i % 2 ? "2" : "3");
		store_commit(storage);
	}
	assert_int_equal(size_of(dir, "store.db-wal"), STEP);
	assert_non_null(large);
	memset(large, 'x', LARGE);
	store_put(storage, STORAGE_META, 0, "large", large);
	store_commit(storage);
	size = size_of(dir, "store.db-wal");
	assert_in_range(size, LARGE, STEP + LARGE);
	assert_true(size % STEP != 0);
	store_put(storage, STORAGE_META, 0, "a", "4");
	store_commit(storage);
	assert_int_equal(size_of(dir, "store.db-wal"), (size / STEP + 1) * STEP);
	store_close(storage);
	store_read(dir, &content);
	assert_non_null(memmem(content.data, content.len, "0 0 a=4\n", 8));
	buf_deinit(&content);
}

static void
write_file(const char *directory, const char *name, const char *bytes)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	assert_non_null(file = fopen(path, "w"));
	assert_true(fputs(bytes, file) >= 0);
}

static void
assert_refused(const char *directory, int error, const char *sentence)
{
	struct storage_limits limits = { 0 };
	struct storage *storage = NULL;
	char why[400] = "";

	assert_int_equal(storage_open(directory, &limits, &storage, why, sizeof(why)), error);
	assert_null(storage);
	if (!strstr(why, sentence) || strncmp(why, directory, strlen(directory)) != 0)
		fail_msg("%s", why);
}

static void
what_is_not_a_store_is_refused(void **state UNUSED)
{
	_cleanup_free_ char *newer = store_directory(), *other = store_directory(), *text_file = store_directory(),
			    *file = NULL;

	store_close(store_open(newer, NULL));
	store_run_sql(newer, "PRAGMA user_version = 3");
	assert_refused(newer, -EPROTO, "made by a newer udsd (format 3; this one knows those up to 2)");
	store_run_sql(newer, "PRAGMA user_version = 1");
	assert_refused(newer, -EPROTO, "made by an older udsd");
	store_run_sql(newer, "PRAGMA user_version = 2");
	store_close(store_open(newer, NULL));
	store_run_sql(other, "CREATE TABLE t (a)");
	assert_refused(other, -EPROTO, "not a store of udsd, but another program's database");
	write_file(text_file, "store.db", "This is a text, and a long one, which is no database at all.\n");
	assert_refused(text_file, -EBADMSG, "the database is damaged");
	assert_refused(text_file, -EBADMSG, "udsd --salvage saves what can be read");
	assert_true(asprintf(&file, "%s/store.db", text_file) > 0);
	assert_refused(file, -ENOTDIR, strerror(ENOTDIR));
}

static int
no_block(void *arg UNUSED, uint64_t stream UNUSED, const uint8_t id[STORAGE_ID_SIZE] UNUSED, uint32_t n UNUSED,
         uint32_t bytes UNUSED)
{
	return 0;
}

static int
stop_at_record(void *arg UNUSED, enum storage_table table UNUSED, uint64_t owner UNUSED, struct slice key UNUSED,
               struct slice value UNUSED)
{
	return -ENOMEM;
}

static void
load_can_be_stopped(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage = store_open(dir, NULL);
	struct storage_limits limits = { 0 };
	struct storage_loader loader = { .record = stop_at_record, .block = no_block };
	char error[400];

	store_put(storage, STORAGE_META, 0, "a", "1");
	store_close(storage);
	assert_int_equal(storage_open(dir, &limits, &storage, error, sizeof(error)), 0);
	assert_int_equal(storage_load(storage, &loader, error, sizeof(error)), -ENOMEM);
	assert_non_null(strstr(error, strerror(ENOMEM)));
	store_close(storage);
	assert_stored(dir, "0 0 a=1\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back_in_order),
		cmocka_unit_test(blocks_come_back_in_order),
		cmocka_unit_test(open_batch_is_dropped_or_committed_at_the_end),
		cmocka_unit_test(commits_keep_their_order),
		cmocka_unit_test(fetches_are_answered_in_order_beside_commits),
		cmocka_unit_test(two_cannot_have_it),
		cmocka_unit_test(directory_is_made_for_the_owner_alone),
		cmocka_unit_test(log_grows_in_steps),
		cmocka_unit_test(what_is_not_a_store_is_refused),
		cmocka_unit_test(load_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
