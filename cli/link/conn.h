/*
 * One connection: reads for its owner into one buffer, writes without blocking, and tells when it is
 * over, after everything that the other side had sent was given to the owner. It may be opened again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "buf.h"

struct event;
struct event_base;

/* In conn_ops.ended: not known how much of what was written the other side had read. */
#define CONN_UNREAD_UNKNOWN UINT64_MAX

struct conn_ops {
	/*
	 * Bytes have come. Returns how many of them are dealt with; the others are given again, in front of
	 * new ones, once there are *ret_need of them in all (0: with the next byte).
	 */
	size_t (*input)(void *arg, const uint8_t *p, size_t len, size_t *ret_need);
	/* The socket takes bytes again, after conn_writev() had written fewer than it was given. */
	void (*writable)(void *arg);
	/*
	 * The connection is over, and closed. At most `unread` of the bytes written were not read by the other
	 * side; error is an errno, or 0 where that side had closed.
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
	size_t need; /* bytes of `in` there must be before the owner is called */
	bool paused;
	int dropped; /* errno to end with: the owner has no use for it; 0 before */
	int broken;  /* errno of the write that failed, 0 before */
	bool had_input;
};

/* Closed at first. */
void conn_init(struct conn *c, struct event_base *base, const struct conn_ops *ops, void *arg);
void conn_deinit(struct conn *c);

/* Takes over fd, a connected and non-blocking stream socket. */
void conn_open(struct conn *c, int fd);

/* Nothing is called any more. May be called from any callback. */
void conn_close(struct conn *c);

bool conn_is_open(const struct conn *c);

/* Writes what the socket takes; returns the bytes written, 0 while it takes none. Never calls back. */
size_t conn_writev(struct conn *c, const struct iovec *iov, int n);

/* With true nothing is read until false; it may be called while closed. */
void conn_pause(struct conn *c, bool paused);

/* To be called from `input`: ends the connection with the errno when that returns. */
void conn_drop(struct conn *c, int error);

/*
 * An upper bound of the bytes written that the other side has not read yet (for TCP: that its kernel has
 * not acknowledged). Returns 0 or -errno where that is not known, as when that side has just closed.
 */
int conn_unread(const struct conn *c, uint64_t *ret_bytes);
