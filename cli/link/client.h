/*
 * A connection to the daemon that comes back: after a failure or a loss it connects again, with backoff, and at once
 * when the socket file appears. It also tells people about that. What a loss means for what was sent is left to the
 * owner.
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
	/* Connected; nothing has been written but perhaps the greeting. May be NULL. */
	void (*up)(void *arg);
	/* As in struct conn_ops. */
	size_t (*input)(void *arg, const uint8_t *p, size_t len, size_t *ret_need);
	/* The time to write: after a connect, and when the socket has room again after client_writev() wrote less
	 * than it was given. May be NULL. */
	void (*writable)(void *arg);
	/*
	 * The connection is lost; all that had come on it was given to `input`. unread: as in struct conn_ops.
	 * Unless this ends the loop, there will be another connection. May be NULL.
	 */
	void (*down)(void *arg, uint64_t unread);
};

struct client_options {
	struct addr_list addr; /* tried one after the other */
	/* Written first after each connect; the bytes must outlive the client. */
	struct slice greeting;
	/* Never reconnect: a failed attempt or a loss ends the loop with EX_UNAVAILABLE. */
	bool once;
	/* As `once` for the first attempt; later reconnect. */
	bool once_at_first;
	/* Another client to the same address tells people about it. */
	bool quiet;
};

/*
 * ops must outlive the client. Where another attempt makes no sense (no permission, a socket of another type) the
 * client says so and ends the loop with EX_NOPERM or EX_PROTOCOL.
 */
struct client *client_new(struct loop *loop, const struct client_options *options, const struct client_ops *ops,
                          void *arg);
void client_free(struct client *c);

/* Connects for the first time. */
void client_start(struct client *c);

/* Call from `up` only: this is written first on this connection. The bytes must stay until it is lost. */
void client_greet(struct client *c, struct slice greeting);

/* Closes the connection for good. No callback comes any more. */
void client_stop(struct client *c);

/*
 * Writes what the socket takes; returns the bytes written, 0 while there is no connection or no room. Never calls
 * back.
 */
size_t client_writev(struct client *c, const struct iovec *iov, int n);

/* Writes from the queue what the socket takes; returns the bytes written. Never calls back. */
size_t client_write_queue(struct client *c, struct sendq *queue);

/* Stops or resumes reading. */
void client_pause(struct client *c, bool paused);

/* shutdown(2) for writing: the peer reads end of file. */
void client_shutdown(struct client *c);

/* Call from `input` only: treats the connection as lost when that returns. error: the errno to show. */
void client_drop(struct client *c, int error);

/* The other side is not a bus: says so and ends the loop. */
void client_end_foreign(struct client *c);

/* As conn_unread(). */
int client_unread(const struct client *c, uint64_t *ret_bytes);

bool client_is_up(const struct client *c);

/* Connections after the first one. */
uint64_t client_reconnects(const struct client *c);

/* The address as text, valid as long as the client. */
const char *client_name(const struct client *c);

/* People are told after so many ms without a connection, and by a verb that may wait for ever without any answer. */
#define CLIENT_SILENCE ((uint64_t)5000)

/* A listener that has not answered for so many ms may be one that never does. */
#define CLIENT_PATIENCE ((uint64_t)50)

/* Why nothing comes: "no connection to PATH: REASON" or "no answer from PATH", and if it never has answered what it may
 * be. */
void client_explain(const struct client *c, char *text, size_t size);
