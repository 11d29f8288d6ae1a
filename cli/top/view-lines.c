/* The lines of a view. Which columns there is room for depends on the width alone, so that lines stand in line. */
#include <stdio.h>
#include <string.h>

#include "figure.h"
#include "human.h"
#include "memory.h"
#include "view-columns.h"
#include "view.h"

/* 0: not shown. */
struct layout {
	size_t widths[VIEW_COLUMNS_MAX];
};

/* The column sorted by is the last to be left out. */
static size_t
rank_of(const struct view *v, size_t column)
{
	return column == v->sort[v->kind] ? 0 : view_columns[v->kind][column].rank;
}

static void
find_layout(const struct view *v, size_t width, struct layout *ret_layout)
{
	const struct view_column *columns = view_columns[v->kind];
	size_t n = view_n_columns(v->kind), used = 0, grows = n;
	struct layout layout = { 0 };

	for (size_t rank = 0; rank <= VIEW_COLUMNS_MAX; rank++) {
		for (size_t i = 0; i < n; i++) {
			size_t more = columns[i].width + (used > 0);

			if (rank_of(v, i) != rank || used + more > width)
				continue;
			layout.widths[i] = columns[i].width;
			used += more;
			if (columns[i].grows)
				grows = i;
		}
	}
	if (used == 0) /* not even one fits */
		layout.widths[v->sort[v->kind]] = width;
	else if (grows < n)
		layout.widths[grows] += width - used;
	*ret_layout = layout;
}

static bool
is_on_the_right(const struct view_column *column)
{
	return column->figure != VIEW_TEXT && column->figure != VIEW_BAR;
}

static void
put_cell(const struct view *v, struct buf *out, const struct view_column *column, struct slice text, size_t width)
{
	figure_fit(out, text, width, is_on_the_right(column), v->unicode);
}

/* Lines have blanks behind the last column, so that a line that is in reverse is so to its end. */
static void
finish_line(const struct view *v, struct buf *out, const struct layout *layout, size_t width)
{
	size_t used = 0;

	for (size_t i = 0; i < view_n_columns(v->kind); i++)
		if (layout->widths[i] > 0)
			used += layout->widths[i] + (used > 0);
	if (used < width)
		figure_fit(out, (struct slice){ 0 }, width - used, false, v->unicode);
}

static void
begin_cell(struct buf *out, size_t start)
{
	if (out->len > start)
		memory_check(buf_append(out, " ", 1));
}

void
view_put_heading(const struct view *v, struct buf *out, size_t width)
{
	const struct view_column *columns = view_columns[v->kind];
	size_t start = out->len;
	struct layout layout;
	char title[32];

	find_layout(v, width, &layout);
	for (size_t i = 0; columns[i].title; i++) {
		const char *mark = "";

		if (layout.widths[i] == 0)
			continue;
		begin_cell(out, start);
		if (i == v->sort[v->kind])
			mark = (columns[i].number != NULL) == !v->reversed[v->kind] ? v->unicode ? "▾" : "v"
			       : v->unicode                                         ? "▴"
			                                                            : "^";
		snprintf(title, sizeof(title), "%s%s", columns[i].title, mark);
		put_cell(v, out, &columns[i], (struct slice){ (const uint8_t *)title, strlen(title) },
		         layout.widths[i]);
	}
	finish_line(v, out, &layout, width);
}

static void
format_figure(const struct view_column *column, const struct snapshot *s, size_t index, char *out, size_t size)
{
	double number = column->number(s, index);

	switch (column->figure) {
	case VIEW_NUMBER:
		snprintf(out, size, "%.0f", number);
		break;
	case VIEW_RATE:
		if (!s->has_rates) {
			snprintf(out, size, "-");
			break;
		}
		figure_count(out, size, number);
		break;
	case VIEW_COUNT:
		figure_count(out, size, number);
		break;
	case VIEW_BYTES:
		snprintf(out, size, "%s", human_size((uint64_t)number).text);
		break;
	case VIEW_AGE:
		snprintf(out, size, "%s", human_age((uint64_t)number).text);
		break;
	case VIEW_TEXT:
	case VIEW_BAR:
		break;
	}
}

void
view_put_row(const struct view *v, struct snapshot *s, size_t row, struct buf *out, size_t width)
{
	const struct view_column *columns = view_columns[v->kind];
	size_t start = out->len, index = view_row_index(v, row);
	char figure[FIGURE_MAX];
	struct layout layout;
	struct slice text;

	find_layout(v, width, &layout);
	for (size_t i = 0; columns[i].title; i++) {
		if (layout.widths[i] == 0)
			continue;
		begin_cell(out, start);
		if (columns[i].figure == VIEW_BAR) {
			figure_bar(out, view_row_bar(v, s, row), layout.widths[i], v->unicode);
			continue;
		}
		if (columns[i].number) {
			format_figure(&columns[i], s, index, figure, sizeof(figure));
			text = (struct slice){ (const uint8_t *)figure, strlen(figure) };
		} else {
			text = columns[i].text(v, s, index);
		}
		put_cell(v, out, &columns[i], text, layout.widths[i]);
	}
	finish_line(v, out, &layout, width);
}
