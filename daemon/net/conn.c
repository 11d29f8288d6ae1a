/*
 * A connection reads through its mode (origin->ops) and writes its client's output queue. conn_update_events() alone
 * decides what its event waits for: input while the connection may read, room in the socket while output is blocked.
 * A connection is freed only at the end of a pass (conn_close), never inside its own callback.
 */
#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "lifetime.h"
#include "output.h"
#include "pass.h"
#include "socket-state.h"

/* What a connection takes on the heap beside its struct, about, in bytes. */
#define CONN_HEAP 256

/* What one client may write in one pass, in bytes. */
#define WRITE_BUDGET ((size_t)1024 * 1024)

void
conn_origin_unref(struct conn_origin *origin)
{
	if (--origin->refs == 0)
		free(origin);
}

struct conn *
conn_of(struct client *c)
{
	return (struct conn *)((char *)c - offsetof(struct conn, session.client));
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

	return s->client.state == CLIENT_OPEN &&
	       (!conn->origin->loop->stopping || conn->origin->loop->draining == conn) &&
	       (conn->origin->ops->is_lockstep ? s->client.out.count == 0 : !client_is_stalled(&s->client));
}

/* Whether the client waits for entries of streams, perhaps for ever. */
static bool
conn_is_blocked(const struct conn *conn)
{
	const struct session *s = &conn->session;

	return s->client.state == CLIENT_WAITING && s->info && s->info->blocked && !conn->origin->loop->stopping;
}

/* Whether nothing is read since the client has said goodbye, or has much to get already, and its replies wait. */
static bool
conn_is_gated(const struct conn *conn)
{
	const struct client *c = &conn->session.client;

	return c->out_state == CLIENT_OUT_GATED &&
	       (c->state == CLIENT_CLOSING || c->held_up ||
	        (c->in_list && c->in_list == &loop_bus(conn->origin->loop)->services.settling));
}

/*
 * What the event waits for while nothing is read, since the peer may go meanwhile. A client that waits for entries
 * usually sends nothing, so it goes on to wait for input: to change that would cost two system calls. Otherwise, and
 * once it has sent something (is_readable), only the end of the connection is waited for: libevent reports an error of
 * a socket as room to write. That is reported once only, since a half-closed connection stays so.
 */
static short
conn_watched_events(const struct conn *conn)
{
	const struct client *c = &conn->session.client;
	bool is_blocked = conn_is_blocked(conn), is_quiet = is_blocked && !c->is_readable;

	if (!is_blocked && !conn_is_gated(conn))
		return 0;
	if (c->out_state == CLIENT_OUT_BLOCKED)
		return (short)(EV_WRITE | (is_quiet ? EV_READ : 0));
	return is_quiet ? EV_READ : EV_CLOSED | EV_WRITE | EV_ET;
}

/*
 * The only place that decides what the event waits for. A client that is ready goes on at once, so nothing is changed
 * for it, which would cost two system calls.
 */
