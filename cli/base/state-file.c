/*
 * A new file is written beside the old one, flushed, locked, and renamed over it. The lock is on the file that has the
 * name: whoever has opened the old one before the rename finds it locked, or after getting its lock, that another file
 * has the name now, and begins anew.
 */
#include "state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "memory.h"

struct state_file {
	int fd; /* of the file that has the name, locked */
	char *path, *new_path;
};

int
state_file_lock(int fd, pid_t *ret_pid)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*ret_pid = 0;
	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		*ret_pid = l.l_pid;
	return STATE_FILE_E_LOCKED;
}

int
state_file_sync_name(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -EBADF;

	memory_check(copy ? 0 : -1);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A directory that cannot be read cannot be flushed, nor can one on some file systems: go on without. */
	return fd < 0 || fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
}

int
state_file_write(int fd, const void *p, size_t len)
{
	const uint8_t *bytes = p;
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n) {
		n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* Whether the name still leads to the open file. */
static bool
state_file_has_name(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opens and locks the file that has the name. Returns its descriptor, -errno or STATE_FILE_E_LOCKED. */
static int
state_file_get(const char *path, pid_t *ret_pid, int *ret_fd)
{
	struct stat st;
	int r;

	for (;;) {
		_cleanup_close_ int fd =
		    open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);

		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode))
			return -EINVAL;
		r = state_file_lock(fd, ret_pid);
		if (r != 0)
			return r;
		if (state_file_has_name(fd, path)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
	}
}

static int
state_file_read(int fd, struct buf *content)
{
	ssize_t n = 1;

	while (n > 0) {
		if (content->len > STATE_FILE_MAX)
			return -EFBIG;
		memory_check(buf_reserve(content, BUF_SMALL));
		n = read(fd, content->data + content->len, content->cap - content->len);
		if (n < 0)
			return -errno;
		content->len += (size_t)n;
	}
	return 0;
}

int
state_file_open(const char *path, struct buf *content, pid_t *ret_pid, struct state_file **ret_file)
{
	_cleanup_close_ int fd = -EBADF;
	struct state_file *f;
	char *real;
	int r = state_file_get(path, ret_pid, &fd);

	if (r == 0)
		r = state_file_read(fd, content);
	if (r == 0)
		r = state_file_sync_name(path);
	real = r == 0 ? realpath(path, NULL) : NULL; /* a rename would replace a symbolic link */
	if (!real)
		return r == 0 ? -errno : r;
	f = memory_alloc(sizeof(*f));
	f->fd = TAKE_FD(fd);
	f->path = real;
	f->new_path = memory_alloc(strlen(real) + sizeof(".new"));
	stpcpy(stpcpy(f->new_path, real), ".new");
	*ret_file = f;
	return 0;
}

void
state_file_close(struct state_file *f)
{
	if (!f)
		return;
	close(f->fd);
	free(f->path);
	free(f->new_path);
	free(f);
}

int
state_file_replace(struct state_file *f, const void *p, size_t len)
{
	_cleanup_close_ int fd =
	    open(f->new_path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	struct stat st;
	pid_t pid;
	int r;

	if (fd < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	(void)!fchmod(fd, st.st_mode & 07777);
	r = state_file_write(fd, p, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = state_file_lock(fd, &pid);
	if (r == 0 && rename(f->new_path, f->path) < 0)
		r = -errno;
	if (r != 0) {
		unlink(f->new_path);
		return r < 0 ? r : -EBUSY;
	}
	close(f->fd);
	f->fd = TAKE_FD(fd);
	return state_file_sync_name(f->path);
}
