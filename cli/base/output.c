#include "output.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "nowait.h"
#include "say.h"

struct output {
	struct loop *loop;
	struct nowait nowait;
	struct buf buf;
	size_t start; /* in buf: of what waits */
	uint64_t written;
	bool was_high; /* more than OUTPUT_HIGH waited since the last `drained` */
	struct event *write_event, *left_event;
	output_cb *drained;
	output_failed_cb *failed; /* NULL: the loop ends */
	bool has_failed;
	void *arg;
};

static void
output_fail(struct output *out, int error)
{
	const char *why = error == EPIPE ? NULL : strerror(error);
	int status = why ? EX_IOERR : EX_OK;

	event_del(out->write_event);
	event_del(out->left_event);
	out->start = out->buf.len = 0;
	out->has_failed = true;
	if (why)
		say("writing to standard output: %s", why);
	if (out->failed)
		out->failed(out->arg, status, why);
	else
		loop_end(out->loop, status);
}

void
output_flush(struct output *out)
{
	ssize_t n;

	if (out->has_failed)
		out->start = out->buf.len = 0;
	while (out->start < out->buf.len && !loop_is_ending(out->loop)) {
		n = nowait_write(&out->nowait, out->buf.data + out->start, out->buf.len - out->start);
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
		out->written += (size_t)n;
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
	if (loop_is_ending(out->loop) || out->has_failed || (left > 0 && (!out->was_high || left > OUTPUT_LOW)))
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

struct output *
output_new(struct loop *loop, int fd, output_cb *drained, void *arg)
{
	struct output *out = memory_alloc(sizeof(*out));
	struct stat st = { 0 };

	out->loop = loop;
	out->drained = drained;
	out->arg = arg;
	nowait_init(&out->nowait, fd);
	out->write_event = event_new(loop_base(loop), out->nowait.fd, EV_WRITE, output_write_cb, out);
	out->left_event = event_new(loop_base(loop), out->nowait.fd, EV_READ | EV_PERSIST, output_left_cb, out);
	memory_check(out->write_event && out->left_event ? 0 : -1);
	(void)fstat(fd, &st);
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
	nowait_deinit(&out->nowait);
	buf_deinit(&out->buf);
	free(out);
}

void
output_on_failure(struct output *out, output_failed_cb *failed)
{
	out->failed = failed;
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

void
output_append(struct output *out, const void *p, size_t len)
{
	if (len > 0)
		memcpy(output_reserve(out, len), p, len);
	output_commit(out, len);
}

struct slice
output_rest(const struct output *out)
{
	return (struct slice){ out->buf.data + out->start, out->buf.len - out->start };
}

size_t
output_pending(const struct output *out)
{
	return out->buf.len - out->start;
}

uint64_t
output_written(const struct output *out)
{
	return out->written;
}
