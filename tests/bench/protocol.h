/*
 * The words of the servers: what a client sends for each step of a work, and what it is answered, to the
 * byte. Channel names are written as RESP has them, "a.b" and "a.*".
 */
#pragma once

#include "buf.h"

struct exchange {
	struct buf request;
	struct buf answer;
};

struct protocol {
	/* What a client begins with; the answer is the end of what comes. channel: what it will publish to. */
	void (*hello)(const char *channel, struct exchange *x);
	/* The same as subscribe for the first subscription, unless the server wants other words from receivers. */
	void (*join)(const char *channel, struct exchange *x);
	/* nth: of the client's subscriptions, from 1. */
	void (*subscribe)(const char *channel, unsigned int nth, struct exchange *x);
	void (*unsubscribe)(const char *channel, unsigned int nth, struct exchange *x);
	void (*subscribe_pattern)(const char *pattern, unsigned int nth, struct exchange *x);
	void (*publish)(const char *channel, const char *payload, unsigned int receivers, struct exchange *x,
	                struct buf *delivery);
	void (*ping)(struct exchange *x);
	/* Asks for an answer after requests that have none; NULL: all have. */
	void (*flush)(struct exchange *x);
	/* What the server may say unasked between two messages; NULL: nothing. */
	const char *noise;
};

extern const struct protocol protocol_resp;
extern const struct protocol protocol_nats;
extern const struct protocol protocol_mqtt;
extern const struct protocol protocol_floor; /* RESP's bytes, which udsd-floor need not understand */

void exchange_deinit(struct exchange *x);

/* Append; without memory the benchmark ends. */
void protocol_add(struct buf *b, const void *data, size_t len);
void protocol_print(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
