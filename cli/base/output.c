/*
 * Writes must not block, and how to achieve that depends on what stdout is. O_NONBLOCK cannot be set where other
 * programs share the open file description; so a pipe or a terminal is opened again through /proc, which gives a
 * description of our own. Where that fails, writes are small and follow poll(2): a pipe that polls writable takes
 * PIPE_BUF bytes. A socket has MSG_DONTWAIT; files and other devices do not block.
 */
#include "output.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "say.h"

enum output_kind { OUTPUT_FILE, OUTPUT_SOCKET, OUTPUT_OWN, OUTPUT_SHARED };

struct output {
	struct loop *loop;
	int fd;     /* to write to */
	int own_fd; /* the same, where it was opened again; else -1 */
	enum output_kind kind;
	struct buf buf;
	size_t start;  /* in buf: of what waits */
	bool was_high; /* more than OUTPUT_HIGH waited since the last `drained` */
	struct event *write_event, *left_event;
	output_cb *drained;
	void *arg;
};

static void
output_fail(struct output *out, int error)
{
	event_del(out->write_event);
	if (error == EPIPE) {
		loop_end(out->loop, EX_OK);
		return;
	}
	say("writing to standard output: %s", strerror(error));
	loop_end(out->loop, EX_IOERR);
}

/* Returns the bytes written or -errno. */
static ssize_t
output_write(struct output *out, const uint8_t *p, size_t len)
{
	struct pollfd writable = { .fd = out->fd, .events = POLLOUT };
	ssize_t n = -1;

	switch (out->kind) {
	case OUTPUT_FILE:
	case OUTPUT_OWN:
		n = write(out->fd, p, len);
		break;
	case OUTPUT_SOCKET:
		n = send(out->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case OUTPUT_SHARED:
		if (poll(&writable, 1, 0) == 0)
			return -EAGAIN;
		n = write(out->fd, p, len < PIPE_BUF ? len : PIPE_BUF);
		break;
	}
	return n < 0 ? -errno : n;
}

void
output_flush(struct output *out)
{
	ssize_t n;

	while (out->start < out->buf.len && !loop_is_ending(out->loop)) {
		n = output_write(out, out->buf.data + out->start, out->buf.len - out->start);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			out->was_high |= output_pending(out) > OUTPUT_HIGH;
			event_add(out->write_event, NULL);
			return;
		}
		if (n < 0) {
			output_fail(out, (int)-n);
			return;
		}
		out->start += (size_t)n;
	}
	if (out->start == out->buf.len)
		out->start = out->buf.len = 0;
	if (out->buf.len == 0 && out->buf.cap > 2 * OUTPUT_HIGH)
		buf_deinit(&out->buf);
}

static void
output_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct output *out = arg;
	size_t left;

	(void)fd;
	(void)what;
	output_flush(out);
	left = output_pending(out);
	if (loop_is_ending(out->loop) || (left > 0 && (!out->was_high || left > OUTPUT_LOW)))
		return;
	out->was_high = false;
	out->drained(out->arg);
}

/* The writing end of a pipe polls readable when its last reader has gone, a socket when its peer has. */
static void
output_left_cb(evutil_socket_t fd, short what, void *arg)
{
	struct output *out = arg;
	struct pollfd p = { .fd = fd };

	(void)what;
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP))
		output_fail(out, EPIPE);
	else
		event_del(out->left_event); /* a socket with something to read: it will stay so */
}

static int
output_open_again(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct output *
output_new(struct loop *loop, int fd, output_cb *drained, void *arg)
{
	struct output *out = memory_alloc(sizeof(*out));
	struct stat st = { 0 };

	out->loop = loop;
	out->fd = fd;
	out->own_fd = -1;
	out->drained = drained;
	out->arg = arg;
	out->kind = OUTPUT_FILE;
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
		out->kind = OUTPUT_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || isatty(fd)) {
		out->own_fd = output_open_again(fd);
		out->kind = out->own_fd >= 0 ? OUTPUT_OWN : OUTPUT_SHARED;
		out->fd = out->own_fd >= 0 ? out->own_fd : fd;
	}
	out->write_event = event_new(loop_base(loop), out->fd, EV_WRITE, output_write_cb, out);
	out->left_event = event_new(loop_base(loop), out->fd, EV_READ | EV_PERSIST, output_left_cb, out);
	memory_check(out->write_event && out->left_event ? 0 : -1);
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		event_add(out->left_event, NULL);
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		output_fail(out, EBADF); /* now, not only with the first message */
	return out;
}

void
output_free(struct output *out)
{
	if (!out)
		return;
	event_free(out->write_event);
	event_free(out->left_event);
	if (out->own_fd >= 0)
		close(out->own_fd);
	buf_deinit(&out->buf);
	free(out);
}

uint8_t *
output_reserve(struct output *out, size_t size)
{
	if (out->start > 0 && out->buf.cap - out->buf.len < size) {
		buf_consume(&out->buf, out->start);
		out->start = 0;
	}
	memory_check(buf_reserve(&out->buf, size));
	return out->buf.data + out->buf.len;
}

void
output_commit(struct output *out, size_t size)
{
	out->buf.len += size;
}

size_t
output_pending(const struct output *out)
{
	return out->buf.len - out->start;
}
