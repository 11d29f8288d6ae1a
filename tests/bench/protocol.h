/*
 * The protocols of the servers: the exact bytes that a client sends and gets in each step of a work. Channel names have
 * the form of RESP's, "a.b" and "a.*".
 */
#pragma once

#include "buf.h"

struct exchange {
	struct buf request;
	struct buf answer;
};

struct protocol {
	/* A client's first request; the server's bytes must end with the answer. channel: where it will publish. */
	void (*hello)(const char *channel, struct exchange *x);
	/* The first subscription of a receiver; differs from subscribe only for the floor. */
	void (*join)(const char *channel, struct exchange *x);
	/* nth: number of the client's subscription, from 1. */
	void (*subscribe)(const char *channel, unsigned int nth, struct exchange *x);
	void (*unsubscribe)(const char *channel, unsigned int nth, struct exchange *x);
	void (*subscribe_pattern)(const char *pattern, unsigned int nth, struct exchange *x);
	void (*publish)(const char *channel, const char *payload, unsigned int receivers, struct exchange *x,
	                struct buf *delivery);
	/* The answer is an id that is not known before: a line feed stands for each of its lines. NULL: no streams. */
	void (*add)(const char *stream, const char *payload, struct exchange *x);
	void (*ping)(struct exchange *x);
	/* A request with an answer, to follow requests without one; NULL: every request has one. */
	void (*flush)(struct exchange *x);
	/* Bytes that the server may send unasked between two messages; NULL: none. */
	const char *noise;
};

extern const struct protocol protocol_resp;
extern const struct protocol protocol_nats;
extern const struct protocol protocol_mqtt;
extern const struct protocol protocol_dbus;  /* it only says hello */
extern const struct protocol protocol_floor; /* RESP's bytes, which udsd-floor need not understand */

void exchange_deinit(struct exchange *x);

/* Append to the buffer; end the benchmark if there is no memory. */
void protocol_add(struct buf *b, const void *data, size_t len);
void protocol_print(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
