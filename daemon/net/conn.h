/* A connection: a session with its socket and event. It lives until its client is dead and the pass ends. */
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

/* What a mode does with its connections. All but read and stop may be NULL. */
struct conn_ops {
	void (*begin)(struct conn *conn);  /* prepares a new one */
	void (*read)(struct conn *conn);   /* reads and handles input once */
	void (*resume)(struct conn *conn); /* handles input left over from earlier passes; NULL: there never is any */
	/* Before a stop: reads and handles all input, of clients that cannot know what was read. */
	void (*drain)(struct conn *conn);
	void (*stop)(struct conn *conn); /* ends the input; closes it once its output is written */
	void (*end)(struct conn *conn);  /* frees its input */
	bool is_lockstep;                /* nothing is read while there is output */
	bool is_writer;                  /* what its client sent is published even if the client has gone */
	bool speaks_resp;
};

/* What the clients of one listener share. They may outlive the listener. */
struct conn_origin {
	uint32_t refs;
	struct loop *loop;
	const struct conn_ops *ops;
	const char *mode; /* its name */
	struct feed_plan plan;
	const char *address; /* of a Unix socket; empty for TCP, where each client has its own */
	char text[];         /* holds what plan and address point to */
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
 * Makes a connection. Takes over fd, a connected non-blocking socket, and the identity's groups, also on failure.
 * ret_conn may be NULL. Returns 0 or -ENOMEM.
 */
int conn_new(int fd, struct conn_origin *origin, const struct identity *identity, struct conn **ret_conn);

/* The connection of a client. */
struct conn *conn_of(struct client *c);

/* For sessions.describe and sessions.is_gone. */
void conn_describe(const struct session *s, struct session_address *ret_address);
bool conn_is_gone(const struct session *s);

/* For modes. */
int conn_fd(const struct conn *conn);

/* Whether the connection may read now. */
bool conn_is_reading(const struct conn *conn);

/* Reads into the n pieces. Returns the number of bytes, 0 at the end of the input, or -EAGAIN: nothing to handle. */
ssize_t conn_receive(struct conn *conn, struct iovec *iov, int n);

/* Sends back the first len bytes of the loop's buffer. */
void conn_echo(struct conn *conn, size_t len);

/* Call when the loop has begun to stop: takes note that the connection is not read any more. */
void conn_pause(struct conn *conn);

/*
 * Call before conn_stop(), while the receivers are still there. Reads and handles what a client of the mode cannot know
 * to be unread; or, of a client that is_new, which has not been read at all, at least what one read gives.
 */
void conn_drain(struct conn *conn, bool is_new);

/* Ends the input. The connection is closed once its output is written. */
void conn_stop(struct conn *conn);
