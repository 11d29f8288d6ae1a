/*
 * What was measured, for each work and server as often as there were rounds, and the medians of it as a
 * table and as JSON.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

enum metric { METRIC_CPU, METRIC_MEMORY, METRIC_RATE, METRIC_P50, METRIC_P99, METRIC_COUNT };

struct report;

struct report *report_new(unsigned int rounds);
void report_free(struct report *report);

/* Works and servers by their index in work_table and peer_table, rounds from 0. */
void report_set(struct report *report, size_t work, size_t peer, unsigned int round, enum metric metric, double value);

/* Works and servers of which nothing was set do not show. */
void report_print(struct report *report, FILE *f);
void report_print_json(struct report *report, FILE *f);
