#include "listener-mode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "conn.h"
#include "socket-state.h"
#include "feed.h"
#include "leftover.h"
#include "packet.h"
#include "requests.h"

/* Reads of one connection when the daemon stops, at most: more than its socket holds by default. */
#define READS_AT_END 16

const char *const mode_names[MODE_COUNT] = {
	[MODE_ROUTE] = "route",   [MODE_ECHO] = "echo",   [MODE_LINE] = "line",
	[MODE_LENGTH] = "length", [MODE_WHOLE] = "whole",
};

const char *const mode_type_names[MODE_TYPE_COUNT] = {
	[MODE_STREAM] = "stream",
	[MODE_SEQPACKET] = "seqpacket",
	[MODE_DGRAM] = "dgram",
};

int
mode_socket_type(enum mode_type type)
{
	switch (type) {
	case MODE_STREAM:
		return SOCK_STREAM;
	case MODE_SEQPACKET:
		return SOCK_SEQPACKET;
	case MODE_DGRAM:
		return SOCK_DGRAM;
	}
	return SOCK_STREAM;
}

/* Whether clients of the mode publish to the listener's channel. */
static bool
mode_is_feed(int mode)
{
	return mode == MODE_LINE || mode == MODE_LENGTH || mode == MODE_WHOLE;
}

static const char *
mode_check_type(const struct mode_options *o, bool is_tcp, char *ret_text, size_t size)
{
	if (o->type == MODE_STREAM)
		return NULL;
	if (is_tcp)
		snprintf(ret_text, size, "'%s' is not for TCP; expected stream", mode_type_names[o->type]);
	else if (o->type == MODE_DGRAM && o->mode != MODE_WHOLE)
		snprintf(ret_text, size, "'dgram' does not go with mode = %s; expected mode = whole",
		         mode_names[o->mode]);
	else if (o->mode != MODE_WHOLE && o->mode != MODE_ECHO)
		snprintf(ret_text, size, "'seqpacket' does not go with mode = %s; expected mode = whole or echo",
		         mode_names[o->mode]);
	else
		return NULL;
	return "type";
}

static const char *
mode_check_channel(const struct mode_options *o, char *ret_text, size_t size)
{
	if (mode_is_feed(o->mode) && !o->channel[0])
		snprintf(ret_text, size, "is missing; mode = %s needs the channel that messages go to",
		         mode_names[o->mode]);
	else if (!mode_is_feed(o->mode) && o->channel[0])
		snprintf(ret_text, size, "'%s' does not go with mode = %s; expected mode = line, length or whole",
		         o->channel, mode_names[o->mode]);
	else if (strncmp(o->channel, PROTOCOL_RESERVED, strlen(PROTOCOL_RESERVED)) == 0)
		snprintf(ret_text, size, "'%s' is udsd's own; nobody may publish to " PROTOCOL_RESERVED "*",
		         o->channel);
	else
		return NULL;
	return "channel";
}

const char *
mode_check(const struct mode_options *o, bool is_tcp, char *ret_text, size_t size)
{
	const char *key = mode_check_type(o, is_tcp, ret_text, size);

	if (!key)
		key = mode_check_channel(o, ret_text, size);
	if (!key && o->deliver && o->mode != MODE_LINE && o->mode != MODE_LENGTH) {
		snprintf(ret_text, size, "'yes' does not go with mode = %s; expected mode = line or length",
		         mode_names[o->mode]);
		key = "deliver";
	}
	if (!key && o->ack && (o->mode != MODE_WHOLE || o->type == MODE_DGRAM)) {
		snprintf(ret_text, size, "'yes' does not go with %s = %s; expected %s",
		         o->mode != MODE_WHOLE ? "mode" : "type", o->mode != MODE_WHOLE ? mode_names[o->mode] : "dgram",
		         o->mode != MODE_WHOLE ? "mode = whole" : "type = stream or seqpacket");
		key = "ack";
	}
	return key;
}

/* Bytes to read at once: few if the user has too much input unhandled already. */
static size_t
mode_read_size(const struct conn *conn)
{
	bool is_over = conn->session.client.user->input > user_input_max(&loop_bus(conn->origin->loop)->flow.limits);

	return is_over ? USER_OVER_MIN : LOOP_BUFFER_SIZE;
}

static void
mode_read_route(struct conn *conn)
{
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	size_t most = mode_read_size(conn), done = 0;
	bool is_more = true;

	while (is_more && done < most && conn_is_reading(conn)) {
		struct iovec iov[2];
		int n = requests_room(s, conn->origin->loop->buffer, most, iov);
		ssize_t len;

		if (n < 0) {
			flow_out_of_memory(&bus->flow, &s->client);
			return;
		}
		len = conn_receive(conn, iov, n);
		if (len == 0)
			bus_finish(bus, &s->client);
		if (len <= 0)
			return;
		is_more = requests_received(bus, s, iov, n, (size_t)len);
		done += (size_t)len;
	}
}

static void
mode_resume_route(struct conn *conn)
{
	requests_resume(loop_bus(conn->origin->loop), &conn->session);
}

static void
mode_end_route(struct conn *conn)
{
	leftover_free(conn->session.leftover);
	conn->session.leftover = NULL;
}

static void
mode_stop_at_once(struct conn *conn)
{
	if (client_is_live(&conn->session.client))
		bus_finish(loop_bus(conn->origin->loop), &conn->session.client);
}

