/*
 * A preloaded library that makes the disk of a program slow or broken: while the file $FLUSH_DIR/hold exists, fsync()
 * and fdatasync() of files below $FLUSH_DIR wait, and unlink(), too; while $FLUSH_DIR/fail exists, flushes fail with
 * EIO.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
flag_is_set(const char *dir, const char *flag)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, flag);
	return access(path, F_OK) == 0;
}

static int
flush(int fd, long call)
{
	const char *dir = getenv("FLUSH_DIR");
	char link[64], path[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (dir && readlink(link, path, sizeof(path) - 1) > 0 && strncmp(path, dir, strlen(dir)) == 0) {
		while (flag_is_set(dir, "hold"))
			usleep(1000);
		if (flag_is_set(dir, "fail")) {
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(call, fd);
}

int
fsync(int fd)
{
	return flush(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return flush(fd, SYS_fdatasync);
}

int
unlink(const char *path)
{
	const char *dir = getenv("FLUSH_DIR");

	while (dir && strncmp(path, dir, strlen(dir)) == 0 && flag_is_set(dir, "hold"))
		usleep(1000);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
