/*
 * UDSD MONITOR: a tap is a client that gets a notice of every published message: who sent it, and to how many receivers
 * it went. A notice is a message of the channel PROTOCOL_PUBLISHED. Publishers never wait for a tap: one that does not
 * keep up misses notices and gets a report of how many (missed.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"

struct client;
struct flow;
struct missed_table;

struct taps {
	struct flow *flow;
	struct missed_table *missed;
	TAILQ_HEAD(, tap) list;
	uint32_t n;
};

/* What a notice says of a published message, or of a request to a service or its answer, beside the payload. */
struct publication {
	const struct client *publisher; /* who sent it */
	struct slice name;              /* of the channel, or service */
	const char *command;            /* one word */
	uint64_t receivers; /* as answered to the publisher; 1 if somebody has got the request, or the answer */
};

void taps_init(struct taps *taps, struct flow *flow, struct missed_table *missed);

/* Makes the client a tap for channels that match the pattern, or for all if it is NULL. Returns 0 or -ENOMEM. */
int taps_join(struct taps *taps, struct client *c, const struct slice *pattern);

/* No-op unless the client is a tap. */
void taps_leave(struct taps *taps, struct client *c);

/* Sends the notices of one message. */
void taps_show(struct taps *taps, const struct publication *publication, struct slice payload);
