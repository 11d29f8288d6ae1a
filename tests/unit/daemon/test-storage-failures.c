/*
 * The store when the system fails it: each call of the system, and each allocation of SQLite, fails once or from then
 * on; a disk that is really full; a kill at any time. What was reported as committed is there afterwards, and each
 * batch is there as a whole or not at all.
 */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "prng.h"
#include "store.h"

#define UNUSED __attribute__((unused))

/* A VFS of SQLite that calls the normal one, and fails when it shall. */

enum call {
	CALL_OPEN,
	CALL_DELETE,
	CALL_READ,
	CALL_WRITE,
	CALL_TRUNCATE,
	CALL_SYNC,
	CALL_SIZE,
	CALL_LOCK,
	CALL_MALLOC,
	CALLS,
};

/* How it fails. */
struct fault {
	const char *name;
	enum call call;
	int code;         /* what SQLite is told */
	int system_error; /* errno for it */
	bool may_pass;    /* the store goes on */
};

static struct {
	const struct fault *fault; /* or NULL */
	atomic_long countdown;     /* calls until it fails */
	atomic_bool lasts;         /* and then each time */
	atomic_long failed;
	atomic_long after_sync; /* writes and syncs after a sync has failed */
	atomic_bool sync_failed;
} fail;

static sqlite3_vfs *normal;
static sqlite3_mem_methods memory;

struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static bool
fails(enum call call)
{
	if (atomic_load(&fail.sync_failed) && (call == CALL_WRITE || call == CALL_SYNC))
		atomic_fetch_add(&fail.after_sync, 1);
	if (!fail.fault || fail.fault->call != call)
		return false;
	if (atomic_fetch_sub(&fail.countdown, 1) > 1)
		return false;
	if (atomic_load(&fail.failed) > 0 && !atomic_load(&fail.lasts))
		return false;
	atomic_fetch_add(&fail.failed, 1);
	if (call == CALL_SYNC)
		atomic_store(&fail.sync_failed, true);
	return true;
}

#define REAL(f) (((struct file *)(f))->real)
#define CALL(kind, f, method, ...) (fails(kind) ? fail.fault->code : REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__))

static int
file_close(sqlite3_file *f)
{
	int code = REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;

	free(REAL(f));
	return code;
}

static int
file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return CALL(CALL_READ, f, xRead, p, n, at);
}

static int
file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	/* Like a disk that has become full, it writes a part. */
	if (fail.fault && fail.fault->call == CALL_WRITE && atomic_load(&fail.countdown) == 1 && n > 600)
		REAL(f)->pMethods->xWrite(REAL(f), p, 512, at);
	return CALL(CALL_WRITE, f, xWrite, p, n, at);
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return CALL(CALL_TRUNCATE, f, xTruncate, size);
}

static int
file_sync(sqlite3_file *f, int flags)
{
	return CALL(CALL_SYNC, f, xSync, flags);
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *ret_size)
{
	return CALL(CALL_SIZE, f, xFileSize, ret_size);
}

