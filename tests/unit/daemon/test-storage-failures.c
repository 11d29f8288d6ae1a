/*
 * The store when the system fails it: each call of the system, and each allocation of SQLite, fails once or from then
 * on. What was reported as committed is there afterwards, and each batch is there as a whole or not at all.
 */
#include "storage.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "failing-system.h"
#include "store.h"

#define UNUSED __attribute__((unused))

/* Waits until the batch is durable, or the store has failed, which it returns. A full disk is tried again at once. */
static bool
wait_committed(struct storage *storage)
{
	time_t end = time(NULL) + 60;
	struct storage_limits limits = { 0 };
	struct storage_event event;

	for (;;) {
		switch (storage_collect(storage, &event)) {
		case STORAGE_COMMITTED:
			assert_true(storage_state(storage) != STORAGE_FULL);
			return true;
		case STORAGE_FAILED:
			assert_int_equal(storage_state(storage), STORAGE_DEAD);
			assert_true(storage_reason(storage)[0] != '\0');
			assert_int_equal(storage_collect(storage, &event), STORAGE_NOTHING);
			return false;
		case STORAGE_NOTHING:
			break;
		default:
			fail_msg("no other event was expected");
		}
		assert_true(time(NULL) < end);
		if (storage_state(storage) == STORAGE_FULL) {
			assert_true(storage_reason(storage)[0] != '\0');
			if (failing_system_lasts() && failing_system_failures() > 2)
				failing_system_relax();
			storage_set_limits(storage, &limits);
		}
		poll(&(struct pollfd){ .fd = storage_fd(storage), .events = POLLIN }, 1, 2);
	}
}

/* Gives the store time to delete and give back what it can; not after a failure that it waits for. */
static void
wait_tidy(struct storage *storage)
{
	struct storage_figures figures;

	for (int i = 0; i < 100 && failing_system_failures() == 0; i++) {
		storage_get_figures(storage, &figures);
		if (figures.used_bytes < 100 * 4096 && figures.bytes < 12000000)
			break;
		usleep(1000);
	}
}

/* A life of a store with a failure in it, and a second one. Returns whether the failure came at all. */
static bool
live_with(const struct system_fault *fault, long countdown, bool lasts, bool is_big)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage;
	struct storage_event event;
	int committed = 0, handed = 0, stored, error;
	bool has_failed = false, was_open;
	char reason[200] = "";

	failing_system_begin(fault, countdown, lasts);
	storage = store_try_open(dir);
	was_open = storage != NULL;
	while (storage && !has_failed && handed < 8) {
		store_fill_batch(storage, ++handed, is_big);
		storage_commit(storage);
		if (wait_committed(storage))
			committed = handed;
		else
			has_failed = snprintf(reason, sizeof(reason), "%s", storage_reason(storage)) > 0;
		if (!has_failed && handed % 2 == 0) {
			error = store_fetch(storage, 9, 0, &event);
			if (error < 0)
				assert_true(failing_system_failures() > 0);
			else
				free(event.data);
		}
	}
	if (storage) {
		if (is_big)
			wait_tidy(storage);
		if (!has_failed)
			store_fill_batch(storage, ++handed, is_big);
		error = storage_close(storage);
		if (!has_failed && error == 0)
			committed = handed;
		if (has_failed || error < 0)
			assert_true(failing_system_failures() > 0);
		if (has_failed && fault->may_pass)
			fail_msg("%s %ld: %s", fault->name, countdown, reason);
	}
	/* While it makes a new database, SQLite may try. */
	if (was_open && failing_system_after_sync() > 0)
		fail_msg("%s %ld: a write or sync after it, at commit %d, of %d", fault->name, countdown, committed,
		         handed);
	failing_system_end();
	if (failing_system_failures() == 0)
		return false;
	stored = store_read_number(dir, is_big);
	if (stored < committed || stored > handed)
		fail_msg("%s %ld: %d was committed, and %d is stored", fault->name, countdown, committed, stored);
	return true;
}

static const struct system_fault faults[] = {
	{ "write: no space", CALL_WRITE, SQLITE_FULL, 0, true },
	{ "write: quota", CALL_WRITE, SQLITE_IOERR_WRITE, EDQUOT, true },
	{ "write", CALL_WRITE, SQLITE_IOERR_WRITE, EIO, false },
	{ "sync", CALL_SYNC, SQLITE_IOERR_FSYNC, EIO, false },
	{ "read", CALL_READ, SQLITE_IOERR_READ, EIO, false },
	{ "truncate", CALL_TRUNCATE, SQLITE_IOERR_TRUNCATE, EIO, false },
	{ "size", CALL_SIZE, SQLITE_IOERR_FSTAT, EIO, false },
	{ "open", CALL_OPEN, SQLITE_CANTOPEN, EMFILE, false },
	{ "delete", CALL_DELETE, SQLITE_IOERR_DELETE, EIO, false },
	{ "lock", CALL_LOCK, SQLITE_IOERR_LOCK, ENOLCK, false },
	{ "memory", CALL_MALLOC, 0, 0, true },
};

static void
each_call_fails(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		for (int lasts = 0; lasts < 2; lasts++) {
			long n = 1;

			/* Allocations are many, and alike. */
			while (live_with(&faults[i], n, lasts, false))
				n += faults[i].call == CALL_MALLOC ? 1 + n / 30 : 1;
			assert_true(n > 1);
		}
	}
}

/* Likewise with much to write, delete and give back; there are too many calls for each of them. */
static void
some_calls_fail_in_large_batches(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		for (int lasts = 0; lasts < 2; lasts++) {
			for (long n = 1 + lasts; live_with(&faults[i], n, lasts, true);)
				n += 1 + n / 2;
		}
	}
}

/* The last of what is gone is deleted in a commit that fails first: it stays gone, in memory and on disk. */
static void
what_is_gone_stays_gone(void **state UNUSED)
{
	long n = 0, failures;

	do {
		_cleanup_free_ char *dir = store_directory();
		struct storage *storage = store_open(dir, NULL);
		struct storage_event event;
		struct buf content = { 0 };

		for (uint64_t i = 1; i < 50; i++)
			store_put_block(storage, 8, i, 1, "x");
		store_close(storage);
		/* As if they had been too many to be deleted at once. */
		store_run_sql(dir, "INSERT INTO gone VALUES (8, x'00000000000000000000000000000001',"
		                   " x'00000000000000000000000000000030')");
		failing_system_begin(&faults[0], ++n, false); /* the thread may delete at once */
		storage = store_try_open(dir);
		assert_non_null(storage);
		store_put_block(storage, 9, 1, 1, "x");
		storage_commit(storage);
		assert_true(wait_committed(storage));
		assert_int_equal(store_fetch(storage, 8, 25, &event), -ENOENT);
		assert_int_equal(store_fetch(storage, 8, 49, &event), 0);
		free(event.data);
		assert_int_equal(storage_close(storage), 0);
		failing_system_end();
		failures = failing_system_failures();
		store_read(dir, &content);
		store_assert_content(&content, "block 8 49 n 1 bytes 1\nblock 9 1 n 1 bytes 1\n");
		buf_deinit(&content);
	} while (failures > 0);
	assert_true(n > 3);
}

static int
set_up(void **state UNUSED)
{
	failing_system_install();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(some_calls_fail_in_large_batches),
		cmocka_unit_test(what_is_gone_stays_gone),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
