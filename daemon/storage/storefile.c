/*
 * The lock is that of flock(2) on store.lock, which has the pid of its holder for people. It is not enough for SQLite,
 * whose own lock keeps away other programs, such as the sqlite3 shell.
 */
#include "storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "gather.h"
#include "refusal.h"
#include "schema.h"

#define STOREFILE_LOCK "store.lock"

/* Makes the directory and those above it that are missing, each of them durable. */
static int
storefile_make_directory(const char *directory)
{
	_cleanup_free_ char *path = strdup(directory);
	_cleanup_close_ int parent_fd = -1;
	char *slash;

	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) != 0) {
		if (errno == EEXIST)
			return 0;
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return -errno;
		*slash = '\0';
		int r = storefile_make_directory(path);
		if (r < 0)
			return r;
		*slash = '/';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return -errno;
	}
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	parent_fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd >= 0 && fsync(parent_fd) != 0)
		return -errno;
	return 0;
}

static int
storefile_lock(struct storefile *file, const char *directory, const struct refusal *refusal)
{
	char pid[24] = "";
	ssize_t n;

	file->lock_fd = openat(file->directory_fd, STOREFILE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->lock_fd < 0)
		return refusal_write(refusal, -errno, "%s/%s: %s", directory, STOREFILE_LOCK, strerror(errno));
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return refusal_write(refusal, -errno, "%s/%s: cannot lock: %s", directory, STOREFILE_LOCK,
			                     strerror(errno));
		n = pread(file->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		return refusal_write(refusal, -EBUSY, "%s: a running server%s%s%s is using this store", directory,
		                     *pid ? " (pid " : "", pid, *pid ? ")" : "");
	}
	/* On a full disk it has no pid, which is not needed. */
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(file->lock_fd, 0) != 0 || pwrite(file->lock_fd, pid, (size_t)n, 0) != n)
		(void)!ftruncate(file->lock_fd, 0);
	return 0;
}

static int
storefile_open_database(struct storefile *file, bool is_damaged, struct database *ret_database,
                        const struct refusal *refusal)
{
	_cleanup_close_ int fd = -1;
	sqlite3 *sqlite = NULL;
	struct stat st;
	int code;

	/* SQLite would give a new file, and with it the log, wider permissions. */
	fd = openat(file->directory_fd, STOREFILE_DATABASE, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) != 0)
		return refusal_write(refusal, -errno, "%s: %s", file->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refusal_write(refusal, -EINVAL, "%s: not a regular file", file->path);
	if (st.st_size == 0 && fsync(file->directory_fd) != 0)
		return refusal_write(refusal, -errno, "%s: %s", file->path, strerror(errno));
	close(TAKE_FD(fd));
	/* Memory that SQLite counts costs a lock for each allocation. Fails if SQLite is in use already. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	code = sqlite3_open_v2(file->path, &sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	                       gather_vfs());
	*ret_database = (struct database){ .sqlite = sqlite };
	/* Else SQLite refuses a file that is shorter than its header says. */
	if (code == SQLITE_OK && is_damaged)
		code = sqlite3_db_config(sqlite, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	if (code != SQLITE_OK)
		database_fail(ret_database, code);
	if (code != SQLITE_OK || schema_prepare(ret_database, is_damaged) < 0 ||
	    database_init(ret_database, sqlite) < 0) {
		code = storefile_explain(file, ret_database, refusal->text, refusal->size);
		database_deinit(ret_database, true);
		return code;
	}
	return 0;
}

int
storefile_open(const char *directory, bool is_damaged, struct storefile *ret_file, struct database *ret_database,
               char *error, size_t error_size)
{
	const struct refusal refusal = { error, error_size };
	struct storefile file = { .directory_fd = -1, .lock_fd = -1 };
	int r = storefile_make_directory(directory);

	if (r == 0) {
		file.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (file.directory_fd < 0)
			r = -errno;
		else if (asprintf(&file.path, "%s/%s", directory, STOREFILE_DATABASE) < 0)
			file.path = NULL, r = -ENOMEM;
		else if (asprintf(&file.log_path, "%s-wal", file.path) < 0)
			file.log_path = NULL, r = -ENOMEM;
	}
	if (r < 0)
		refusal_write(&refusal, r, "%s: %s", directory, strerror(-r));
	else if ((r = storefile_lock(&file, directory, &refusal)) == 0)
		r = storefile_open_database(&file, is_damaged, ret_database, &refusal);
	if (r < 0) {
		storefile_close(&file);
		return r;
	}
	*ret_file = file;
	return 0;
}

void
storefile_close(struct storefile *file)
{
	free(file->path);
	free(file->log_path);
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	if (file->directory_fd >= 0)
		close(file->directory_fd);
}

int
storefile_explain(const struct storefile *file, const struct database *database, char *error, size_t error_size)
{
	const struct refusal refusal = { error, error_size };
	int r = -database->failure.error;

	if (r == -EBUSY)
		return refusal_write(&refusal, r, "%s: another program, such as sqlite3, is using this database",
		                     file->path);
	if (r == -EBADMSG)
		return refusal_write(&refusal, r, "%s: %s; udsd --salvage saves what can be read, see udsd(1)",
		                     file->path, database->failure.text);
	return refusal_write(&refusal, r, "%s: %s", file->path, database->failure.text);
}
