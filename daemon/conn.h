/*
 * A connection: the socket, events and reading and writing of one session. It lives until its session is
 * dead and the pass is over.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "session.h"

struct listener;
struct loop;
struct pass_ops;

enum conn_mode { CONN_ROUTE, CONN_ECHO };

struct conn {
	struct session session; /* first */
	struct loop *loop;
	struct event event;
	short wanted; /* EV_READ, EV_WRITE that the event is added for */
	enum conn_mode mode;
	TAILQ_ENTRY(conn) link; /* in loop->conns */
};

TAILQ_HEAD(conn_list, conn);

/* What conn does at the end of a pass. */
extern const struct pass_ops conn_pass_ops;

/* Takes over fd, a connected non-blocking socket, also on failure. Returns 0 or -ENOMEM. */
int conn_new(struct loop *loop, int fd, enum conn_mode mode, const struct identity *identity);

/* No more input: what was read is handled, what is queued is written, then it is closed. */
void conn_stop(struct conn *conn);

/* Whether the peer is gone for good. Costs a system call. */
bool conn_is_hung_up(const struct conn *conn);

/* Bytes the peer has not taken, as the kernel counts them (SIOCOUTQ); 0 if it cannot tell. */
int conn_unread(const struct conn *conn);
