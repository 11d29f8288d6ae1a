/* A table for people: columns as wide as what is in them. Nothing is printed before the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct grid_column {
	const char *title;
	bool is_number; /* stands on the right */
};

struct grid {
	const struct grid_column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells;
};

void grid_init(struct grid *table, const struct grid_column *columns, size_t n);
void grid_deinit(struct grid *table);

/* The next cell, row by row. Control characters in it are replaced. */
void grid_put(struct grid *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* On standard output, with the titles if there are rows. */
void grid_print(const struct grid *table);
