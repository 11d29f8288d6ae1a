/* The columns of the tables: where the value of a cell is in a row of the snapshot, how it is written, and how wide. */
#pragma once

#include <stddef.h>

#include "snapshot.h"

#define VIEW_COLUMNS_MAX 16

enum view_form {
	VIEW_NAME, /* texts; the channels, or else the name, take the room that is left */
	VIEW_CHANNELS,
	VIEW_USER,
	VIEW_COMMAND,
	VIEW_STATE,
	VIEW_NUMBER, /* numbers: with all their digits; pids too are found by the filter */
	VIEW_COUNT,
	VIEW_RATE, /* "-" where the snapshot has none */
	VIEW_BYTES,
	VIEW_AGE,
	VIEW_MICROSECONDS,
	VIEW_BAR, /* of the column that rows are sorted by */
};

struct view_column {
	const char *key; /* for --sort; NULL: not sorted by */
	const char *title;
	enum view_form form;
	size_t value; /* of a number: which one of the row */
	size_t width; /* at least */
	size_t rank;  /* the higher, the sooner it is left out for lack of room */
};

/* Each ends with a column without a title. */
extern const struct view_column view_columns[SNAPSHOT_LISTS][VIEW_COLUMNS_MAX];

/* Sorted by at first; the bars show it while rows are sorted by a text. */
extern const struct view_column *const view_main_columns[SNAPSHOT_LISTS];
