/*
 * A connection to the daemon that comes back: it connects, tells its owner, and after a loss connects
 * again, with backoff, and at once when the socket file appears. It tells people about that too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "addr.h"
#include "conn.h"
#include "protocol.h"

struct client;
struct loop;
struct sendq;

struct client_ops {
	/* Connected; nothing is written yet. May be NULL. */
	void (*up)(void *arg);
	/* As in struct conn_ops. */
	size_t (*input)(void *arg, const uint8_t *p, size_t len, size_t *ret_need);
	/* client_writev() may be called: after a connect, and after it had written less than it was given. */
	void (*writable)(void *arg);
	/*
	 * The connection is gone; what had come on it was given to `input`. unread: as in struct conn_ops.
	 * Unless this ends the loop, there will be another connection. May be NULL.
	 */
	void (*down)(void *arg, uint64_t unread);
};

struct client_options {
	struct addr addr;
	/* Bytes that are written first after each connect; they belong to the caller. */
	struct slice greeting;
	/* Try once: no daemon, and the loss of the connection, end the loop with EX_UNAVAILABLE. */
	bool once;
	/* The first attempt must succeed, as with `once`; later the connection comes back. */
	bool once_at_first;
};

/*
 * ops must outlive the client. Where connecting is refused for good (no permission, a socket of another
 * type), the client says so and ends the loop with EX_NOPERM or EX_PROTOCOL.
 */
struct client *client_new(struct loop *loop, const struct client_options *options, const struct client_ops *ops,
                          void *arg);
void client_free(struct client *c);

/* Connects for the first time. */
void client_start(struct client *c);

/* Ends the connection, and there will be no other. Nothing is called any more. */
void client_stop(struct client *c);

/*
 * Writes what the socket takes; returns the bytes written, 0 while there is no connection or no room.
 * Never calls back.
 */
size_t client_writev(struct client *c, const struct iovec *iov, int n);

/* Writes from the queue what the socket takes; returns the bytes written. Never calls back. */
size_t client_write_queue(struct client *c, struct sendq *queue);

/* With true nothing is read until false. */
void client_pause(struct client *c, bool paused);

/* Nothing more will be written on this connection: the peer reads end of file. */
void client_shutdown(struct client *c);

/* To be called from `input`: the connection is of no use, and is treated as lost; error: the errno to show. */
void client_drop(struct client *c, int error);

/* The other side is not a bus: says so and ends the loop. */
void client_end_foreign(struct client *c);

/* As conn_unread(). */
int client_unread(const struct client *c, uint64_t *ret_bytes);

bool client_is_up(const struct client *c);

/* How many times the connection came back. */
uint64_t client_reconnects(const struct client *c);

/* The address as text; valid as long as the client. */
const char *client_name(const struct client *c);

/* Why nothing comes: "no connection to PATH: REASON" or "no answer from PATH". Always NUL-terminated. */
void client_explain(const struct client *c, char *text, size_t size);
