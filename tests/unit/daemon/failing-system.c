#include "failing-system.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#define UNUSED __attribute__((unused))

static struct {
	_Atomic(const struct system_fault *) fault; /* or NULL */
	atomic_long countdown;                      /* calls until it fails */
	atomic_bool lasts;                          /* and then each time */
	atomic_long failed;
	atomic_long after_sync; /* writes and syncs after a sync has failed */
	atomic_bool sync_failed;
} fail;

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool is_on;
} held = { .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

static sqlite3_vfs *normal;
static sqlite3_mem_methods memory;

struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static bool
system_fails(enum system_call call)
{
	const struct system_fault *fault = fail.fault;

	if (atomic_load(&fail.sync_failed) && (call == CALL_WRITE || call == CALL_SYNC))
		atomic_fetch_add(&fail.after_sync, 1);
	if (!fault || fault->call != call)
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
#define CALL(kind, f, method, ...)                                                                                     \
	(system_fails(kind) ? fail.fault->code : REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__))

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
	pthread_mutex_lock(&held.mutex);
	while (held.is_on)
		pthread_cond_wait(&held.cond, &held.mutex);
	pthread_mutex_unlock(&held.mutex);
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
	if (system_fails(CALL_OPEN))
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
	return system_fails(CALL_DELETE) ? fail.fault->code : normal->xDelete(normal, name, sync);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int n, char *text)
{
	return fail.fault && fail.fault->system_error ? fail.fault->system_error : normal->xGetLastError(vfs, n, text);
}

static void *
failing_malloc(int n)
{
	return system_fails(CALL_MALLOC) ? NULL : memory.xMalloc(n);
}

static void *
failing_realloc(void *p, int n)
{
	return system_fails(CALL_MALLOC) ? NULL : memory.xRealloc(p, n);
}

void
failing_system_install(void)
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
}

void
failing_system_begin(const struct system_fault *fault, long countdown, bool lasts)
{
	atomic_store(&fail.countdown, countdown);
	atomic_store(&fail.lasts, lasts);
	atomic_store(&fail.failed, 0);
	atomic_store(&fail.after_sync, 0);
	atomic_store(&fail.sync_failed, false);
	fail.fault = fault;
}

void
failing_system_relax(void)
{
	atomic_store(&fail.lasts, false);
}

bool
failing_system_lasts(void)
{
	return atomic_load(&fail.lasts);
}

long
failing_system_failures(void)
{
	return atomic_load(&fail.failed);
}

long
failing_system_after_sync(void)
{
	return atomic_load(&fail.after_sync);
}

void
failing_system_end(void)
{
	fail.fault = NULL;
	atomic_store(&fail.sync_failed, false);
}

void
failing_system_hold_flushes(bool hold)
{
	pthread_mutex_lock(&held.mutex);
	held.is_on = hold;
	pthread_cond_broadcast(&held.cond);
	pthread_mutex_unlock(&held.mutex);
}