static int
file_lock(sqlite3_file *f, int level)
{
	return CALL(CALL_LOCK, f, xLock, level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int
file_check_lock(sqlite3_file *f, int *ret)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	if (op == SQLITE_FCNTL_LAST_ERRNO && fail.fault && fail.fault->system_error && atomic_load(&fail.failed) > 0) {
		*(int *)arg = fail.fault->system_error;
		return SQLITE_OK;
	}
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
file_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int
file_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 1, /* without shared memory: the store needs none */
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
};

static int
vfs_open(sqlite3_vfs *vfs UNUSED, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct file *file = (struct file *)f;
	int code;

	file->base.pMethods = NULL;
	if (fails(CALL_OPEN))
		return fail.fault->code;
	if (!(file->real = calloc(1, (size_t)normal->szOsFile)))
		return SQLITE_NOMEM;
	code = normal->xOpen(normal, name, file->real, flags, ret_flags);
	if (code == SQLITE_OK)
		file->base.pMethods = &file_methods;
	else
		free(file->real);
	return code;
}

static int
vfs_delete(sqlite3_vfs *vfs UNUSED, const char *name, int sync)
{
	return fails(CALL_DELETE) ? fail.fault->code : normal->xDelete(normal, name, sync);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int n, char *text)
{
	return fail.fault && fail.fault->system_error ? fail.fault->system_error : normal->xGetLastError(vfs, n, text);
}

static void *
failing_malloc(int n)
{
	return fails(CALL_MALLOC) ? NULL : memory.xMalloc(n);
}

static void *
failing_realloc(void *p, int n)
{
	return fails(CALL_MALLOC) ? NULL : memory.xRealloc(p, n);
}

static int
set_up(void **state UNUSED)
{
	static sqlite3_vfs vfs;
	sqlite3_mem_methods failing;

	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
	failing = memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
	normal = sqlite3_vfs_find(NULL);
	vfs = *normal;
	vfs.zName = "failing";
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xGetLastError = vfs_last_error;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
	return 0;
}

static void
begin_failing(const struct fault *fault, long countdown, bool lasts)
{
	fail.fault = fault;
	atomic_store(&fail.countdown, countdown);
	atomic_store(&fail.lasts, lasts);
	atomic_store(&fail.failed, 0);
	atomic_store(&fail.after_sync, 0);
	atomic_store(&fail.sync_failed, false);
}

/* Returns how often it has failed. The store's thread must not run. */
static long
end_failing(void)
{
	fail.fault = NULL;
	atomic_store(&fail.sync_failed, false);
	return atomic_load(&fail.failed);
}

/* What commit BIG_BATCH puts into stream 8, and commit BIG_END deletes: a checkpoint follows, the deletion goes on
 * while the store is idle, and then pages are given back. */
#define BIG_BATCH 3
#define BIG_END 5
#define BIG_BLOCKS 1300

/* Commit n puts record n, writes block n, and block 0 anew, and deletes block n - 3. */
static void
fill_batch(struct storage *storage, int n, bool is_big)
{
	char value[3000];

	snprintf(value, sizeof(value), "%d", n);
	store_put(storage, STORAGE_META, 0, "n", value);
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	store_put_block(storage, 9, 0, (uint32_t)n, value);
	store_put_block(storage, 9, (uint64_t)n, 1, value);
	if (n > 3)
		store_delete_blocks(storage, 9, 1, (uint64_t)n - 3);
	for (uint64_t i = 0; is_big && n == BIG_BATCH && i < BIG_BLOCKS; i++)
		store_put_block(storage, 8, i, 1, value);
	if (is_big && n == BIG_END)
		store_delete_blocks(storage, 8, 0, UINT64_MAX);
}

/* The number of the last commit in the store, all of which must be there, and nothing else. */
static int
stored_number(const char *directory, bool is_big)
{
	struct buf content = { 0 }, expected = { 0 };
	int n = 0;

	store_read(directory, &content);
	if (content.len > 0) {
		buf_append(&content, "", 1);
		assert_int_equal(sscanf((const char *)content.data, "0 0 n=%d", &n), 1);
		buf_printf(&expected, "0 0 n=%d\n", n);
		for (int i = 0; is_big && n >= BIG_BATCH && n < BIG_END && i < BIG_BLOCKS; i++)
			buf_printf(&expected, "block 8 %d n 1 bytes 2999\n", i);
		buf_printf(&expected, "block 9 0 n %d bytes 2999\n", n);
		for (int i = n > 3 ? n - 2 : 1; i <= n; i++)
			buf_printf(&expected, "block 9 %d n 1 bytes 2999\n", i);
		buf_append(&expected, "", 1);
		assert_string_equal((const char *)content.data, (const char *)expected.data);
	}
	buf_deinit(&content);
	buf_deinit(&expected);
	return n;
}

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
			if (atomic_load(&fail.lasts) && atomic_load(&fail.failed) > 2)
				atomic_store(&fail.lasts, false);
			storage_set_limits(storage, &limits);
		}
		poll(&(struct pollfd){ .fd = storage_fd(storage), .events = POLLIN }, 1, 2);
	}
}

static int
skip_record(void *arg UNUSED, enum storage_table table UNUSED, uint64_t owner UNUSED, struct slice key UNUSED,
            struct slice value UNUSED)
{
	return 0;
}

static int
skip_block(void *arg UNUSED, uint64_t stream UNUSED, const uint8_t id[STORAGE_ID_SIZE] UNUSED, uint32_t n UNUSED,
           uint32_t bytes UNUSED)
{
	return 0;
}

/* Opens the store. Returns NULL after an error, which has a sentence. */
static struct storage *
try_open(const char *directory)
{
	const struct storage_loader loader = { .record = skip_record, .block = skip_block };
	struct storage_limits limits = { 0 };
	struct storage *storage;
	char error[400] = "";

	if (storage_open(directory, &limits, &storage, error, sizeof(error)) < 0) {
		assert_true(error[0] != '\0');
		return NULL;
	}
	if (storage_load(storage, &loader, error, sizeof(error)) < 0) {
		assert_true(error[0] != '\0');
		storage_close(storage);
		return NULL;
	}
	return storage;
}

/* Gives the store time to delete and give back what it can; not after a failure that it waits for. */
static void
wait_tidy(struct storage *storage)
{
	struct storage_figures figures;

	for (int i = 0; i < 100 && atomic_load(&fail.failed) == 0; i++) {
		storage_get_figures(storage, &figures);
		if (figures.used_bytes < 100 * 4096 && figures.bytes < 12000000)
			break;
		usleep(1000);
	}
}

