/*
 * Who holds PATH.lock by flock(2) owns the path. The owner binds its socket to a hidden name, sets its permissions,
 * lets it listen, and then renames it to PATH, so that no client finds an unfinished socket. A file at PATH is removed
 * or changed only if its device and inode are those of the socket that was put there.
 */
#include "sockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "refusal.h"

/* For a system call that failed with errno. */
static int
sockfile_refuse_errno(const struct refusal *refusal, const char *path, const char *what)
{
	int error = errno == EACCES || errno == EPERM || errno == EROFS ? SOCKFILE_E_NO_PERMISSION : SOCKFILE_E_FAILED;

	return refusal_write(refusal, error, "%s: %s: %s", path, what, strerror(errno));
}

static int
sockfile_refuse_live(const struct refusal *refusal, const char *path, pid_t pid)
{
	if (pid > 0)
		return refusal_write(refusal, SOCKFILE_E_LIVE, "%s: a running server (pid %d) is using this socket",
		                     path, (int)pid);
	return refusal_write(refusal, SOCKFILE_E_LIVE, "%s: a running server is using this socket", path);
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
 * flock() does not tell who holds the lock, so the holder takes a record lock as well, a moment later. Returns its pid,
 * or 0 if it is not known.
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
sockfile_take_lock(struct sockfile *file, const struct refusal *refusal)
{
	char path[ADDR_PATH_MAX + 16];

	sockfile_lock_path(file->path, path);
	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && errno == ENOENT)
			return sockfile_refuse_errno(refusal, file->path, "cannot open its directory");
		if (fd < 0)
			return sockfile_refuse_errno(refusal, path, "cannot open the lock");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK
			           ? sockfile_refuse_live(refusal, file->path, sockfile_find_holder(fd))
			           : sockfile_refuse_errno(refusal, path, "cannot lock");
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

/* Whether what is at the path may be replaced: nothing, or a socket that nobody uses. Returns 0 or SOCKFILE_E_*. */
static int
sockfile_probe(const struct addr *addr, int type, const char *path, const struct refusal *refusal)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : sockfile_refuse_errno(refusal, path, "cannot be looked at");
	if (!S_ISSOCK(st.st_mode))
		return refusal_write(refusal, SOCKFILE_E_NOT_SOCKET, "%s: is not a socket; it was left alone", path);
	fd = addr_socket(addr, type);
	if (fd < 0) {
		errno = -fd;
		return sockfile_refuse_errno(refusal, path, "cannot make a socket");
	}
	if (connect(fd, &addr->sa, addr->len) == 0)
		return sockfile_refuse_live(refusal, path, sockfile_peer_pid(fd));
	switch (errno) {
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	case EAGAIN:     /* its backlog is full */
	case EPROTOTYPE: /* a socket of another type */
		return sockfile_refuse_live(refusal, path, 0);
	default:
		return sockfile_refuse_errno(refusal, path, "cannot tell whether the socket is in use");
	}
}

/* The hidden name, in the same directory. A path that is too long for a socket address goes through /proc. */
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

/* Sets owner and group: those of the options, or else of this process. Returns 0 or -errno. */
static int
sockfile_set_owner(int dir_fd, const char *path, int flags, const struct stat *st,
                   const struct sockfile_options *options)
{
	uid_t owner = options->owner != (uid_t)-1 ? options->owner : geteuid();
	gid_t group = options->group != (gid_t)-1 ? options->group : getegid(); /* a directory may impose its own */

	if (st->st_uid == owner && st->st_gid == group)
		return 0;
	return fchownat(dir_fd, path, owner, group, flags) < 0 ? -errno : 0;
}

/* Returns 0 or -errno; *ret_what then says what failed. */
static int
sockfile_bind_hidden(int fd, const struct addr *hidden, const struct sockfile_options *options, int backlog,
                     const char **ret_what)
{
	const char *path = hidden->un.sun_path;
	struct stat st;
	mode_t old_mask;
	int r;

	*ret_what = "cannot make the socket";
	unlink(path); /* left by a daemon that was killed at this point; the lock is ours */
	if (fchmod(fd, options->mode) < 0)
		return -errno;
	old_mask = umask(0); /* bind() takes the mode from the socket, less the mask */
	r = bind(fd, &hidden->sa, hidden->len);
	umask(old_mask);
	if (r < 0 || lstat(path, &st) < 0)
		return -errno;
	*ret_what = "cannot give it to socket_owner and socket_group";
	r = sockfile_set_owner(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st, options);
	if (r < 0)
		return r;
	return sockfile_type_of(fd) != SOCK_DGRAM && listen(fd, backlog) < 0 ? -errno : 0;
}

/* Binds the socket to a hidden name, and renames that to the path when the socket is ready. */
static int
sockfile_put_in_place(struct sockfile *file, int fd, const struct sockfile_options *options, int backlog,
                      const struct refusal *refusal)
{
	char dir[ADDR_PATH_MAX + 1];
	_cleanup_close_ int dir_fd = -1;
	struct addr hidden;
	struct stat st;
	const char *what;
	int r;

	snprintf(dir, sizeof(dir), "%s", file->path);
	dir_fd = open(dirname(dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* The inode number of the lock file makes the name unique in the directory. */
	if (dir_fd < 0 || fstat(file->lock_fd, &st) < 0 ||
	    sockfile_temporary_addr(file->path, dir_fd, (unsigned long long)st.st_ino, &hidden) != 0)
		return sockfile_refuse_errno(refusal, file->path, "cannot open its directory");
	r = sockfile_bind_hidden(fd, &hidden, options, backlog, &what);
	if (r == 0 && (lstat(hidden.un.sun_path, &st) < 0 || rename(hidden.un.sun_path, file->path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(hidden.un.sun_path);
		errno = -r;
		return sockfile_refuse_errno(refusal, file->path, what);
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

int
sockfile_listen(int fd, const struct addr *addr, const struct sockfile_options *options, int backlog,
                struct sockfile *ret_file, char *text, size_t text_size)
{
	struct refusal refusal = { text, text_size };
	struct sockfile file = { .lock_fd = -1 };
	int r;

	snprintf(file.path, sizeof(file.path), "%s", addr->un.sun_path);
	r = sockfile_take_lock(&file, &refusal);
	if (r != 0)
		return r;
	r = sockfile_probe(addr, sockfile_type_of(fd), file.path, &refusal);
	if (r == 0)
		r = sockfile_put_in_place(&file, fd, options, backlog, &refusal);
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
	/* By a descriptor, so that all calls are about the same file: the path may lead to another one meanwhile. */
	_cleanup_close_ int fd = open(file->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != file->dev || st.st_ino != file->ino || !S_ISSOCK(st.st_mode))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* First only what both the old and the new mode allow, so that nobody else can connect in between. */
	if (chmod(path, st.st_mode & options->mode) < 0)
		return -errno;
	r = sockfile_set_owner(fd, "", AT_EMPTY_PATH, &st, options);
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
