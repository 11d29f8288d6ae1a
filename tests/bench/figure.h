/* The metrics of a work, and the figures that the reports show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum metric {
	METRIC_CPU,
	METRIC_RATE,
	METRIC_P50,
	METRIC_P99,
	METRIC_P999,
	METRIC_STRETCH,
	METRIC_BYTES,
	METRIC_DISK,
	METRIC_START,
	METRIC_START_BYTES,
	METRIC_SEND_CPU,
	METRIC_RECV_CPU,
	METRIC_COUNT
};

struct metric_info {
	const char *key; /* in JSON */
	const char *unit;
};

extern const struct metric_info metric_table[METRIC_COUNT];

/* One line of the reports. Goals are upper limits; 0: no goal. */
struct figure {
	const char *work;
	enum metric metric;
	const char *title;
	double of_redis; /* goals for udsd's figure divided by that server's */
	double of_floor;
	double goal;         /* for udsd's figure */
	const char *against; /* a work: the figure is the ratio to the same server's metric there; NULL: no ratio */
	bool is_charted;
};

extern const struct figure figure_table[];
extern const size_t figure_count;

const char *figure_unit(const struct figure *figure);

/* Writes the value with three significant digits, or "-" for NAN; returns text. */
#define FIGURE_TEXT_SIZE 32
const char *figure_format(double value, char text[FIGURE_TEXT_SIZE]);

/* Writes the goal of a value: "<=0.2", "!<=0.2" if the value misses it, "" without a goal. Returns text. */
const char *figure_format_goal(double value, double goal, char text[FIGURE_TEXT_SIZE]);
