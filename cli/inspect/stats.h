/* The figures that the daemon tells in INFO, as far as operators look at them, and the forms to print them in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum stats_format { STATS_TEXT, STATS_JSON, STATS_OPENMETRICS, STATS_PROMETHEUS };

#define STATS_MAX 40

/* One reading. */
struct stats_sample {
	double values[STATS_MAX];
	bool given[STATS_MAX]; /* a daemon may not tell all */
	char version[32];
	char run_id[48];   /* another one at each start of the daemon */
	uint64_t taken_at; /* ms, as loop_now(); set by who takes it */
};

/* Reads a reply to INFO. */
void stats_read(struct slice info, struct stats_sample *ret_sample);

/* The value of a field of INFO; 0 where the daemon does not tell it. The field must be one that is read. */
double stats_value(const struct stats_sample *sample, const char *field);

/* Prints it; rates are those since the reading before, or if that is NULL since the daemon's start. */
void stats_print(enum stats_format format, const struct stats_sample *sample, const struct stats_sample *before);
