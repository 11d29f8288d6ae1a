/*
 * A connection: the socket, events and reading and writing of one session. It lives until its session is
 * dead and the pass is over.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <event2/event_struct.h>

#include "feed.h"
#include "loop.h"

struct conn;
struct pass_ops;

/* How a mode handles its connections. All but read and stop may be NULL. */
struct conn_ops {
	void (*begin)(struct conn *conn);  /* it is new; or NULL */
	void (*read)(struct conn *conn);   /* there is something to read */
	void (*resume)(struct conn *conn); /* handles what is left of its input; NULL: nothing ever is */
	void (*drain)(
	    struct conn *conn); /* handles what has come, since it will be stopped; NULL: its client will know */
	void (*stop)(struct conn *conn); /* finishes it */
	void (*end)(struct conn *conn);  /* frees what is left of its input; or NULL */
	bool is_lockstep;                /* nothing is read while there is output */
	bool is_writer;                  /* what it has sent counts even if it has gone */
	bool speaks_resp;
};

/* Where clients come from: what those of one listener share. They may outlive it. */
struct conn_origin {
	uint32_t refs;
	struct loop *loop;
	const struct conn_ops *ops;
	const char *mode; /* its name */
	struct feed_plan plan;
	const char *address; /* of a Unix socket; empty for TCP, where each client has its own */
	char text[];         /* what plan and address refer to */
};

void conn_origin_unref(struct conn_origin *origin);

struct conn {
	struct session session; /* first */
	struct conn_origin *origin;
	struct event event;
};

/* What conn does at the end of a pass. */
extern const struct pass_ops conn_pass_ops;

/*
 * Takes over fd, a connected non-blocking socket, and the identity's groups, also on failure. Returns 0 or -ENOMEM.
 * ret_conn: or NULL.
 */
int conn_new(int fd, struct conn_origin *origin, const struct identity *identity, struct conn **ret_conn);

/* The connection of a client. */
struct conn *conn_of(struct client *c);

/* For sessions.describe. */
void conn_describe(const struct session *s, struct session_address *ret_address);

/* For modes. */
int conn_fd(const struct conn *conn);

/* Whether the connection may read now. */
bool conn_is_reading(const struct conn *conn);

/*
 * Reads what fits the pieces. Returns the number of bytes; or 0 at the end of the input; or -EAGAIN: there is nothing
 * to handle, for whatever reason.
 */
ssize_t conn_receive(struct conn *conn, struct iovec *iov, int n);

/* Sends back the first len bytes of the loop's buffer. */
void conn_echo(struct conn *conn, size_t len);

/* Call when the loop has begun to stop: it is not read any more. */
void conn_pause(struct conn *conn);

/*
 * Before conn_stop(), while its receivers are still there: handles what its client cannot send again. is_new: it has
 * not been read yet; then it is read once in any case.
 */
void conn_drain(struct conn *conn, bool is_new);

/* No more input: what was read is handled, what is queued is written, then it is closed. */
void conn_stop(struct conn *conn);

/* Whether the peer is gone for good. Costs a system call. */
bool conn_is_hung_up(const struct conn *conn);

/* Whether there is something to read: bytes, a packet, which may be empty, or the end of the input. */
bool conn_is_readable(const struct conn *conn);

/* Whether there are bytes to read. */
bool conn_has_input(const struct conn *conn);

/* Bytes the peer has not taken, as the kernel counts them (SIOCOUTQ); 0 if it cannot tell. */
int conn_unread(const struct conn *conn);