/* A life of a store with a failure in it, and a second one. Returns whether the failure came at all. */
static bool
live_with(const struct fault *fault, long countdown, bool lasts, bool is_big)
{
	_cleanup_free_ char *dir = store_directory();
	struct storage *storage;
	struct storage_event event;
	int committed = 0, handed = 0, stored, error;
	bool has_failed = false, was_open;
	char reason[200] = "";

	begin_failing(fault, countdown, lasts);
	storage = try_open(dir);
	was_open = storage != NULL;
	while (storage && !has_failed && handed < 8) {
		fill_batch(storage, ++handed, is_big);
		storage_commit(storage);
		if (wait_committed(storage))
			committed = handed;
		else
			has_failed = snprintf(reason, sizeof(reason), "%s", storage_reason(storage)) > 0;
		if (!has_failed && handed % 2 == 0) {
			error = store_fetch(storage, 9, 0, &event);
			if (error < 0)
				assert_true(atomic_load(&fail.failed) > 0);
			else
				free(event.data);
		}
	}
	if (storage) {
		if (is_big)
			wait_tidy(storage);
		if (!has_failed)
			fill_batch(storage, ++handed, is_big);
		error = storage_close(storage);
		if (!has_failed && error == 0)
			committed = handed;
		if (has_failed || error < 0)
			assert_true(atomic_load(&fail.failed) > 0);
		if (has_failed && fault->may_pass)
			fail_msg("%s %ld: %s", fault->name, countdown, reason);
	}
	/* While it makes a new database, SQLite may try. */
	if (was_open && atomic_load(&fail.after_sync) > 0)
		fail_msg("%s %ld: a write or sync after it, at commit %d, of %d", fault->name, countdown, committed,
		         handed);
	if (end_failing() == 0)
		return false;
	stored = stored_number(dir, is_big);
	if (stored < committed || stored > handed)
		fail_msg("%s %ld: %d was committed, and %d is stored", fault->name, countdown, committed, stored);
	return true;
}

static const struct fault faults[] = {
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
				n += faults[i].call == CALL_MALLOC && n > 300 ? 7 : 1;
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
				n += 1 + n / 4;
		}
	}
}

/* In a child: commits as fast as it can, and writes the number of each commit that is reported. */
static void
commit_until_killed(const char *directory, int fd)
{
	struct storage *storage = try_open(directory);
	int n = 0;

	if (!storage)
		_exit(1);
	for (;;) {
		fill_batch(storage, ++n, false);
		storage_commit(storage);
		store_wait(storage);
		if (write(fd, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

static void
nothing_reported_is_lost_by_a_kill(void **state UNUSED)
{
	struct prng prng;

	prng_init(&prng, prng_seed());
	for (int round = 0; round < 20; round++) {
		_cleanup_free_ char *dir = store_directory();
		long wanted = (long)prng_below(&prng, 400);
		int fds[2], n, last = 0, stored;
		pid_t pid;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			commit_until_killed(dir, fds[1]);
		}
		close(fds[1]);
		while (last < wanted && read(fds[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(fds[0]);
		assert_true(last >= wanted);
		stored = stored_number(dir, false);
		assert_true(stored == last || stored == last + 1);
	}
}

/* A file system of 4 MiB, full of another file: what is handed over waits, reads go on, and it ends by itself. */
static void
full_disk(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *filler = NULL;
	struct storage *storage;
	struct storage_event event;
	struct storage_figures figures;
	char block[65536];
	int fd, n = 0, before;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("store", dir, "tmpfs", 0, "size=4m") != 0)
		skip();
	storage = store_open(dir, NULL);
	fill_batch(storage, ++n, false);
	store_commit(storage);
	assert_true(asprintf(&filler, "%s/filler", dir) > 0);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(block, 'f', sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	do {
		fill_batch(storage, ++n, false);
		storage_commit(storage);
		while (storage_is_committing(storage) && storage_state(storage) != STORAGE_FULL) {
			storage_collect(storage, &event);
			usleep(1000);
		}
	} while (storage_state(storage) != STORAGE_FULL);
	assert_string_equal(storage_reason(storage), "No space left on device");
	assert_int_equal(store_fetch(storage, 9, 0, &event), 0);
	free(event.data);
	before = n;
	storage_get_figures(storage, &figures);
	assert_true(figures.failed_commits > 0);
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED); /* it tries again by itself */
	assert_int_equal(storage_state(storage), STORAGE_OK);
	fill_batch(storage, ++n, false);
	store_commit(storage);
	store_close(storage);
	assert_int_equal(stored_number(dir, false), before + 1);
	umount2(dir, MNT_DETACH);
}

static void
directory_cannot_be_written(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *below = NULL;
	struct storage_limits limits = { 0 };
	struct storage *storage;
	char error[400];
	pid_t pid;
	int status;

	store_read(dir, NULL);
	assert_true(asprintf(&below, "%s/store", dir) > 0);
	assert_int_equal(chmod(dir, 0500), 0);
	/* Root may write everywhere. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool is_right = geteuid() != 0 || (chown(dir, 65534, 65534) == 0 && setuid(65534) == 0);

		is_right = is_right && storage_open(below, &limits, &storage, error, sizeof(error)) == -EACCES &&
		           strstr(error, below) && strstr(error, strerror(EACCES));
		is_right = is_right && storage_open(dir, &limits, &storage, error, sizeof(error)) == -EACCES;
		_exit(is_right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails), cmocka_unit_test(nothing_reported_is_lost_by_a_kill),
		cmocka_unit_test(directory_cannot_be_written),
		cmocka_unit_test(full_disk), /* has a file system of its own from there on */
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