static void
mode_read_echo(struct conn *conn)
{
	/* All of it may have to be queued. */
	struct iovec iov = { conn->origin->loop->buffer,
		             conn->session.client.user->is_over ? USER_OVER_MIN : LOOP_BUFFER_SIZE };
	ssize_t len = conn_receive(conn, &iov, 1);

	if (len > 0)
		conn_echo(conn, (size_t)len);
	else if (len == 0)
		bus_finish(loop_bus(conn->origin->loop), &conn->session.client);
}

static void
mode_begin_feed(struct conn *conn)
{
	feed_begin(loop_bus(conn->origin->loop), &conn->session, &conn->origin->plan);
}

static void
mode_read_feed(struct conn *conn)
{
	const struct feed_plan *plan = &conn->origin->plan;
	struct iovec iov = { conn->origin->loop->buffer, mode_read_size(conn) };
	ssize_t len = conn_receive(conn, &iov, 1);

	if (len > 0)
		feed_received(loop_bus(conn->origin->loop), &conn->session, plan, conn->origin->loop->buffer,
		              (size_t)len);
	else if (len == 0)
		feed_ended(loop_bus(conn->origin->loop), &conn->session, plan);
}

static void
mode_resume_feed(struct conn *conn)
{
	feed_resume(loop_bus(conn->origin->loop), &conn->session, &conn->origin->plan);
}

/*
 * What its client has sent counts, since the client would not learn otherwise. Once all is read, the client can send
 * nothing more through a Unix socket; what it did send in between is read after that. The end of the input is then
 * ours, and does not end a message.
 */
static void
mode_drain_feed(struct conn *conn)
{
	const struct feed_plan *plan = &conn->origin->plan;
	struct session *s = &conn->session;
	struct bus *bus = loop_bus(conn->origin->loop);
	struct iovec iov = { conn->origin->loop->buffer, LOOP_BUFFER_SIZE };
	ssize_t len;

	feed_hurry(bus, s, plan);
	if (plan->is_packets && !plan->is_shared) /* a packet is never torn */
		shutdown(conn_fd(conn), SHUT_RD);
	for (int i = 0; i < READS_AT_END && s->client.state == CLIENT_OPEN && socket_is_readable(conn_fd(conn)); i++)
		conn->origin->ops->read(conn);
	if (s->client.state != CLIENT_OPEN || plan->is_packets || !conn->origin->address[0])
		return;
	if (shutdown(conn_fd(conn), SHUT_RD) == 0 && (len = conn_receive(conn, &iov, 1)) > 0)
		feed_received(bus, s, plan, iov.iov_base, (size_t)len);
}

static void
mode_stop_feed(struct conn *conn)
{
	feed_stop(loop_bus(conn->origin->loop), &conn->session, &conn->origin->plan);
}

static void
mode_end_feed(struct conn *conn)
{
	feed_free(conn->session.feed);
	conn->session.feed = NULL;
}

/* What the modes of clients that only write have in common. */
#define FEED_OPS                                                                                                       \
	.begin = mode_begin_feed, .resume = mode_resume_feed, .drain = mode_drain_feed, .stop = mode_stop_feed,        \
	.end = mode_end_feed, .is_writer = true

static const struct conn_ops *
mode_ops_of(const struct mode_options *o)
{
	static const struct conn_ops route = {
		.read = mode_read_route,
		.resume = mode_resume_route,
		.stop = mode_stop_at_once,
		.end = mode_end_route,
		.speaks_resp = true,
	};
	static const struct conn_ops echo = { .read = mode_read_echo, .stop = mode_stop_at_once, .is_lockstep = true };
	static const struct conn_ops echo_packets = {
		.read = packet_echo,
		.stop = mode_stop_at_once,
		.is_lockstep = true,
	};
	static const struct conn_ops feed = { FEED_OPS, .read = mode_read_feed };
	static const struct conn_ops feed_packets = { FEED_OPS, .read = packet_read };
	/* Lockstep keeps each answer a packet of its own. */
	static const struct conn_ops feed_packets_ack = { FEED_OPS, .read = packet_read, .is_lockstep = true };

	if (o->mode == MODE_ROUTE)
		return &route;
	if (o->mode == MODE_ECHO)
		return o->type == MODE_STREAM ? &echo : &echo_packets;
	if (o->type == MODE_STREAM)
		return &feed;
	return o->ack ? &feed_packets_ack : &feed_packets;
}

/* The plan refers to the channel's name, which must outlive it. */
static struct feed_plan
mode_plan_of(const struct mode_options *o, const char *channel)
{
	struct feed_plan plan = {
		.is_packets = o->type != MODE_STREAM,
		.is_shared = o->type == MODE_DGRAM,
		.ack = o->ack,
		.deliver = o->deliver,
		.framing = FRAMING_WHOLE,
		.channel = slice_of(channel),
	};

	if (o->mode == MODE_LINE) {
		plan.framing = FRAMING_LINE;
		plan.encoding = ENCODING_LINE;
	} else if (o->mode == MODE_LENGTH) {
		plan.framing = FRAMING_LENGTH;
		plan.encoding = ENCODING_LENGTH;
	}
	return plan;
}

struct conn_origin *
mode_origin_new(struct loop *loop, const struct mode_options *o, const char *address)
{
	size_t address_size = strlen(address) + 1, channel_size = strlen(o->channel) + 1;
	struct conn_origin *origin = malloc(sizeof(*origin) + address_size + channel_size);

	if (!origin)
		return NULL;
	*origin = (struct conn_origin){ .refs = 1, .loop = loop, .ops = mode_ops_of(o), .mode = mode_names[o->mode] };
	origin->address = memcpy(origin->text, address, address_size);
	origin->plan = mode_plan_of(o, memcpy(origin->text + address_size, o->channel, channel_size));
	return origin;
}
