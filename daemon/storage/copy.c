/*
 * SQLite's backup interface: what the same connection writes meanwhile goes into the copy as well, so the copy never
 * begins again. It is flushed every few steps, so that no flush is long, and gets its name when it is whole.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* A step takes below a millisecond, and a flush is of 4 MiB. */
#define COPY_PAGES 64
#define COPY_FLUSH_PAGES 1024

static int
copy_error(sqlite3 *to, int code)
{
	struct database database = { .sqlite = to };

	return database_fail(&database, code);
}

/* Releases all but the file, which is removed unless it has got its name. */
static void
copy_release(struct copy *copy, bool is_whole)
{
	sqlite3_backup_finish(copy->backup);
	sqlite3_close(copy->to);
	if (copy->fd >= 0)
		close(copy->fd);
	if (copy->part && !is_whole)
		unlink(copy->part);
	free(copy->part);
	free(copy->path);
	*copy = (struct copy){ .fd = -1 };
}

int
copy_begin(struct copy *copy, struct database *database, char *path)
{
	int code, r = 0;

	*copy = (struct copy){ .path = path, .fd = -1 };
	if (access(path, F_OK) == 0)
		r = -EEXIST;
	else if (asprintf(&copy->part, "%s.part", path) < 0)
		copy->part = NULL, r = -ENOMEM;
	else if ((copy->fd = open(copy->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		r = -errno;
	if (r < 0) {
		free(copy->part);
		copy->part = NULL; /* it is not ours */
		copy_release(copy, false);
		return r;
	}
	code = sqlite3_open_v2(copy->part, &copy->to,
	                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy->to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (code == SQLITE_OK && !(copy->backup = sqlite3_backup_init(copy->to, "main", database->sqlite, "main")))
		code = sqlite3_extended_errcode(copy->to);
	if (code != SQLITE_OK) {
		r = copy_error(copy->to, code);
		copy_release(copy, false);
	}
	return r;
}

/* The copy is complete: makes it durable, under its name. */
static int
copy_end(struct copy *copy)
{
	_cleanup_free_ char *parent = strdup(copy->path);
	_cleanup_close_ int parent_fd = -1;
	int code = sqlite3_backup_finish(copy->backup);

	copy->backup = NULL;
	if (code != SQLITE_OK)
		return copy_error(copy->to, code);
	if (!parent)
		return -ENOMEM;
	if (fsync(copy->fd) != 0 || renameat2(AT_FDCWD, copy->part, AT_FDCWD, copy->path, RENAME_NOREPLACE) != 0)
		return -errno;
	parent_fd = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0 || fsync(parent_fd) != 0)
		return -errno;
	return 0;
}

int
copy_step(struct copy *copy)
{
	int r, code = sqlite3_backup_step(copy->backup, COPY_PAGES);

	if (code == SQLITE_OK) {
		copy->unflushed += COPY_PAGES;
		if (copy->unflushed < COPY_FLUSH_PAGES)
			return 1;
		copy->unflushed = 0;
		if (fdatasync(copy->fd) == 0)
			return 1;
		r = -errno;
	} else {
		r = code == SQLITE_DONE ? copy_end(copy) : copy_error(copy->to, code);
	}
	copy_release(copy, r == 0);
	return r;
}

void
copy_abort(struct copy *copy)
{
	copy_release(copy, false);
}
