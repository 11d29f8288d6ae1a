#include "conn.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "addr.h"
#include "bus.h"
#include "log.h"
#include "loop.h"
#include "pass.h"
#include "quota.h"

/* What one client may write in one pass, in bytes. */
#define WRITE_BUDGET ((size_t)1024 * 1024)

void
conn_origin_unref(struct conn_origin *origin)
{
	if (--origin->refs == 0)
		free(origin);
}

struct conn *
conn_of(struct session *s)
{
	return (struct conn *)((char *)s - offsetof(struct conn, session));
}

int
conn_fd(const struct conn *conn)
{
	return event_get_fd(&conn->event);
}

static void conn_event_cb(evutil_socket_t fd, short what, void *arg);

bool
conn_is_reading(const struct conn *conn)
{
	const struct session *s = &conn->session;

	return s->state == SESSION_OPEN && !conn->origin->loop->stopping &&
	       (conn->origin->ops->is_lockstep ? s->out.count == 0 : !s->clogged);
}

/* The only place that decides what the event waits for. */
static void
update_events(struct conn *conn)
{
	const struct session *s = &conn->session;
	short wanted =
	    (short)((conn_is_reading(conn) ? EV_READ : 0) | (s->out_state == SESSION_OUT_BLOCKED ? EV_WRITE : 0));
	int fd = conn_fd(conn);

	if (wanted == conn->session.wanted)
		return;
	if (conn->session.wanted)
		event_del(&conn->event);
	conn->session.wanted = (uint8_t)wanted;
	if (!wanted)
		return;
	event_assign(&conn->event, conn->origin->loop->base, fd, (short)(wanted | EV_PERSIST), conn_event_cb, conn);
	if (event_add(&conn->event, NULL) < 0) {
		session_log(s, &conn->origin->loop->bus, LOG_LEVEL_ERROR, "cannot wait for its socket, closed");
		conn->session.wanted = 0;
		session_kill(&conn->session, &conn->origin->loop->bus);
	}
}

int
conn_new(int fd, struct conn_origin *origin, const struct identity *identity, struct conn **ret_conn)
{
	struct loop *loop = origin->loop;
	struct conn *conn = malloc(sizeof(*conn));

	if (!conn) {
		group_set_unref(identity->groups);
		close(fd);
		return -ENOMEM;
	}
	*conn = (struct conn){ .origin = origin };
	if (session_init(&conn->session, &loop->bus, identity) < 0) {
		free(conn);
		close(fd);
		return -ENOMEM;
	}
	origin->refs++;
	event_assign(&conn->event, loop->base, fd, EV_READ | EV_PERSIST, conn_event_cb, conn);
	log_debug("client %llu: pid %d, uid %u", (unsigned long long)conn->session.id, (int)identity->pid,
	          identity->uid);
	if (origin->ops->begin)
		origin->ops->begin(conn);
	update_events(conn);
	if (ret_conn)
		*ret_conn = conn;
	return 0;
}

static void
conn_close(struct session *s)
{
	struct conn *conn = conn_of(s);
	struct loop *loop = conn->origin->loop;

	if (conn->session.wanted)
		event_del(&conn->event);
	close(conn_fd(conn));
	log_debug("client %llu: closed", (unsigned long long)s->id);
	session_deinit(s, &loop->bus);
	conn_origin_unref(conn->origin);
	loop_conn_closed(loop, conn);
	free(conn);
}

ssize_t
conn_receive(struct conn *conn, struct iovec *iov, int n)
{
	struct bus *bus = &conn->origin->loop->bus;
	ssize_t len;

	if (n == 1)
		len = recv(conn_fd(conn), iov[0].iov_base, iov[0].iov_len, 0);
	else
		len = readv(conn_fd(conn), iov, n);
	if (len >= 0) {
		bus->stats.bytes_in += (uint64_t)len;
		return len;
	}
	/* A Unix socket says so when all is read and its peer has gone without reading all. */
	if (errno == ECONNRESET && conn->origin->ops->is_writer && conn->origin->address[0])
		return 0;
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		session_kill(&conn->session, bus);
	return -EAGAIN;
}

