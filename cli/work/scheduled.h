/* Jobs that the daemon will add to their stream at a time that is set. Each has a ticket instead of an id. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"
#include "protocol.h"

struct resp_node;

struct scheduled {
	struct slice ticket;
	uint64_t due_ms; /* from now on */
	const struct resp_node *fields;
};

typedef void scheduled_cb(const struct scheduled *job, void *arg);

/* Calls back for the next ones of the stream, at most `max`. Returns 0 or as ask() does. */
int scheduled_each(struct ask *a, const char *stream, uint64_t max, scheduled_cb *cb, void *arg);

/* Whether the text has the form of a ticket. */
bool scheduled_is_ticket(const char *text);

/* *ret_found: there was such a job. Returns 0 or as ask() does. */
int scheduled_cancel(struct ask *a, const char *ticket, bool *ret_found);
