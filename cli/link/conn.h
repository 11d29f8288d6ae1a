/*
 * One connection on a stream socket. It reads into a buffer and gives the bytes to its owner, writes without blocking,
 * and reports its end after the owner has got everything that the other side had sent. It may be opened again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "buf.h"

struct event;
struct event_base;

/* conn_ops.ended: it is not known how much the other side had read. */
#define CONN_UNREAD_UNKNOWN UINT64_MAX

struct conn_ops {
	/*
	 * Bytes have come. Returns how many of them are used; the others are given again, with new ones behind them,
	 * once there are *ret_need in all (0: as soon as there is one more).
	 */
	size_t (*input)(void *arg, const uint8_t *p, size_t len, size_t *ret_need);
	/* The socket has room again, after conn_writev() wrote less than it was given. */
	void (*writable)(void *arg);
	/*
	 * The connection is over and closed. The other side had not read at most `unread` of the bytes written. error:
	 * an errno, or 0 where the other side has closed.
	 */
	void (*ended)(void *arg, uint64_t unread, int error);
};

struct conn {
	struct event_base *base;
	const struct conn_ops *ops;
	void *arg;
	int fd; /* -1: closed */
	struct event *read_event, *write_event;
	struct buf in;
	size_t need; /* the owner is not called before `in` has so many bytes */
	bool paused;
	int dropped; /* the error of conn_drop(), else 0 */
	int broken;  /* errno of a failed write, else 0 */
	bool had_input;
};

/* Not open yet. */
void conn_init(struct conn *c, struct event_base *base, const struct conn_ops *ops, void *arg);
void conn_deinit(struct conn *c);

/* Takes over fd, a connected, non-blocking stream socket. */
void conn_open(struct conn *c, int fd);

/* No callback comes any more. May be called from any callback. */
void conn_close(struct conn *c);

bool conn_is_open(const struct conn *c);

/* Writes what the socket takes; returns the bytes written, 0 while it takes none. Never calls back. */
size_t conn_writev(struct conn *c, const struct iovec *iov, int n);

/* Stops or resumes reading; also while closed, for the next connection. */
void conn_pause(struct conn *c, bool paused);

/* Call from `input` only: ends the connection with this errno when that returns. */
void conn_drop(struct conn *c, int error);

/* The other side is gone: ends the connection with this errno, soon, after reading what has come. */
void conn_break(struct conn *c, int error);

/*
 * An upper bound of the bytes written that the other side has not read yet (TCP: that its kernel has not
 * acknowledged). Returns 0, or -errno where that is not known, for example since the other side has just closed.
 */
int conn_unread(const struct conn *c, uint64_t *ret_bytes);