/* What does not fit the socket at once is queued, and nothing is read until it is gone. */
void
conn_echo(struct conn *conn, size_t len)
{
	struct session *s = &conn->session;
	struct bus *bus = &conn->origin->loop->bus;
	struct stream *stream = &bus->replies;
	size_t rest;
	ssize_t sent;

	s->active_s = bus->uptime_s;
	sent = send(conn_fd(conn), conn->origin->loop->buffer, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		session_kill(s, bus);
		return;
	}
	sent = sent > 0 ? sent : 0;
	bus->stats.bytes_out += (uint64_t)sent;
	rest = len - (size_t)sent;
	if (rest == 0)
		return;
	if (stream_reserve(stream, rest) < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	memcpy(stream_end(stream), conn->origin->loop->buffer + sent, rest);
	stream->chunk->len += (uint32_t)rest;
	session_queue(s, bus, stream->chunk, stream->chunk->len - rest, rest, NULL, 0);
}

static void
conn_event_cb(evutil_socket_t fd __attribute__((unused)), short what, void *arg)
{
	struct conn *conn = arg;
	struct session *s = &conn->session;

	bus_update_time(&conn->origin->loop->bus);
	if (what & EV_WRITE && s->out_state == SESSION_OUT_BLOCKED)
		session_set_out_state(s, &conn->origin->loop->bus, SESSION_OUT_RECEIVER);
	if (what & EV_READ && conn_is_reading(conn))
		conn->origin->ops->read(conn);
	if (s->state != SESSION_OPEN || s->clogged)
		update_events(conn);
	if (bus_is_pass_full(&conn->origin->loop->bus))
		event_base_loopbreak(conn->origin->loop->base); /* the other events that were reported are not lost */
}

static void
conn_resume(struct session *s)
{
	struct conn *conn = conn_of(s);

	if (conn->origin->ops->resume)
		conn->origin->ops->resume(conn);
	else
		session_set_state(s, &conn->origin->loop->bus, SESSION_OPEN, NULL);
	update_events(conn);
}

static void
conn_flush(struct session *s)
{
	struct conn *conn = conn_of(s);
	struct bus *bus = &conn->origin->loop->bus;
	struct barrier *barrier = NULL;
	enum outq_status status;
	size_t written;

	if (s->state == SESSION_DEAD) { /* what it was told may not hold any more */
		session_set_out_state(s, bus, SESSION_OUT_IDLE);
		return;
	}
	status = outq_write(&s->out, conn_fd(conn), WRITE_BUDGET, &written, &barrier);
	if (status == OUTQ_ERROR && conn->origin->ops->is_writer && session_is_live(s))
		session_stop_output(s, bus);
	else
		session_flushed(s, bus, status, written, barrier);
	update_events(conn);
}

const struct pass_ops conn_pass_ops = {
	.resume = conn_resume,
	.flush = conn_flush,
	.close = conn_close,
};

void
conn_drain(struct conn *conn)
{
	if (session_is_live(&conn->session) && conn->origin->ops->drain)
		conn->origin->ops->drain(conn);
}

void
conn_stop(struct conn *conn)
{
	if (session_is_live(&conn->session))
		conn->origin->ops->stop(conn);
	update_events(conn);
}

bool
conn_is_hung_up(const struct conn *conn)
{
	struct pollfd pfd = { .fd = conn_fd(conn) };

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR));
}

int
conn_unread(const struct conn *conn)
{
	int n = 0;

	return ioctl(conn_fd(conn), SIOCOUTQ, &n) == 0 ? n : 0;
}

/* "IP:PORT" of one end of a TCP connection. */
static void
put_address(char *text, const struct sockaddr_storage *storage, socklen_t len)
{
	struct addr addr = { .kind = ADDR_TCP, .storage = *storage, .len = len };

	addr_format(&addr, text, BUS_ADDRESS_MAX);
}

void
conn_describe(const struct session *s, struct bus_address *ret_address)
{
	const struct conn *conn = (const struct conn *)s;
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	*ret_address = (struct bus_address){ .fd = conn_fd(conn), .mode = conn->origin->mode };
	if (conn->origin->address[0]) { /* as Redis writes it: no port, and one name for both ends */
		snprintf(ret_address->peer, BUS_ADDRESS_MAX, "%s:0", conn->origin->address);
		snprintf(ret_address->local, BUS_ADDRESS_MAX, "%s:0", conn->origin->address);
		return;
	}
	if (getpeername(conn_fd(conn), (struct sockaddr *)&storage, &len) == 0)
		put_address(ret_address->peer, &storage, len);
	len = sizeof(storage);
	if (getsockname(conn_fd(conn), (struct sockaddr *)&storage, &len) == 0)
		put_address(ret_address->local, &storage, len);
}
