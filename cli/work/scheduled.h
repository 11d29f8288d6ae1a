/* Jobs that the daemon will add to their stream at a time that is set. Each has a ticket instead of an id. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"

struct resp_node;

/* Room for a ticket as text, with its NUL. */
#define SCHEDULED_TICKET ((size_t)64)

struct scheduled {
	const char *ticket;
	uint64_t due_ms; /* from now on */
	const struct resp_node *fields;
};

typedef void scheduled_cb(const struct scheduled *job, void *arg);

/*
 * Calls back for those of the stream, in the order of their times. cb may not ask; `turned`, which is called after each
 * page of them, may, and returns 0 to go on. Returns 0 or as ask() does.
 */
int scheduled_each(struct ask *a, const char *stream, scheduled_cb *cb, int (*turned)(void *arg), void *arg);

/* Whether the text has the form of a ticket. */
bool scheduled_is_ticket(const char *text);

/* *ret_found: there was such a job. Returns 0 or as ask() does. */
int scheduled_cancel(struct ask *a, const char *ticket, bool *ret_found);
