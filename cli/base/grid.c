#include "grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

#define COLUMNS_MAX 32

void
grid_init(struct grid *table, const struct grid_column *columns, size_t n)
{
	*table = (struct grid){ .columns = columns, .n_columns = n };
}

void
grid_deinit(struct grid *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct grid){ 0 };
}

void
grid_put(struct grid *table, const char *format, ...)
{
	va_list ap;

	/* Room comes a row at a time. */
	if (table->n_cells % table->n_columns == 0) {
		table->cells = realloc(table->cells, (table->n_cells + table->n_columns) * sizeof(*table->cells));
		memory_check(table->cells ? 0 : -1);
	}
	va_start(ap, format);
	memory_check(vasprintf(&table->cells[table->n_cells], format, ap) < 0 ? -1 : 0);
	va_end(ap);
	for (char *p = table->cells[table->n_cells++]; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* Characters of UTF-8, as far as it is. */
static int
width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Blanks are printed only before something. */
static void
print_row(const struct grid *table, const int *widths, char *const *cells)
{
	int blanks = 0;

	for (size_t i = 0; i < table->n_columns; i++) {
		const char *text = cells ? cells[i] : table->columns[i].title;
		int gap = widths[i] - width(text);

		if (table->columns[i].is_number)
			blanks += gap;
		if (*text)
			printf("%*s%s", blanks, "", text);
		blanks = 2 + (*text ? 0 : blanks) + (table->columns[i].is_number ? 0 : gap);
	}
	putchar('\n');
}

void
grid_print(const struct grid *table)
{
	int widths[COLUMNS_MAX];

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = width(table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++)
		if (width(table->cells[i]) > widths[i % table->n_columns])
			widths[i % table->n_columns] = width(table->cells[i]);
	print_row(table, widths, NULL);
	for (size_t i = 0; i < table->n_cells; i += table->n_columns)
		print_row(table, widths, table->cells + i);
}
