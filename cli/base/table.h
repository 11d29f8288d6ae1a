/* A table for people: columns as wide as what is in them. Nothing is printed before the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct table_column {
	const char *title;
	bool is_number; /* stands on the right */
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells;
	size_t n_cells;
};

void table_init(struct table *table, const struct table_column *columns, size_t n);
void table_deinit(struct table *table);

/* The next cell, row by row. Control characters in it are replaced. */
void table_put(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* On standard output, with the titles if there are rows. */
void table_print(const struct table *table);
