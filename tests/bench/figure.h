/* What is measured of a work, and the figures made of it that people look at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum metric {
	METRIC_CPU,
	METRIC_RATE,
	METRIC_P50,
	METRIC_P99,
	METRIC_P999,
	METRIC_BYTES,
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

/* A goal is a most; 0: none. */
struct figure {
	const char *work;
	enum metric metric;
	const char *title;
	double of_redis; /* goals for udsd's part of the other's */
	double of_floor;
	double goal;         /* for udsd's figure itself */
	const char *against; /* the figure is what this one is of the same server's in this work; NULL: it is not */
	bool is_charted;
};

extern const struct figure figure_table[];
extern const size_t figure_count;

const char *figure_unit(const struct figure *figure);

/* Writes a number with three digits that count, or "-" if there is none; returns text. */
#define FIGURE_TEXT_SIZE 32
const char *figure_format(double value, char text[FIGURE_TEXT_SIZE]);

/* Writes what is to be printed behind a value whose most is goal: "<=0.20", with "!" before it if missed; or "". */
const char *figure_format_goal(double value, double goal, char text[FIGURE_TEXT_SIZE]);
