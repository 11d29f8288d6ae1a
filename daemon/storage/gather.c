/*
 * Bytes that follow each other are kept and written as one, before anything else is done with the file: so they are
 * written at the latest when the file is flushed, and nothing counts as durable before that. An error comes with a
 * later call then, but of the same transaction or checkpoint, which fails as it would have; what was kept is dropped,
 * since SQLite writes it again if it tries again.
 *
 * So is what a checkpoint reads: pages of the log, most of them one behind the other.
 *
 * A log that grows by little at a time grows by zeros in advance: a flush of a file that has become longer must write
 * where its new part is, too, and takes about twice as long as one of the same bytes within it. Zeros are no page of a
 * log to SQLite, which looks for the first one that does not belong there.
 *
 * Only the log and the database are treated so; other files are the system's own.
 */
#include "gather.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_NAME "udsd"
/* The system's VFS writes less than 128 KiB at once. */
#define GATHER_BYTES ((size_t)64 * 1024)
/* A page of the log that stands so close behind the one before it is the next: there is a header between them. */
#define GATHER_GAP 64
/* The length of a log is a multiple of this, unless a commit has made it longer by GATHER_BYTES. */
#define GATHER_STEP ((sqlite3_int64)256 * 1024)

struct gather_file {
	sqlite3_file file;
	sqlite3_file *real; /* behind this struct */
	bool is_log;
	uint8_t *data;                   /* GATHER_BYTES; NULL: nothing is kept, without memory or the file's size */
	size_t len;                      /* to be written */
	size_t read_len;                 /* or read in advance; never both */
	sqlite3_int64 at;                /* where either belongs */
	sqlite3_int64 end;               /* of what was read last */
	sqlite3_int64 size, synced_size; /* of a log: no page is behind that; and when it was flushed */
	int failure;                     /* a code that the next flush reports */
};

static struct gather_file *
gather_of(sqlite3_file *file)
{
	return (struct gather_file *)(void *)file;
}

static sqlite3_file *
gather_real(sqlite3_file *file)
{
	return gather_of(file)->real;
}

static int
gather_put(struct gather_file *g, const void *data, size_t len, sqlite3_int64 at)
{
	int code = g->real->pMethods->xWrite(g->real, data, (int)len, at);

	if (code == SQLITE_OK && at + (sqlite3_int64)len > g->size)
		g->size = at + (sqlite3_int64)len;
	return code;
}

static int
gather_flush(sqlite3_file *file)
{
	struct gather_file *g = gather_of(file);
	size_t len = g->len;

	if (g->failure != SQLITE_OK) {
		int code = g->failure;

		g->failure = SQLITE_OK;
		return code;
	}
	g->len = 0;
	return len > 0 ? gather_put(g, g->data, len, g->at) : SQLITE_OK;
}

static int
gather_close(sqlite3_file *file)
{
	int code = gather_flush(file), closed = gather_real(file)->pMethods->xClose(gather_real(file));

	free(gather_of(file)->data);
	return code == SQLITE_OK ? closed : code;
}

/* Reads more than is asked for. Returns whether it is there now: not so at the end of the file. */
static bool
gather_read_ahead(struct gather_file *g, size_t len, sqlite3_int64 at)
{
	if (!g->data || len > GATHER_BYTES)
		return false;
	g->read_len = 0;
	if (g->real->pMethods->xRead(g->real, g->data, (int)GATHER_BYTES, at) != SQLITE_OK)
		return false;
	g->read_len = GATHER_BYTES;
	g->at = at;
	return true;
}

static int
gather_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	struct gather_file *g = gather_of(file);
	int code = gather_flush(file);
	bool goes_on = g->is_log && at >= g->end && at <= g->end + GATHER_GAP;
	sqlite3_int64 end = at + len;

	if (code != SQLITE_OK)
		return code;
	g->end = end;
	if ((g->read_len > 0 && at >= g->at && end <= g->at + (sqlite3_int64)g->read_len) ||
	    (goes_on && gather_read_ahead(g, (size_t)len, at))) {
		memcpy(data, g->data + (at - g->at), (size_t)len);
		return SQLITE_OK;
	}
	return g->real->pMethods->xRead(g->real, data, len, at);
}

static int
gather_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct gather_file *g = gather_of(file);
	size_t n = (size_t)len;
	int code;

	g->read_len = 0;
	if (g->failure != SQLITE_OK)
		return gather_flush(file);
	if (g->len > 0 && (at != g->at + (sqlite3_int64)g->len || n > GATHER_BYTES - g->len)) {
		code = gather_flush(file);
		if (code != SQLITE_OK)
			return code;
	}
	if (!g->data || n > GATHER_BYTES)
		return gather_put(g, data, n, at);
	if (g->len == 0)
		g->at = at;
	memcpy(g->data + g->len, data, n);
	g->len += n;
	return SQLITE_OK;
}

