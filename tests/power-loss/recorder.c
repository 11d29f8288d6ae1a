/*
 * LD_PRELOAD: records what a program does to the files of the directory $RECORDER_DIRECTORY, in the order in which it
 * happens, into the file $RECORDER_TRACE: writes with their bytes, truncations, flushes, names that come and go, and
 * the marks that the program makes with recorder_mark().
 *
 * An entry is a struct entry, the file's name and the bytes. A call is recorded once it has succeeded, so a write that
 * is under way at a point of the trace is not there yet; the replay leaves out writes that were not flushed anyway.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 256
#define EXPORT __attribute__((visibility("default")))

struct entry {
	/* N: new name; R: renamed, the new name is the bytes; U: unlinked; W: written; T: truncated; S: flushed;
	 * D: directory flushed; else a mark */
	char what;
	uint8_t name_len;
	uint8_t unused[6];
	uint64_t at, len;
};

static int trace = -1;
static char directory[PATH_MAX];
static char names[FILES_MAX][64]; /* by descriptor; "." is the directory itself */

#define REAL(name)                                                                                                     \
	static __typeof__(&name) real;                                                                                 \
	if (!real)                                                                                                     \
	real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

EXPORT void recorder_mark(char what, uint64_t number);

static void
recorder_add(char what, const char *name, uint64_t at, const void *data, size_t len)
{
	struct entry entry = { .what = what, .name_len = (uint8_t)strlen(name), .at = at, .len = len };
	struct iovec parts[] = { { &entry, sizeof(entry) }, { (void *)name, entry.name_len }, { (void *)data, len } };

	if (trace >= 0 && writev(trace, parts, 3) < (ssize_t)sizeof(entry))
		abort();
}

__attribute__((constructor)) static void
recorder_init(void)
{
	const char *path = getenv("RECORDER_TRACE"), *dir = getenv("RECORDER_DIRECTORY");

	if (path && dir && realpath(dir, directory))
		trace = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
}

void
recorder_mark(char what, uint64_t number)
{
	recorder_add(what, "", number, NULL, 0);
}

/* The name of an open file in the directory, or "". */
static const char *
recorder_name(int fd)
{
	return fd >= 0 && fd < FILES_MAX ? names[fd] : "";
}

static void
recorder_opened(int fd, bool is_new, int flags)
{
	char link[40], path[PATH_MAX];
	size_t len = strlen(directory);
	ssize_t n;

	if (trace < 0 || fd < 0 || fd >= FILES_MAX)
		return;
	names[fd][0] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < (ssize_t)len || strncmp(path, directory, len) != 0)
		return;
	path[n] = '\0';
	if (path[len] == '\0')
		strcpy(names[fd], ".");
	else if (path[len] == '/' && strlen(path + len + 1) < sizeof(names[0]))
		strcpy(names[fd], path + len + 1);
	if (is_new)
		recorder_add('N', names[fd], 0, NULL, 0);
	else if (flags & O_TRUNC)
		recorder_add('T', names[fd], 0, NULL, 0);
}

/* The mode, which is there if a file may be made. */
#define OPEN_MODE(mode, flags)                                                                                         \
	if ((flags)&O_CREAT) {                                                                                         \
		va_list ap;                                                                                            \
                                                                                                                       \
		va_start(ap, flags);                                                                                   \
		mode = va_arg(ap, mode_t);                                                                             \
		va_end(ap);                                                                                            \
	}

EXPORT int
openat64(int dir, const char *path, int flags, ...)
{
	bool is_new = (flags & O_CREAT) && faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	mode_t mode = 0;
	int fd;

	REAL(openat64);
	OPEN_MODE(mode, flags)
	fd = real(dir, path, flags, mode);
	recorder_opened(fd, is_new, flags);
	return fd;
}

EXPORT int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(mode, flags)
	return openat64(dir, path, flags, mode);
}

EXPORT int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(mode, flags)
	return openat64(AT_FDCWD, path, flags, mode);
}

EXPORT int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(mode, flags)
	return openat64(AT_FDCWD, path, flags, mode);
}

EXPORT int
close(int fd)
{
	REAL(close);
	if (*recorder_name(fd))
		names[fd][0] = '\0';
	return real(fd);
}

EXPORT ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	ssize_t n;

	REAL(pwrite64);
	n = real(fd, data, len, at);
	if (n > 0 && *recorder_name(fd))
		recorder_add('W', names[fd], (uint64_t)at, data, (size_t)n);
	return n;
}

EXPORT ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

EXPORT ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t n;

	REAL(write);
	n = real(fd, data, len);
	if (n > 0 && *recorder_name(fd))
		recorder_add('W', names[fd], (uint64_t)(lseek(fd, 0, SEEK_CUR) - n), data, (size_t)n);
	return n;
}

EXPORT int
ftruncate64(int fd, off64_t size)
{
	int r;

	REAL(ftruncate64);
	r = real(fd, size);
	if (r == 0 && *recorder_name(fd))
		recorder_add('T', names[fd], (uint64_t)size, NULL, 0);
	return r;
}

EXPORT int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

static int
recorder_flushed(int fd, int r)
{
	const char *name = recorder_name(fd);

	if (r == 0 && *name)
		recorder_add(strcmp(name, ".") == 0 ? 'D' : 'S', name, 0, NULL, 0);
	return r;
}

EXPORT int
fsync(int fd)
{
	REAL(fsync);
	return recorder_flushed(fd, real(fd));
}

EXPORT int
fdatasync(int fd)
{
	REAL(fdatasync);
	return recorder_flushed(fd, real(fd));
}

/* The name of a file in the directory by its path, or NULL. */
static const char *
recorder_inside(const char *path)
{
	size_t len = strlen(directory);

	return trace >= 0 && strncmp(path, directory, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

EXPORT int
unlink(const char *path)
{
	int r;

	REAL(unlink);
	r = real(path);
	if (r == 0 && recorder_inside(path))
		recorder_add('U', recorder_inside(path), 0, NULL, 0);
	return r;
}

EXPORT int
rename(const char *from, const char *to)
{
	int r;

	REAL(rename);
	r = real(from, to);
	if (r == 0 && recorder_inside(from) && recorder_inside(to))
		recorder_add('R', recorder_inside(from), 0, recorder_inside(to), strlen(recorder_inside(to)));
	return r;
}
