/*
 * The last lines of a spool may be in the input as well: a process has died before it took them from there (see
 * spool-intent.h). So the first lines that are read are compared with them. Those that are the same, all of them, are
 * not new; if one differs, or is not there, all are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"

struct spool_report;

struct doubt {
	struct buf bytes; /* the lines, each with its length, a uint32_t, in front; empty: there is no doubt */
	size_t at;        /* of the next one to compare */
	uint64_t same;    /* lines before it */
	size_t taken;     /* of the next one for doubt_take() */
};

enum doubt_result {
	DOUBT_GOES_ON, /* the same so far */
	DOUBT_SAME,    /* the same to the end: `same` lines are in the spool already */
	DOUBT_NEW,     /* doubt_take() gives the lines before this one again, which are new as well */
};

/* Whether there is a doubt about the lines that fd, the input, brings. Takes over report->found.doubt. */
void doubt_init(struct doubt *d, struct spool_report *report, int fd);
void doubt_deinit(struct doubt *d);

static inline bool
doubt_is_there(const struct doubt *d)
{
	return d->bytes.len > 0;
}

/* Compares the next line of the input. */
enum doubt_result doubt_check(struct doubt *d, struct slice line);

/* The lines that were compared and were the same, one after the other; false behind the last one: there is no doubt any
 * more. */
bool doubt_take(struct doubt *d, struct slice *ret_line);