static int
gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct gather_file *g = gather_of(file);
	int code = gather_flush(file);

	g->read_len = 0;
	if (code == SQLITE_OK)
		code = g->real->pMethods->xTruncate(g->real, size);
	if (code == SQLITE_OK)
		g->size = g->synced_size = size;
	return code;
}

/* Makes the log longer than it needs to be, unless it has grown by much. Without room it stays as it is. */
static void
gather_grow(struct gather_file *g)
{
	sqlite3_int64 grown = g->size - g->synced_size, rest = GATHER_STEP - g->size % GATHER_STEP;

	if (!g->is_log || !g->data || grown == 0 || grown >= (sqlite3_int64)GATHER_BYTES || rest == GATHER_STEP)
		return;
	g->read_len = 0;
	memset(g->data, 0, GATHER_BYTES);
	while (rest > 0) {
		size_t n = rest < (sqlite3_int64)GATHER_BYTES ? (size_t)rest : GATHER_BYTES;

		if (gather_put(g, g->data, n, g->size) != SQLITE_OK)
			return;
		rest -= (sqlite3_int64)n;
	}
}

static int
gather_sync(sqlite3_file *file, int flags)
{
	struct gather_file *g = gather_of(file);
	int code = gather_flush(file);

	if (code != SQLITE_OK)
		return code;
	gather_grow(g);
	code = g->real->pMethods->xSync(g->real, flags);
	if (code == SQLITE_OK)
		g->synced_size = g->size;
	return code;
}

static int
gather_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	int code = gather_flush(file);

	return code == SQLITE_OK ? gather_real(file)->pMethods->xFileSize(gather_real(file), ret_size) : code;
}

static int
gather_lock(sqlite3_file *file, int level)
{
	return gather_real(file)->pMethods->xLock(gather_real(file), level);
}

static int
gather_unlock(sqlite3_file *file, int level)
{
	return gather_real(file)->pMethods->xUnlock(gather_real(file), level);
}

static int
gather_check_lock(sqlite3_file *file, int *ret_is_reserved)
{
	return gather_real(file)->pMethods->xCheckReservedLock(gather_real(file), ret_is_reserved);
}

/*
 * To make the file larger needs to know what was written. Nobody looks at the error of that, nor at that of other
 * operations, so it comes with the next call that writes, which is of the same checkpoint.
 */
static int
gather_control(sqlite3_file *file, int operation, void *arg)
{
	if (operation == SQLITE_FCNTL_SIZE_HINT)
		gather_of(file)->failure = gather_flush(file);
	return gather_real(file)->pMethods->xFileControl(gather_real(file), operation, arg);
}

static int
gather_sector_size(sqlite3_file *file)
{
	return gather_real(file)->pMethods->xSectorSize(gather_real(file));
}

static int
gather_characteristics(sqlite3_file *file)
{
	return gather_real(file)->pMethods->xDeviceCharacteristics(gather_real(file));
}

static const sqlite3_io_methods gather_methods = {
	.iVersion = 1,
	.xClose = gather_close,
	.xRead = gather_read,
	.xWrite = gather_write,
	.xTruncate = gather_truncate,
	.xSync = gather_sync,
	.xFileSize = gather_size,
	.xLock = gather_lock,
	.xUnlock = gather_unlock,
	.xCheckReservedLock = gather_check_lock,
	.xFileControl = gather_control,
	.xSectorSize = gather_sector_size,
	.xDeviceCharacteristics = gather_characteristics,
};

static sqlite3_vfs *
gather_system(const sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int
gather_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct gather_file *g = gather_of(file);
	int code;

	if (!(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)))
		return gather_system(vfs)->xOpen(gather_system(vfs), path, file, flags, ret_flags);
	*g = (struct gather_file){ .real = (sqlite3_file *)(void *)(g + 1) };
	code = gather_system(vfs)->xOpen(gather_system(vfs), path, g->real, flags, ret_flags);
	if (code != SQLITE_OK)
		return code;
	g->is_log = flags & SQLITE_OPEN_WAL;
	if (g->real->pMethods->xFileSize(g->real, &g->size) == SQLITE_OK)
		g->data = malloc(GATHER_BYTES);
	g->synced_size = g->size;
	g->file.pMethods = &gather_methods;
	return SQLITE_OK;
}

const char *
gather_vfs(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	if (vfs.pAppData == system && system)
		return GATHER_NAME;
	if (!system)
		return NULL;
	/* All but the files is the system's: its functions take what they need from the struct, which is a copy. */
	vfs = *system;
	vfs.pNext = NULL;
	vfs.zName = GATHER_NAME;
	vfs.pAppData = system;
	vfs.szOsFile = (int)sizeof(struct gather_file) + system->szOsFile;
	vfs.xOpen = gather_open;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? GATHER_NAME : NULL;
}
