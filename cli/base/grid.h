/* A table for people, whose columns are as wide as their contents. So it is printed when it is complete. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct grid_column {
	const char *title;
	bool is_number; /* aligned to the right */
};

struct grid {
	const struct grid_column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells;
};

/* At most 32 columns, which must outlive the grid. */
void grid_init(struct grid *table, const struct grid_column *columns, size_t n);
void grid_deinit(struct grid *table);

/* Adds the next cell, row by row. Control characters become "?". */
void grid_put(struct grid *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints titles and rows, with print(). */
void grid_print(const struct grid *table);
