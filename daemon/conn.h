/*
 * A connection: the socket, events and reading and writing of one session. It lives until its session is
 * dead and the pass is over.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "session.h"

struct bus_address;
struct loop;
struct pass_ops;

enum conn_mode { CONN_ROUTE, CONN_ECHO };

/* Where clients come from: what those of one listener share. They may outlive it. */
struct conn_origin {
	uint32_t refs;
	enum conn_mode mode;
	char address[]; /* of a Unix socket; empty for TCP, where each client has its own */
};

/* With one reference; NULL when there is no memory. */
struct conn_origin *conn_origin_new(enum conn_mode mode, const char *address);
void conn_origin_unref(struct conn_origin *origin);

struct conn {
	struct session session; /* first */
	struct loop *loop;
	struct conn_origin *origin;
	struct event event;
	short wanted; /* EV_READ, EV_WRITE that the event is added for */
};

/* What conn does at the end of a pass. */
extern const struct pass_ops conn_pass_ops;

/* Takes over fd, a connected non-blocking socket, and the identity's groups, also on failure. Returns 0 or -ENOMEM. */
int conn_new(struct loop *loop, int fd, struct conn_origin *origin, const struct identity *identity);

/* The connection of a session. */
struct conn *conn_of(struct session *s);

/* For bus.describe. */
void conn_describe(const struct session *s, struct bus_address *ret_address);

/* No more input: what was read is handled, what is queued is written, then it is closed. */
void conn_stop(struct conn *conn);

/* Whether the peer is gone for good. Costs a system call. */
bool conn_is_hung_up(const struct conn *conn);

/* Bytes the peer has not taken, as the kernel counts them (SIOCOUTQ); 0 if it cannot tell. */
int conn_unread(const struct conn *conn);
