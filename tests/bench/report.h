/*
 * The measured values of every work, server, metric and round, their medians, and their output as text, JSON, a chart
 * and a table in a Markdown file.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "figure.h"

struct report;

struct report *report_new(unsigned int rounds, unsigned int milliseconds);
void report_free(struct report *report);

/* work, peer: index in work_table and peer_table. round: from 0. */
void report_set(struct report *report, size_t work, size_t peer, unsigned int round, enum metric metric, double value);
void report_set_version(struct report *report, size_t peer, const char *version);

unsigned int report_rounds(const struct report *report);
unsigned int report_milliseconds(const struct report *report);
const char *report_version(const struct report *report, size_t peer);

/* The median of the rounds, and half of their range; NAN if no value was set. */
double report_median(const struct report *report, size_t work, size_t peer, enum metric metric);
double report_spread(const struct report *report, size_t work, size_t peer, enum metric metric);

/* The median of a server divided by another one's; NAN if one of them was not measured. */
double report_part(const struct report *report, size_t work, size_t peer, enum metric metric, size_t other);

/* The figure of a server, and udsd's figure divided by that server's; NAN if not measured, or if it is a ratio itself.
 */
double report_figure(const struct report *report, const struct figure *figure, size_t peer);
double report_figure_part(const struct report *report, const struct figure *figure, const char *peer);

void report_print(const struct report *report, FILE *f);

/* Replace the file. Failures end the benchmark. */
void report_write_json(const struct report *report, const char *path);
void report_write_svg(const struct report *report, const char *path);

/* Replaces the text between the lines "<!-- bench -->" and "<!-- /bench -->". */
void report_write_markdown(const struct report *report, const char *path);
