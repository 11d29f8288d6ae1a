/*
 * Counts the messages that receivers miss while they are clogged, where the channel's policy is to drop, and reports
 * them afterwards. A report is a message of the channel PROTOCOL_MISSED for each channel; it goes to receivers that are
 * subscribed to that, and to taps.
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

/* Counts messages of the channel that the client does not get. */
void missed_add(struct missed_table *table, struct client *c, struct slice channel, uint32_t messages);

/* Reports to a client that has_missed, and forgets the counts. Call before anything else is delivered to it. */
void missed_report(struct missed_table *table, struct client *c);

/* Reports to the clients that have drained since the last call. */
void missed_report_drained(struct missed_table *table);

/* Forgets the counts of a client, which gets no report. */
void missed_forget(struct missed_table *table, struct client *c);
