#include "packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "feed.h"

/* Packets that are read from one socket in one pass. */
#define PACKETS_PER_PASS 256

struct packet {
	size_t len;
	bool is_whole;
	struct ucred sender;
};

int
packet_prepare(int fd)
{
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0 ? -errno : 0;
}

/* Returns whether the kernel reported the sender. */
static bool
packet_find_sender(struct msghdr *msg, struct ucred *ret_sender)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(ret_sender, CMSG_DATA(c), sizeof(*ret_sender));
			return true;
		}
	return false;
}

/* Reads one packet into the loop's buffer. Returns 1, 0 at the end of a connection, or -EAGAIN: nothing to handle. */
static int
packet_receive(struct conn *conn, struct packet *ret_packet)
{
	/* No room for descriptors: the kernel closes those that somebody sends along. */
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr aligned;
	} control;
	struct iovec iov = { conn->origin->loop->buffer, PACKET_MAX };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t len = recvmsg(conn_fd(conn), &msg, MSG_TRUNC | MSG_CMSG_CLOEXEC);

	if (len < 0) {
		/* ECONNRESET comes once if the peer left answers unread; what it sent last can be read after that. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET && !conn->session.client.is_hidden)
			bus_kill(loop_bus(conn->origin->loop), &conn->session.client);
		return -EAGAIN;
	}
	if (!packet_find_sender(&msg, &ret_packet->sender))
		return 0; /* only the end of a connection has no sender */
	loop_bus(conn->origin->loop)->flow.stats.bytes_in += (uint64_t)len;
	loop_bus(conn->origin->loop)->flow.work.done += WORK_SYSCALL + 2 * WORK_BYTES(len);
	ret_packet->len = (size_t)len;
	ret_packet->is_whole = !(msg.msg_flags & MSG_TRUNC);
	return 1;
}

/*
 * The message in a packet. A datagram is one without the NUL or newline at its end, with which programs that write to
 * syslog end their records. Packets of a connection are passed on as they are.
 */
static struct slice
packet_message(const uint8_t *p, size_t len, bool is_datagram)
{
	bool has_end = is_datagram && len > 0 && (p[len - 1] == '\0' || p[len - 1] == '\n');

	return (struct slice){ p, len - has_end };
}

/* Gives the session the identity of the sender, whose supplementary groups are unknown. */
static void
packet_become(struct session *s, const struct ucred *sender)
{
	struct identity *identity = &s->client.identity;

	if (identity->pid == sender->pid && identity->uid == sender->uid && identity->gid == sender->gid)
		return;
	*identity = (struct identity){ .pid = sender->pid, .uid = sender->uid, .gid = sender->gid };
	s->client.last_published.channel = NULL;
}

/* Whether the user has too much input unhandled already. Not for datagrams: all senders share their session. */
static bool
packet_is_too_much(const struct session *s, const struct bus *bus)
{
	return !s->client.hurried && !s->client.is_hidden && s->client.user->input > user_input_max(&bus->flow.limits);
}

void
packet_read(struct conn *conn)
{
	const struct conn_origin *origin = conn->origin;
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	struct packet packet;
	int r;

	if (packet_is_too_much(s, bus)) {
		flow_wait(&bus->flow, &s->client, &bus->flow.throttled);
		return;
	}
	for (int i = 0;
	     i < PACKETS_PER_PASS && conn_is_reading(conn) && (s->client.hurried || !flow_is_pass_full(&bus->flow));
	     i++) {
		r = packet_receive(conn, &packet);
		if (r == 0 && !s->client.is_hidden)
			feed_ended(bus, s, &origin->plan);
		if (r <= 0)
			return;
		if (s->client.is_hidden)
			packet_become(s, &packet.sender);
		if (packet.is_whole)
			feed_packet(bus, s, &origin->plan,
			            packet_message(conn->origin->loop->buffer, packet.len, origin->plan.is_shared));
		else
			feed_refuse(bus, s, &origin->plan, "a packet of %zu bytes is too long; the limit is %zu",
			            packet.len, (size_t)PACKET_MAX);
	}
}

void
packet_echo(struct conn *conn)
{
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	struct packet packet;
	int r = packet_receive(conn, &packet);

	if (r == 0)
		bus_finish(bus, &s->client);
	if (r <= 0)
		return;
	if (packet.is_whole) {
		conn_echo(conn, packet.len);
		return;
	}
	flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING,
	         "a packet of %zu bytes is too long; the limit is %zu; closed", packet.len, (size_t)PACKET_MAX);
	bus_finish(bus, &s->client);
}

int
packet_open(struct loop *loop, int fd, struct conn_origin *origin, struct conn **ret_conn)
{
	struct identity self = { .pid = getpid(), .uid = geteuid(), .gid = getegid() };
	struct conn *conn;
	int r = conn_new(fd, origin, &self, &conn);

	if (r < 0)
		return r;
	flow_hide(&loop_bus(loop)->flow, &conn->session.client);
	if (conn->session.client.state == CLIENT_DEAD)
		return -ENOMEM; /* there is no event for it; the end of the pass frees it */
	*ret_conn = conn;
	return 0;
}

void
packet_set_origin(struct conn *conn, struct conn_origin *origin)
{
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);

	feed_hurry(bus, s, &conn->origin->plan);
	s->client.hurried = false;
	s->client.last_published.channel = NULL;
	conn_origin_unref(conn->origin);
	origin->refs++;
	conn->origin = origin;
	if (s->client.state == CLIENT_OPEN) /* it may have waited, and reads again */
		flow_make_ready(&bus->flow, &s->client);
}
