/*
 * Only conn_read_cb() finds out that a connection is over. conn_break(), as after a failed write, marks it and wakes
 * conn_read_cb(), which first reads what the kernel still holds (the last answers of a peer that died are still there)
 * and then ends the connection. So the owner loses nothing that was answered, and never loses its connection inside a
 * call of its own.
 *
 * How a Unix connection ends tells whether the peer had read everything (unix_release_sock() and
 * unix_stream_read_generic() in net/unix/af_unix.c of the kernel): if the peer left bytes unread, reading here ends
 * with ECONNRESET, otherwise with a plain end of file.
 */
#include "conn.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

/* The read buffer, and the least room for one read. */
#define READ_BUFFER ((size_t)256 * 1024)
#define READ_ROOM ((size_t)64 * 1024)
/* A buffer that had grown beyond this for a large frame is given back. */
#define READ_BUFFER_KEEP ((size_t)1024 * 1024)

/*
 * After an end of file: what SIOCOUTQ says is right unless the peer, which may only have shut down its writing, leaves
 * meanwhile; the second read tells.
 */
static uint64_t
conn_unread_at_end(const struct conn *c)
{
	int queued;
	char byte;

	if (c->broken == ECONNRESET || ioctl(c->fd, SIOCOUTQ, &queued) < 0 || queued < 0 ||
	    recv(c->fd, &byte, 1, MSG_PEEK) != 0)
		return CONN_UNREAD_UNKNOWN;
	return (uint64_t)queued;
}

static void
conn_end(struct conn *c, uint64_t unread, int error)
{
	conn_close(c);
	c->ops->ended(c->arg, unread, error);
}

/* Gives the owner what was read. */
static void
conn_give(struct conn *c)
{
	size_t need = 0, used;

	if (c->in.len < c->need)
		return;
	used = c->ops->input(c->arg, c->in.data, c->in.len, &need);
	if (!conn_is_open(c))
		return;
	buf_consume(&c->in, used);
	c->need = need;
	if (c->in.len == 0 && c->in.cap > READ_BUFFER_KEEP)
		buf_deinit(&c->in);
}

/* Reads once. Returns false when there was nothing to read, or the connection is over. */
static bool
conn_read(struct conn *c)
{
	ssize_t n;

	memory_check(buf_reserve(&c->in, c->in.cap == 0 ? READ_BUFFER : READ_ROOM));
	n = recv(c->fd, c->in.data + c->in.len, c->in.cap - c->in.len, 0);
	if (n > 0) {
		c->in.len += (size_t)n;
		c->had_input = true;
		conn_give(c);
		if (conn_is_open(c) && c->dropped)
			conn_end(c, CONN_UNREAD_UNKNOWN, c->dropped);
		return conn_is_open(c);
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN && !c->broken)
		return false;
	if (n == 0)
		conn_end(c, conn_unread_at_end(c), c->broken);
	else
		conn_end(c, CONN_UNREAD_UNKNOWN, errno == EAGAIN ? c->broken : errno);
	return false;
}

static void
conn_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	while (conn_read(c) && c->broken)
		;
}

static void
conn_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (!c->broken)
		c->ops->writable(c->arg);
}

void
conn_init(struct conn *c, struct event_base *base, const struct conn_ops *ops, void *arg)
{
	*c = (struct conn){ .base = base, .ops = ops, .arg = arg, .fd = -1 };
}

void
conn_deinit(struct conn *c)
{
	conn_close(c);
	buf_deinit(&c->in);
}

void
conn_open(struct conn *c, int fd)
{
	conn_close(c);
	c->fd = fd;
	c->in.len = 0;
	c->need = 0;
	c->dropped = 0;
	c->broken = 0;
	c->had_input = false;
	c->read_event = event_new(c->base, fd, EV_READ | EV_PERSIST, conn_read_cb, c);
	c->write_event = event_new(c->base, fd, EV_WRITE, conn_write_cb, c);
	memory_check(c->read_event && c->write_event ? 0 : -1);
	if (!c->paused)
		event_add(c->read_event, NULL);
}

void
conn_close(struct conn *c)
{
	if (c->fd < 0)
		return;
	event_free(c->read_event);
	event_free(c->write_event);
	close(c->fd);
	c->fd = -1;
}

bool
conn_is_open(const struct conn *c)
{
	return c->fd >= 0;
}

void
conn_break(struct conn *c, int error)
{
	c->broken = error;
	event_active(c->read_event, EV_READ, 0);
}

size_t
conn_writev(struct conn *c, const struct iovec *iov, int n)
{
	size_t total = 0;
	ssize_t written;

	if (c->fd < 0 || c->broken || c->dropped || event_pending(c->write_event, EV_WRITE, NULL))
		return 0;
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (total == 0)
		return 0;
	do
		written = writev(c->fd, iov, n);
	while (written < 0 && errno == EINTR);
	if (written < 0 && errno != EAGAIN) {
		conn_break(c, errno);
		return 0;
	}
	if (written < 0 || (size_t)written < total)
		event_add(c->write_event, NULL);
	return written < 0 ? 0 : (size_t)written;
}

void
conn_pause(struct conn *c, bool paused)
{
	if (c->paused == paused)
		return;
	c->paused = paused;
	if (c->fd < 0)
		return;
	if (paused)
		event_del(c->read_event);
	else
		event_add(c->read_event, NULL);
}

void
conn_drop(struct conn *c, int error)
{
	c->dropped = error;
}

int
conn_unread(const struct conn *c, uint64_t *ret_bytes)
{
	struct pollfd p = { .fd = c->fd };
	int queued;

	if (c->fd < 0 || c->broken)
		return -ENOTCONN;
	if (ioctl(c->fd, SIOCOUTQ, &queued) < 0)
		return -errno;
	/* When a peer leaves, the kernel drops what it had not read and the queue seems empty: so check afterwards. */
	if (poll(&p, 1, 0) != 0 || queued < 0)
		return -ENOTCONN;
	*ret_bytes = (uint64_t)queued;
	return 0;
}
