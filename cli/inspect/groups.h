/* The groups of streams, their figures and values, read from XINFO GROUPS, XPENDING and UDSD GROUP. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry-id.h"
#include "protocol.h"

struct ask;
struct resp_node;

struct group_row {
	struct slice stream, name; /* memory of their own */
	uint64_t consumers, pending;
	bool has_read, has_lag; /* else they are not known */
	uint64_t read, lag;     /* entries that were given, and that were not yet */
	struct entry_id last;   /* of the last entry that was given */
	struct entry_id oldest; /* of the first one that is pending; 0-0 where none is */
	/* Only with groups.with_values. */
	uint64_t max_deliveries;               /* 0: no limit */
	struct slice retry_delay, dead_letter; /* empty: none; memory of their own, which ends with a NUL */
	bool is_paused;
};

struct groups {
	bool with_values;       /* set before groups_fetch(), to have these, too */
	struct group_row *rows; /* by stream and name */
	size_t n;
};

/*
 * Asks for the groups of a stream, or of all streams if it is NULL. Returns 0, an exit status after saying why, or what
 * ask() returns.
 */
int groups_fetch(struct ask *a, const char *stream, struct groups *groups);
/* Says that there is no such stream. Returns the exit status, EX_NOINPUT. */
int groups_say_no_stream(struct slice stream);

/* Says the error of a question about a stream, by its name where there is none, and returns its exit status. */
int groups_refuse_stream(const struct resp_node *error, struct slice stream);

void groups_deinit(struct groups *groups);

/* ms since the oldest pending entry was added, by its ID; 0 where none is pending. now: ms since 1970. */
uint64_t groups_age(const struct group_row *row, uint64_t now);

/* ms since 1970. */
uint64_t groups_now(void);
