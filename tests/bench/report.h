/*
 * What was measured, for each work and server as often as there were rounds, the medians of it, and the
 * same as text, JSON, a chart, and a table in a Markdown file.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "figure.h"

struct report;

struct report *report_new(unsigned int rounds, unsigned int milliseconds);
void report_free(struct report *report);

/* Works and servers by their index in work_table and peer_table, rounds from 0. */
void report_set(struct report *report, size_t work, size_t peer, unsigned int round, enum metric metric, double value);
void report_set_version(struct report *report, size_t peer, const char *version);

unsigned int report_rounds(const struct report *report);
unsigned int report_milliseconds(const struct report *report);
const char *report_version(const struct report *report, size_t peer);

/* The median of the rounds, and half of what lies between the least and the most; NAN where nothing was set. */
double report_median(const struct report *report, size_t work, size_t peer, enum metric metric);
double report_spread(const struct report *report, size_t work, size_t peer, enum metric metric);

/* What the median of a server is of another one's; NAN where one of them was not measured. */
double report_part(const struct report *report, size_t work, size_t peer, enum metric metric, size_t other);

/* The figure of a server, and udsd's part of it; NAN where it was not measured or is a part itself. */
double report_figure(const struct report *report, const struct figure *figure, size_t peer);
double report_figure_part(const struct report *report, const struct figure *figure, const char *peer);

void report_print(const struct report *report, FILE *f);

/* The files are written anew. Failures end the benchmark. */
void report_write_json(const struct report *report, const char *path);
void report_write_svg(const struct report *report, const char *path);

/* Replaces what stands between the lines "<!-- bench -->" and "<!-- /bench -->". */
void report_write_markdown(const struct report *report, const char *path);