static void
conn_update_events(struct conn *conn)
{
	const struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	bool reads = conn_is_reading(conn) || (s->client.state == CLIENT_READY && s->client.wanted & EV_READ);
	short wanted = (short)((reads ? EV_READ : 0) | (s->client.out_state == CLIENT_OUT_BLOCKED ? EV_WRITE : 0));
	int fd = conn_fd(conn);

	if (!reads)
		wanted = (short)(wanted | conn_watched_events(conn));
	if (wanted == conn->session.client.wanted)
		return;
	if (conn->session.client.wanted)
		event_del(&conn->event);
	conn->session.client.wanted = (uint8_t)wanted;
	if (!wanted)
		return;
	event_assign(&conn->event, conn->origin->loop->base, fd, (short)(wanted | EV_PERSIST), conn_event_cb, conn);
	if (event_add(&conn->event, NULL) < 0) {
		flow_log(&bus->flow, &s->client, LOG_LEVEL_ERROR, "cannot wait for its socket, closed");
		conn->session.client.wanted = 0;
		bus_kill(bus, &conn->session.client);
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
	if (session_init(loop_bus(loop), &conn->session, identity) < 0) {
		free(conn);
		close(fd);
		return -ENOMEM;
	}
	origin->refs++;
	event_assign(&conn->event, loop->base, fd, EV_READ | EV_PERSIST, conn_event_cb, conn);
	log_debug("client %llu: pid %d, uid %u", (unsigned long long)conn->session.client.id, (int)identity->pid,
	          identity->uid);
	if (origin->ops->begin)
		origin->ops->begin(conn);
	conn_update_events(conn);
	if (ret_conn)
		*ret_conn = conn;
	return 0;
}

static void
conn_close(struct client *c)
{
	struct conn *conn = conn_of(c);
	struct loop *loop = conn->origin->loop;

	if (conn->session.client.wanted)
		event_del(&conn->event);
	close(conn_fd(conn));
	log_debug("client %llu: closed", (unsigned long long)c->id);
	loop_bus(loop)->flow.work.done += 6 * WORK_SYSCALL;
	if (conn->origin->ops->end)
		conn->origin->ops->end(conn);
	session_deinit(loop_bus(loop), &conn->session);
	conn_origin_unref(conn->origin);
	loop_bus(loop)->flow.chunks.released += sizeof(*conn) + CONN_HEAP;
	if (loop->on_conn_closed)
		loop->on_conn_closed(loop->on_conn_closed_arg, conn);
	free(conn);
}

ssize_t
conn_receive(struct conn *conn, struct iovec *iov, int n)
{
	struct bus *bus = loop_bus(conn->origin->loop);
	ssize_t len;

	if (n == 1)
		len = recv(conn_fd(conn), iov[0].iov_base, iov[0].iov_len, 0);
	else
		len = readv(conn_fd(conn), iov, n);
	if (len >= 0) {
		bus->flow.stats.bytes_in += (uint64_t)len;
		bus->flow.work.done += 4 * WORK_BYTES(len); /* of much, into new memory */
		return len;
	}
	/* A Unix socket says so when all is read and its peer has gone without reading all. */
	if (errno == ECONNRESET && conn->origin->ops->is_writer && conn->origin->address[0])
		return 0;
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		bus_kill(bus, &conn->session.client);
	return -EAGAIN;
}

/* What does not fit the socket at once is queued, and nothing is read until it is gone. */
void
conn_echo(struct conn *conn, size_t len)
{
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	struct writer *writer = &bus->flow.unicast;
	size_t rest;
	ssize_t sent;

	s->client.active_s = bus->flow.uptime_s;
	bus->flow.work.done += WORK_WRITE + 2 * WORK_BYTES(len);
	sent = send(conn_fd(conn), conn->origin->loop->buffer, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		bus_kill(bus, &s->client);
		return;
	}
	sent = sent > 0 ? sent : 0;
	bus->flow.stats.bytes_out += (uint64_t)sent;
	rest = len - (size_t)sent;
	if (rest == 0)
		return;
	if (writer_reserve(writer, rest) < 0) {
		flow_out_of_memory(&bus->flow, &s->client);
		return;
	}
	memcpy(writer_end(writer), conn->origin->loop->buffer + sent, rest);
	writer->chunk->len += (uint32_t)rest;
	output_queue(&bus->flow, &s->client, writer->chunk, writer->chunk->len - rest, rest, NULL, 0);
}

/* Reads, or waits with it for the share of its user; see work.h. */
static void
conn_read(struct conn *conn)
{
	struct flow *flow = &loop_bus(conn->origin->loop)->flow;
	struct client *c = &conn->session.client;
	uint64_t begin = flow->work.done;

	if (!flow_begin_turn(flow, c)) {
		c->is_readable = true;
		flow_make_ready(flow, c);
		return;
	}
	flow->work.done += WORK_SYSCALL;
	conn->origin->ops->read(conn);
	flow_end_turn(flow, c, begin);
}

/* Something has happened at a socket that is not read: its peer has sent something, has gone, or has taken something.
 */
static void
conn_watch(struct conn *conn, short what)
{
	struct flow *flow = &loop_bus(conn->origin->loop)->flow;
	struct client *c = &conn->session.client;
	bool is_blocked = conn_is_blocked(conn);

	if (!is_blocked && !conn_is_gated(conn)) {
		/* It has just been woken, and may wait again; what is reported once only must be reported again then.
		 */
		if (c->wanted & EV_ET) {
			event_del(&conn->event);
			c->wanted = 0;
		}
		return;
	}
	flow->work.done += WORK_SYSCALL;
	if (is_blocked ? conn_is_gone(&conn->session) : socket_has_hung_up(conn_fd(conn), false))
		flow_mark_dead(flow, c);
	else if (is_blocked && what & EV_READ)
		c->is_readable = true; /* it is read when the command is done */
}

static void
conn_event_cb(evutil_socket_t fd __attribute__((unused)), short what, void *arg)
{
	struct conn *conn = arg;
	struct session *s = &conn->session;
	struct flow *flow = &loop_bus(conn->origin->loop)->flow;

	flow_update_time(flow);
	flow->work.done += WORK_LOOKUP;
	if (what & EV_WRITE && s->client.out_state == CLIENT_OUT_BLOCKED)
		flow_set_out_state(flow, &s->client, CLIENT_OUT_RECEIVER);
	if (what & EV_READ && conn_is_reading(conn))
		conn_read(conn);
	else
		conn_watch(conn, what);
	if (s->client.state > CLIENT_READY || client_is_stalled(&s->client))
		conn_update_events(conn);
	/* The other events that were reported are not lost. Room in thousands of sockets must not keep who has sent. */
	if (what & EV_READ && flow_is_pass_full(flow))
		event_base_loopbreak(conn->origin->loop->base);
}

static void
conn_resume(struct client *c)
{
	struct conn *conn = conn_of(c);
	struct flow *flow = &loop_bus(conn->origin->loop)->flow;

	if (conn->origin->ops->resume)
		conn->origin->ops->resume(conn);
	else
		flow_set_state(flow, c, CLIENT_OPEN, NULL);
	if (c->is_readable && conn_is_reading(conn)) {
		c->is_readable = false;
		flow->work.done += WORK_SYSCALL;
		conn->origin->ops->read(conn);
	}
	conn_update_events(conn);
}

static void
conn_flush(struct client *c)
{
	struct conn *conn = conn_of(c);
	struct bus *bus = loop_bus(conn->origin->loop);
	struct barrier *barrier = NULL;
	enum outq_status status;
	size_t written;

	if (c->state == CLIENT_DEAD) { /* what it was told may not hold any more */
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_IDLE);
		return;
	}
	status = outq_write(&c->out, conn_fd(conn), WRITE_BUDGET, &written, &barrier);
	if (status == OUTQ_ERROR && conn->origin->ops->is_writer && client_is_live(c) && !bus->flow.is_wide)
		bus_stop_output(bus, c);
	else if (status == OUTQ_ERROR && conn->origin->ops->is_writer && client_is_live(c))
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_BLOCKED); /* it must not leave now, and is tried again */
	else
		output_flushed(&bus->flow, c, status, written, barrier);
	conn_update_events(conn);
}

