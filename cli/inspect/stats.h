/*
 * The figures of the daemon's INFO that operators look at, and the forms to print them in: a table, JSON, and two of
 * Prometheus.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum stats_format { STATS_TEXT, STATS_JSON, STATS_OPENMETRICS, STATS_PROMETHEUS };

/* Room for all figures. */
#define STATS_MAX 80

/* One reading. */
struct stats_sample {
	double values[STATS_MAX]; /* as in INFO; 0 if not given */
	bool given[STATS_MAX];    /* whether this daemon's INFO has the field */
	char version[32];
	char store_state[16]; /* as in INFO; "" if not given */
	char run_id[48];      /* another one after each start of the daemon */
	uint64_t taken_at;    /* ms of loop_now(); set by the caller */
};

/* Reads a reply to INFO. */
void stats_read(struct slice info, struct stats_sample *ret_sample);

/* The value of a field of INFO, 0 if it is not given. The field must be one that stats_read() looks for. */
double stats_value(const struct stats_sample *sample, const char *field);

/* Whether the daemon's INFO gives it; store_state: unless streams are off. */
bool stats_has(const struct stats_sample *sample, const char *field);

/*
 * Prints a reading, with print(). Rates are those since the reading before; if this is NULL, since the daemon's
 * start. The forms of Prometheus have no rates.
 */
void stats_print(enum stats_format format, const struct stats_sample *sample, const struct stats_sample *before);
