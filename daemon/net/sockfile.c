/*
 * PATH.lock, held with flock(2), decides which daemon owns the path. Under the lock the socket is bound under a hidden
 * name, gets its permissions, listens, and is then renamed into place: clients never meet it half-made. A file is only
 * removed or changed if its device and inode are those that were put there.
 */
#include "sockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

struct story {
	char *text;
	size_t size;
};

static int __attribute__((format(printf, 3, 4)))
sockfile_refuse(const struct story *story, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(story->text, story->size, format, ap);
	va_end(ap);
	return error;
}

/* For a system call that failed with errno. */
static int
sockfile_refuse_errno(const struct story *story, const char *path, const char *what)
{
	int error = errno == EACCES || errno == EPERM || errno == EROFS ? SOCKFILE_E_NO_PERMISSION : SOCKFILE_E_FAILED;

	return sockfile_refuse(story, error, "%s: %s: %s", path, what, strerror(errno));
}

static int
sockfile_refuse_live(const struct story *story, const char *path, pid_t pid)
{
	if (pid > 0)
		return sockfile_refuse(story, SOCKFILE_E_LIVE, "%s: a running server (pid %d) is using this socket",
		                       path, (int)pid);
	return sockfile_refuse(story, SOCKFILE_E_LIVE, "%s: a running server is using this socket", path);
}

static pid_t
sockfile_peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 ? cred.pid : 0;
}

pid_t
sockfile_holder(const struct addr *addr, int type)
{
	_cleanup_close_ int fd = addr_socket(addr, type);

	if (fd < 0 || addr->kind == ADDR_TCP || connect(fd, &addr->sa, addr->len) < 0)
		return 0;
	return sockfile_peer_pid(fd);
}

/*
 * flock() keeps others out but does not tell who holds it; for that the holder takes a record lock as well,
 * just afterwards. Returns 0 if nobody tells.
 */
static pid_t
sockfile_find_holder(int lock_fd)
{
	static const struct timespec pause = { 0, 1000 * 1000 };

	for (int i = 0; i < 100; i++) {
		struct flock record = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(lock_fd, F_GETLK, &record) == 0 && record.l_type != F_UNLCK)
			return record.l_pid;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static bool
sockfile_is_same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void
sockfile_lock_path(const char *path, char lock[ADDR_PATH_MAX + 16])
{
	snprintf(lock, ADDR_PATH_MAX + 16, "%s.lock", path);
}

static int
sockfile_take_lock(struct sockfile *file, const struct story *story)
{
	char path[ADDR_PATH_MAX + 16];

	sockfile_lock_path(file->path, path);
	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && errno == ENOENT)
			return sockfile_refuse_errno(story, file->path, "its directory");
		if (fd < 0)
			return sockfile_refuse_errno(story, path, "cannot open the lock");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? sockfile_refuse_live(story, file->path, sockfile_find_holder(fd))
			                            : sockfile_refuse_errno(story, path, "cannot lock");
		/* Its last holder may have removed it between the two calls. */
		if (!sockfile_is_same_file(fd, path))
			continue;
		(void)fcntl(fd, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET });
		file->lock_fd = TAKE_FD(fd);
		return 0;
	}
}

static int
sockfile_type_of(int fd)
{
	int type = SOCK_STREAM;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) });
	return type;
}

/* What stands at the path decides whether it may be replaced. */
static int
sockfile_probe(const struct addr *addr, int type, const char *path, const struct story *story)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : sockfile_refuse_errno(story, path, "cannot be looked at");
	if (!S_ISSOCK(st.st_mode))
		return sockfile_refuse(story, SOCKFILE_E_NOT_SOCKET, "%s: is not a socket; it was left alone", path);
	fd = addr_socket(addr, type);
	if (fd < 0) {
		errno = -fd;
		return sockfile_refuse_errno(story, path, "cannot make a socket");
	}
	if (connect(fd, &addr->sa, addr->len) == 0)
		return sockfile_refuse_live(story, path, sockfile_peer_pid(fd));
	switch (errno) {
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	case EAGAIN:     /* its backlog is full */
	case EPROTOTYPE: /* a socket of another type */
		return sockfile_refuse_live(story, path, 0);
	default:
		return sockfile_refuse_errno(story, path, "cannot tell whether the socket is in use");
	}
}

/* A name for the time until the socket is ready, in the same directory; it has to fit a socket address as well. */
static int
sockfile_temporary_addr(const char *path, int dir_fd, unsigned long long unique, struct addr *ret_addr)
{
	char name[64], full[2 * ADDR_PATH_MAX];
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path + 1) : 0;

	snprintf(name, sizeof(name), ".udsd.%llx", unique);
	snprintf(full, sizeof(full), "%.*s%s", dir_len, path, name);
	if (dir_len == 0)
		snprintf(full, sizeof(full), "./%s", name);
	if (strlen(full) > ADDR_PATH_MAX)
		snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", dir_fd, name);
	return addr_parse(full, ret_addr);
}

