/*
 * UDSD MONITOR: clients that are told of every message that is published: who sent it, and to how many. Each notice
 * is a message of the channel PROTOCOL_PUBLISHED. Publishers never wait for a tap: one that does not keep up misses
 * notices, and is told how many (missed.h).
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

/* A message that was published. */
struct publication {
	const struct client *publisher;
	struct slice name;
	bool is_shard;
	uint64_t receivers; /* that it went to */
};

void taps_init(struct taps *taps, struct flow *flow, struct missed_table *missed);

/* From now on, the client is told of channels that match the pattern (NULL: of all). Returns 0 or -ENOMEM. */
int taps_join(struct taps *taps, struct client *c, const struct slice *pattern);

/* Does nothing for who is no tap. */
void taps_leave(struct taps *taps, struct client *c);

/* Tells of a message that was published. */
void taps_show(struct taps *taps, const struct publication *publication, struct slice payload);