const struct pass_ops conn_pass_ops = {
	.resume = conn_resume,
	.flush = conn_flush,
	.close = conn_close,
};

void
conn_pause(struct conn *conn)
{
	conn_update_events(conn);
}

void
conn_drain(struct conn *conn, bool is_new)
{
	conn->origin->loop->draining = conn;
	loop_bus(conn->origin->loop)->flow.work.done += 3 * WORK_SYSCALL;
	if (client_is_live(&conn->session.client) && conn->origin->ops->drain)
		conn->origin->ops->drain(conn);
	else if (is_new && conn_is_reading(conn))
		conn->origin->ops->read(conn);
	conn->origin->loop->draining = NULL;
}

void
conn_stop(struct conn *conn)
{
	if (client_is_live(&conn->session.client))
		conn->origin->ops->stop(conn);
	conn_update_events(conn);
}

/*
 * Of a Unix socket the kernel tells whether the peer has closed it, or only ends its input. A TCP peer sends the same
 * for both; as Redis does, we take it for gone.
 */
bool
conn_is_gone(const struct session *s)
{
	const struct conn *conn = (const struct conn *)s;

	return socket_has_hung_up(conn_fd(conn), !conn->origin->address[0]);
}

void
conn_describe(const struct session *s, struct session_address *ret_address)
{
	const struct conn *conn = (const struct conn *)s;

	*ret_address = (struct session_address){ .fd = conn_fd(conn), .mode = conn->origin->mode };
	if (!conn->origin->address[0]) {
		socket_put_addresses(conn_fd(conn), ret_address->peer, ret_address->local, SESSION_ADDRESS_MAX);
		return;
	}
	/* As Redis writes it: no port, and one name for both ends. */
	snprintf(ret_address->peer, SESSION_ADDRESS_MAX, "%s:0", conn->origin->address);
	snprintf(ret_address->local, SESSION_ADDRESS_MAX, "%s:0", conn->origin->address);
}
