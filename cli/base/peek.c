/*
 * A pipe is a row of buffers. tee(2) copies them from the first one on, each time again; so the known bytes come again
 * and are skipped. In packet mode (O_DIRECT) each packet has a buffer of its own, read(2) returns one packet at a time
 * and drops what it does not return of it. So the copy is read until all of it has come, and bytes leave the pipe by
 * splice(2), which may stop anywhere.
 *
 * What stays in a pipe takes the room of what its writer wants to write next. So a pipe that is half full is enlarged,
 * and where that is no longer possible, peek_read() says that some bytes have to be taken.
 */
#include "peek.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pipes are enlarged up to this many bytes: by default more is for privileged users. */
#define PIPE_MAX (1024 * 1024)

/* After so many looks in vain the pipe is asked whether it has room; after so many it has none if it cannot be asked.
 */
#define LOOKS_TO_ASK 4
#define LOOKS_MAX 200

void
peek_init(struct peek *p)
{
	*p = (struct peek){ .copy = { -1, -1 }, .null = -1 };
}

void
peek_deinit(struct peek *p)
{
	if (p->copy[0] >= 0) {
		close(p->copy[0]);
		close(p->copy[1]);
	}
	if (p->null >= 0)
		close(p->null);
	peek_init(p);
}

void
peek_begin(struct peek *p, int fd)
{
	struct stat st;

	p->kind = PEEK_NONE;
	p->looks = 0;
	if (fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode))
		p->kind = PEEK_FILE;
	if (!S_ISFIFO(st.st_mode) || (p->copy[0] < 0 && pipe2(p->copy, O_CLOEXEC) < 0) ||
	    (p->null < 0 && (p->null = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0))
		return;
	(void)fcntl(p->copy[1], F_SETPIPE_SZ, fcntl(fd, F_GETPIPE_SZ));
	p->kind = PEEK_PIPE;
}

/* Enlarges the pipe and its copy. Returns false where they are as large as may be. */
static bool
peek_enlarge_pipe(const struct peek *p, int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	return size > 0 && size < PIPE_MAX && fcntl(p->copy[1], F_SETPIPE_SZ, 2 * size) > 0 &&
	       fcntl(fd, F_SETPIPE_SZ, 2 * size) > 0;
}

/* Whether the writer may wait for room, so that nothing new can come. */
static bool
peek_is_pipe_full(struct peek *p, int fd, size_t known)
{
	struct pollfd writer = { .events = POLLOUT };
	char path[32];
	bool is_full;

	if (known > (size_t)fcntl(fd, F_GETPIPE_SZ) / 2)
		return !peek_enlarge_pipe(p, fd);
	if (++p->looks % LOOKS_TO_ASK != 0)
		return false;
	/* Only a writing end tells whether there is room: a few bytes in many packets fill a pipe, too. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	writer.fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (writer.fd < 0)
		return p->looks >= LOOKS_MAX;
	is_full = poll(&writer, 1, 0) == 0;
	close(writer.fd);
	return is_full && !peek_enlarge_pipe(p, fd);
}

static ssize_t
peek_read_pipe(struct peek *p, int fd, uint8_t *to, size_t size, size_t known)
{
	struct pollfd reader = { .fd = fd, .events = POLLIN };
	ssize_t n, read_now;
	int present;

	if (known > 0) {
		/* In this order: what was written before the last writer closed the pipe is seen. */
		poll(&reader, 1, 0);
		if (ioctl(fd, FIONREAD, &present) < 0)
			return -errno;
		if ((size_t)present <= known && reader.revents & POLLHUP)
			return 0;
		if ((size_t)present <= known)
			return peek_is_pipe_full(p, fd, known) ? -ENOBUFS : -EAGAIN;
	}
	n = tee(fd, p->copy[1], known + size, SPLICE_F_NONBLOCK);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	to -= known;
	for (ssize_t done = 0; done < n; done += read_now) {
		read_now = read(p->copy[0], to + done, (size_t)(n - done));
		if (read_now <= 0)
			return read_now < 0 ? -errno : -EIO;
	}
	p->looks = 0;
	/* A copy that could not be made as large as the pipe shows only its beginning. */
	return (size_t)n > known ? n - (ssize_t)known : -ENOBUFS;
}

ssize_t
peek_read(struct peek *p, int fd, uint8_t *to, size_t size, size_t known)
{
	ssize_t n = -1;

	switch (p->kind) {
	case PEEK_PIPE:
		return peek_read_pipe(p, fd, to, size, known);
	case PEEK_FILE:
		n = pread(fd, to, size, lseek(fd, 0, SEEK_CUR) + (off_t)known);
		break;
	case PEEK_NONE:
		n = read(fd, to, size);
		break;
	}
	return n < 0 ? -errno : n;
}

void
peek_take(const struct peek *p, int fd, size_t n)
{
	ssize_t taken;

	if (n == 0 || lseek(fd, (off_t)n, SEEK_CUR) >= 0)
		return;
	do {
		taken = splice(fd, NULL, p->null, NULL, n, 0);
		n -= taken > 0 ? (size_t)taken : 0;
	} while (n > 0 && (taken > 0 || errno == EINTR));
}
