#include "grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "print.h"
#include "printable.h"

void
grid_init(struct grid *table, const struct grid_column *columns, size_t n)
{
	*table = (struct grid){ .columns = columns, .n_columns = n };
}

static void
grid_clear(struct grid *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = 0;
}

void
grid_deinit(struct grid *table)
{
	grid_clear(table);
}

/* Takes the cell over, of `len` bytes and one more. */
static void
grid_add(struct grid *table, char *cell, size_t len)
{
	/* Grows by a row at a time. */
	if (table->n_cells % table->n_columns == 0) {
		table->cells = memory_resize(table->cells, (table->n_cells + table->n_columns) * sizeof(*table->cells));
	}
	cell[printable_clean(cell, len, NULL)] = '\0';
	table->cells[table->n_cells++] = cell;
}

void
grid_put(struct grid *table, const char *format, ...)
{
	va_list ap;
	char *cell;

	va_start(ap, format);
	memory_check(vasprintf(&cell, format, ap));
	va_end(ap);
	grid_add(table, cell, strlen(cell));
}

void
grid_put_text(struct grid *table, struct slice text, size_t max)
{
	struct slice shown = { text.p, text.len < max ? text.len : max }, rest = slice_of(text.len > max ? "..." : "");
	uint8_t *cell = memory_alloc(shown.len + rest.len + 1);

	slice_put(slice_put(cell, shown), rest);
	grid_add(table, (char *)cell, shown.len + rest.len);
}

/* In columns of a terminal. */
static int
grid_width(const char *text)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	enum printable_kind kind;
	size_t size;
	int width = 0, n;

	for (; p < end; p += size) {
		size = printable_next(p, (size_t)(end - p), &kind);
		n = kind == PRINTABLE_TEXT ? printable_width(p, size) : 1;
		width += n < 0 ? 1 : n;
	}
	return width;
}

/* No blanks at the end of the line. cells: NULL for the titles. */
static void
grid_print_row(const struct grid *table, char *const *cells)
{
	int blanks = 0;

	for (size_t i = 0; i < table->n_columns; i++) {
		const char *text = cells ? cells[i] : table->columns[i].title;
		int gap = table->widths[i] - grid_width(text);

		if (table->columns[i].is_number)
			blanks += gap;
		if (*text)
			print("%*s%s", blanks, "", text);
		blanks = 2 + (*text ? 0 : blanks) + (table->columns[i].is_number ? 0 : gap);
	}
	print("\n");
}

static void
grid_widen(struct grid *table, size_t column, const char *text)
{
	int width = grid_width(text);

	if (width > table->widths[column])
		table->widths[column] = width;
}

void
grid_print(struct grid *table)
{
	for (size_t i = 0; i < table->n_columns; i++)
		grid_widen(table, i, table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++)
		grid_widen(table, i % table->n_columns, table->cells[i]);
	if (!table->has_titles)
		grid_print_row(table, NULL);
	table->has_titles = true;
	for (size_t i = 0; i < table->n_cells; i += table->n_columns)
		grid_print_row(table, table->cells + i);
	grid_clear(table);
}
