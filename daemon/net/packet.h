/*
 * Packet sockets: connections of type SOCK_SEQPACKET, and datagram sockets, which have no connections. A datagram
 * socket has one hidden session for all its senders. The kernel reports the sender of each datagram, and while that
 * datagram is handled, the session has the identity of the sender.
 */
#pragma once

struct conn;
struct conn_origin;
struct loop;

/* Limit for a packet, in bytes, beside max_message. By default, programs cannot send longer ones anyway. */
#define PACKET_MAX LOOP_BUFFER_SIZE

/* For conn_ops.read: reads packets, and publishes them or sends them back. */
void packet_read(struct conn *conn);
void packet_echo(struct conn *conn);

/*
 * Makes the kernel report senders (SO_PASSCRED), which also tells an empty packet from the end of a connection. Call
 * before the socket is bound. Returns 0 or -errno.
 */
int packet_prepare(int fd);

/* Serves a datagram socket. Takes over fd, also on failure. Returns 0 or -ENOMEM. */
int packet_open(struct loop *loop, int fd, struct conn_origin *origin, struct conn **ret_conn);

/* Changes the origin of a datagram socket. What was read before is published as the old origin says. */
void packet_set_origin(struct conn *conn, struct conn_origin *origin);
