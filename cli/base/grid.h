/*
 * A table for people, whose columns are as wide as their contents. So it is printed when it is complete; or a long one
 * in parts, each as wide as those before it at least.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

#define GRID_COLUMNS_MAX 32

struct grid_column {
	const char *title;
	bool is_number; /* aligned to the right */
};

struct grid {
	const struct grid_column *columns;
	size_t n_columns;
	char **cells; /* that are not printed */
	size_t n_cells;
	int widths[GRID_COLUMNS_MAX]; /* of what was printed */
	bool has_titles;              /* they are printed */
};

/* At most GRID_COLUMNS_MAX columns, which must outlive the grid. */
void grid_init(struct grid *table, const struct grid_column *columns, size_t n);
void grid_deinit(struct grid *table);

/* Adds the next cell, row by row. Control characters become "?". */
void grid_put(struct grid *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Likewise with a text, in which there may be NUL bytes; behind `max` bytes of it, "..." stands for the rest. */
void grid_put_text(struct grid *table, struct slice text, size_t max);

/* Prints the titles, unless they were, and the rows since then, with print(). */
void grid_print(struct grid *table);
