/*
 * Sockets that keep packets apart: connections of SOCK_SEQPACKET, and datagram sockets, which have no connections.
 * The kernel tells of each datagram who sent it; one hidden session stands for all senders to a socket, and is
 * whoever sent the datagram that is being handled.
 */
#pragma once

struct conn;
struct conn_origin;
struct loop;

/* A packet may have so many bytes, or max_message if that is less; more than programs can send by default. */
#define PACKET_MAX LOOP_BUFFER_SIZE

/* For conn_ops: reads packets, and publishes or returns each. */
void packet_read(struct conn *conn);
void packet_echo(struct conn *conn);

/*
 * Lets the kernel tell who sends, before the socket is bound: also that a packet of a connection is empty, and not its
 * end. Returns 0 or -errno.
 */
int packet_prepare(int fd);

/* Serves a datagram socket. Takes over fd, also on failure. Returns 0 or -ENOMEM. */
int packet_open(struct loop *loop, int fd, struct conn_origin *origin, struct conn **ret_conn);

/* Another origin for a datagram socket; what has been read is published as the old one says. */
void packet_set_origin(struct conn *conn, struct conn_origin *origin);