/* Gives the file to its owner and group, which are those of this process unless the options say otherwise. */
static int
sockfile_give_away(int dir_fd, const char *path, int flags, const struct stat *st,
                   const struct sockfile_options *options)
{
	uid_t owner = options->owner != (uid_t)-1 ? options->owner : geteuid();
	gid_t group = options->group != (gid_t)-1 ? options->group : getegid(); /* a directory may impose its own */

	if (st->st_uid == owner && st->st_gid == group)
		return 0;
	return fchownat(dir_fd, path, owner, group, flags) < 0 ? -errno : 0;
}

/* *ret_what says what failed. */
static int
sockfile_bind_hidden(int fd, const struct addr *hidden, const struct sockfile_options *options, int backlog,
                     const char **ret_what)
{
	const char *path = hidden->un.sun_path;
	struct stat st;
	mode_t old_mask;
	int r;

	*ret_what = "cannot make the socket";
	unlink(path); /* from a run that was killed just here; the lock is ours */
	if (fchmod(fd, options->mode) < 0)
		return -errno;
	old_mask = umask(0); /* bind() takes the mode from the socket, less the mask */
	r = bind(fd, &hidden->sa, hidden->len);
	umask(old_mask);
	if (r < 0 || lstat(path, &st) < 0)
		return -errno;
	*ret_what = "cannot give it to socket_owner and socket_group";
	r = sockfile_give_away(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st, options);
	if (r < 0)
		return r;
	return sockfile_type_of(fd) != SOCK_DGRAM && listen(fd, backlog) < 0 ? -errno : 0;
}

/* Makes the socket under a hidden name and moves it to its place when everything about it is right. */
static int
sockfile_expose(struct sockfile *file, int fd, const struct sockfile_options *options, int backlog,
                const struct story *story)
{
	char dir[ADDR_PATH_MAX + 1];
	_cleanup_close_ int dir_fd = -1;
	struct addr hidden;
	struct stat st;
	const char *what;
	int r;

	snprintf(dir, sizeof(dir), "%s", file->path);
	dir_fd = open(dirname(dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* While the lock is held, no other file of the directory's has its inode number. */
	if (dir_fd < 0 || fstat(file->lock_fd, &st) < 0 ||
	    sockfile_temporary_addr(file->path, dir_fd, (unsigned long long)st.st_ino, &hidden) != 0)
		return sockfile_refuse_errno(story, file->path, "cannot open its directory");
	r = sockfile_bind_hidden(fd, &hidden, options, backlog, &what);
	if (r == 0 && (lstat(hidden.un.sun_path, &st) < 0 || rename(hidden.un.sun_path, file->path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(hidden.un.sun_path);
		errno = -r;
		return sockfile_refuse_errno(story, file->path, what);
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

int
sockfile_listen(int fd, const struct addr *addr, const struct sockfile_options *options, int backlog,
                struct sockfile *ret_file, char *text, size_t text_size)
{
	struct story story = { text, text_size };
	struct sockfile file = { .lock_fd = -1 };
	int r;

	snprintf(file.path, sizeof(file.path), "%s", addr->un.sun_path);
	r = sockfile_take_lock(&file, &story);
	if (r != 0)
		return r;
	r = sockfile_probe(addr, sockfile_type_of(fd), file.path, &story);
	if (r == 0)
		r = sockfile_expose(&file, fd, options, backlog, &story);
	if (r != 0) {
		sockfile_close(&file);
		return r;
	}
	*ret_file = file;
	return 0;
}

bool
sockfile_is_in_place(const struct sockfile *file)
{
	struct stat st;

	return file->ino != 0 && lstat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino;
}

int
sockfile_update(const struct sockfile *file, const struct sockfile_options *options)
{
	/* What the path leads to is held fast first: somebody may put something else there between two calls. */
	_cleanup_close_ int fd = open(file->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != file->dev || st.st_ino != file->ino || !S_ISSOCK(st.st_mode))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* In between, nobody may connect who may neither before nor after. */
	if (chmod(path, st.st_mode & options->mode) < 0)
		return -errno;
	r = sockfile_give_away(fd, "", AT_EMPTY_PATH, &st, options);
	if (r < 0)
		return r;
	return chmod(path, options->mode) < 0 ? -errno : 0;
}

void
sockfile_remove(const struct sockfile *file)
{
	if (sockfile_is_in_place(file))
		unlink(file->path);
}

void
sockfile_close(struct sockfile *file)
{
	char lock[ADDR_PATH_MAX + 16];

	if (file->lock_fd < 0)
		return;
	sockfile_remove(file);
	sockfile_lock_path(file->path, lock);
	unlink(lock);
	close(file->lock_fd);
	file->lock_fd = -1;
}
