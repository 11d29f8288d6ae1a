/*
 * What receivers missed while they were clogged and a channel's policy is to drop. Each is told in the place where the
 * messages would have stood, by a message of the channel PROTOCOL_MISSED, if it is subscribed to that or is a tap.
 */
#pragma once

#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"
#include "hashtable.h"

struct client;
struct flow;
struct missed;

struct missed_table {
	struct flow *flow;
	struct hashtable by_client;
	TAILQ_HEAD(, missed) all;
};

void missed_init(struct missed_table *table, struct flow *flow);

/* The client does not get so many messages of the channel. */
void missed_add(struct missed_table *table, struct client *c, struct slice channel, uint32_t messages);

/* Tells the client, before it gets anything else; only who has_missed. */
void missed_tell(struct missed_table *table, struct client *c);

/* Tells those who have drained meanwhile. */
void missed_tell_drained(struct missed_table *table);

/* The client goes; nobody tells it any more. */
void missed_forget(struct missed_table *table, struct client *c);
