/*
 * The tables of columns say all about a cell (view-columns.h). The selection is remembered by what identifies its row,
 * not by its place: rows move, and a key pressed a moment late must not hit another client.
 */
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "figure.h"
#include "human.h"
#include "memory.h"
#include "view-columns.h"

static const struct view_column *
view_sorted_column(const struct view *v)
{
	return &view_columns[v->kind][v->sort[v->kind]];
}

static bool
view_is_text(const struct view_column *c)
{
	return c->form <= VIEW_STATE;
}

void
view_init(struct view *v, struct snapshot *snapshot, bool unicode, bool is_local)
{
	*v = (struct view){ .snapshot = snapshot, .unicode = unicode, .is_local = is_local };
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++)
		v->sort[kind] = (size_t)(view_main_columns[kind] - view_columns[kind]);
}

void
view_deinit(struct view *v)
{
	free(v->rows);
	buf_deinit(&v->selected_key);
}

bool
view_has(const struct view *v, enum snapshot_kind kind)
{
	/* What the user has asked for stays, also when a daemon without it has followed. */
	if (kind < SNAPSHOT_STREAMS || v->kind == kind)
		return true;
	return kind == SNAPSHOT_SERVICES ? stats_value(&v->snapshot->info, "services") > 0
	                                 : stats_has(&v->snapshot->info, "store_state");
}

void
view_show_next(struct view *v)
{
	enum snapshot_kind next = v->kind;

	do
		next = (enum snapshot_kind)((next + 1) % SNAPSHOT_LISTS);
	while (!view_has(v, next));
	view_unselect(v);
	v->kind = next;
}

bool
view_sort_by(struct view *v, const char *key)
{
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++) {
		for (size_t i = 0; view_columns[kind][i].title; i++) {
			if (!view_columns[kind][i].key || strcmp(view_columns[kind][i].key, key) != 0)
				continue;
			v->kind = (enum snapshot_kind)kind;
			v->sort[kind] = i;
			return true;
		}
	}
	return false;
}

void
view_keys(char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++)
		for (const struct view_column *c = view_columns[kind]; c->title && used < size; c++)
			if (c->key)
				used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", c->key);
}

void
view_move_sort(struct view *v, int columns)
{
	size_t n = 0, *sort = &v->sort[v->kind];

	while (view_columns[v->kind][n].title)
		n++;
	do
		*sort = (*sort + n + (size_t)columns) % n;
	while (!view_sorted_column(v)->key);
	v->reversed[v->kind] = false;
}

const char *
view_command(const struct view *v, struct snapshot_row *client)
{
	if (!client->command[0])
		snprintf(client->command, sizeof(client->command), "%s",
		         v->is_local ? clients_program((long long)client->values[CLIENT_PID]) : "-");
	return client->command;
}

/* The cell as text; `room` is for a number's, and may be NULL for the other columns. */
static struct slice
view_cell(const struct view *v, const struct view_column *c, struct snapshot_row *row, struct human_text *room)
{
	double value = row->values[c->value];
	const char *text = NULL; /* the one in `room` */

	switch (c->form) {
	case VIEW_NAME:
		return snapshot_text(v->snapshot, row->name);
	case VIEW_CHANNELS:
		return snapshot_text(v->snapshot, row->channels);
	case VIEW_USER:
		return snapshot_text(v->snapshot, row->user);
	case VIEW_COMMAND:
		text = view_command(v, row);
		break;
	case VIEW_STATE:
		text = snapshot_state_name(row->state);
		break;
	case VIEW_NUMBER:
		snprintf(room->text, sizeof(room->text), "%.0f", value);
		break;
	case VIEW_COUNT:
		*room = human_count(value);
		break;
	case VIEW_RATE:
		*room = v->snapshot->has_rates ? human_count(row->rates[c->value]) : (struct human_text){ "-" };
		break;
	case VIEW_BYTES:
		*room = human_size((uint64_t)value);
		break;
	case VIEW_AGE:
		*room = human_age((uint64_t)value);
		break;
	case VIEW_MICROSECONDS:
		*room = human_microseconds((uint64_t)value);
		break;
	case VIEW_BAR:
		text = "";
		break;
	}
	if (!text)
		text = room->text;
	return slice_of(text);
}

static double
view_number(const struct view_column *c, const struct snapshot_row *row)
{
	return c->form == VIEW_RATE ? row->rates[c->value] : row->values[c->value];
}

static double
view_bar_number(const struct view *v, const struct snapshot_row *row)
{
	const struct view_column *c = view_sorted_column(v);

	return view_number(view_is_text(c) || c->form == VIEW_NUMBER ? view_main_columns[v->kind] : c, row);
}

/* Whether one of the texts, or the pid, contains the filter, in any case. */
static bool
view_passes(const struct view *v, struct snapshot_row *row)
{
	size_t len = strlen(v->filter);
	struct human_text room;

	for (const struct view_column *c = view_columns[v->kind]; len > 0 && c->title; c++) {
		struct slice text;

		if (!view_is_text(c) && !(v->kind == SNAPSHOT_CLIENTS && c->value == CLIENT_PID))
			continue;
		text = view_cell(v, c, row, &room);
		for (size_t at = 0; at + len <= text.len; at++)
			if (strncasecmp((const char *)text.p + at, v->filter, len) == 0)
				return true;
	}
	return len == 0;
}

/* Numbers from the largest down, texts from A on. */
static int
view_sort_cb(const void *a, const void *b, void *arg)
{
	struct snapshot_row *x = *(struct snapshot_row *const *)a, *y = *(struct snapshot_row *const *)b;
	const struct view *v = arg;
	const struct view_column *c = view_sorted_column(v);
	double m = view_number(c, x), n = view_number(c, y);
	int order = (m < n) - (m > n);

	if (view_is_text(c)) /* which needs no room */
		order = snapshot_compare_texts(view_cell(v, c, x, NULL), view_cell(v, c, y, NULL));
	if (v->reversed[v->kind])
		order = -order;
	return order ? order : (x > y) - (x < y);
}

static void
view_find_selected(struct view *v)
{
	struct slice wanted = { v->selected_key.data, v->selected_key.len };

	for (size_t i = 0; v->has_selection && i < v->n_rows; i++) {
		const struct snapshot_row *row = v->rows[i];

		if (row->values[0] == v->selected_id &&
		    snapshot_compare_texts(snapshot_text(v->snapshot, row->key), wanted) == 0) {
			v->selected = i;
			return;
		}
	}
	v->has_selection = false;
}

void
view_update(struct view *v)
{
	const struct snapshot_list *list = &v->snapshot->lists[v->kind];

	if (v->cap < list->n) {
		v->rows = memory_resize(v->rows, list->n * sizeof(struct snapshot_row *));
		v->cap = list->n;
	}
	v->n_rows = 0;
	v->largest = 0;
	for (size_t i = 0; i < list->n; i++) {
		double bar = view_bar_number(v, &list->rows[i]);

		if (!view_passes(v, &list->rows[i]))
			continue;
		v->rows[v->n_rows++] = &list->rows[i];
		v->largest = bar > v->largest ? bar : v->largest;
	}
	if (v->n_rows > 0)
		qsort_r(v->rows, v->n_rows, sizeof(struct snapshot_row *), view_sort_cb, v);
	view_find_selected(v);
}

void
view_move(struct view *v, long rows)
{
	long row = v->has_selection ? (long)v->selected + rows : rows > 1 ? rows : 0;
	struct slice key;

	if (v->n_rows == 0)
		return;
	v->selected = row < 0 ? 0 : (size_t)row < v->n_rows ? (size_t)row : v->n_rows - 1;
	v->has_selection = true;
	v->selected_id = v->rows[v->selected]->values[0];
	key = snapshot_text(v->snapshot, v->rows[v->selected]->key);
	v->selected_key.len = 0;
	memory_check(buf_append(&v->selected_key, key.p, key.len));
}

void
view_unselect(struct view *v)
{
	v->has_selection = false;
	v->top = 0;
}

void
view_scroll(struct view *v, size_t height)
{
	if (!v->has_selection || height == 0)
		v->top = 0;
	else if (v->selected < v->top)
		v->top = v->selected;
	else if (v->selected >= v->top + height)
		v->top = v->selected - height + 1;
	if (v->top > 0 && v->top + height > v->n_rows)
		v->top = v->n_rows > height ? v->n_rows - height : 0;
}

/*
 * Which columns there is room for, the lowest ranks first; 0: not shown. This depends on the width alone, so that the
 * cells of all lines are below one another. The column that rows are sorted by is the last to go.
 */
static void
view_find_widths(const struct view *v, size_t width, size_t *ret_widths)
{
	const struct view_column *columns = view_columns[v->kind];
	size_t used = 0, widest = v->sort[v->kind]; /* that takes the rest */

	memset(ret_widths, 0, VIEW_COLUMNS_MAX * sizeof(*ret_widths));
	for (size_t rank = 0; rank <= VIEW_COLUMNS_MAX; rank++) {
		for (size_t i = 0; columns[i].title; i++) {
			size_t more = columns[i].width + (used > 0);

			if ((i == v->sort[v->kind] ? 0 : columns[i].rank) != rank || used + more > width)
				continue;
			ret_widths[i] = columns[i].width;
			used += more;
		}
	}
	for (size_t i = 0; columns[i].title; i++)
		if (columns[i].form <= VIEW_CHANNELS && ret_widths[i] > 0)
			widest = i;
	if (used == 0 || (columns[widest].form <= VIEW_CHANNELS && ret_widths[widest] > 0))
		ret_widths[widest] += width - used;
}

void
view_put_line(const struct view *v, struct snapshot_row *row, struct buf *out, size_t width)
{
	const struct view_column *columns = view_columns[v->kind], *sorted = view_sorted_column(v);
	size_t start = out->len, widths[VIEW_COLUMNS_MAX];
	bool is_falling = view_is_text(sorted) == v->reversed[v->kind];
	const char *mark = v->unicode ? is_falling ? "▾" : "▴" : is_falling ? "v" : "^";
	struct human_text room;
	struct slice text;

	view_find_widths(v, width, widths);
	for (size_t i = 0; columns[i].title; i++) {
		if (widths[i] == 0)
			continue;
		if (out->len > start)
			memory_check(buf_append(out, " ", 1));
		if (row && columns[i].form == VIEW_BAR) {
			figure_bar(out, v->largest > 0 ? view_bar_number(v, row) / v->largest : 0, widths[i],
			           v->unicode);
			continue;
		}
		if (row) {
			text = view_cell(v, &columns[i], row, &room);
		} else {
			snprintf(room.text, sizeof(room.text), "%s%s", columns[i].title,
			         &columns[i] == sorted ? mark : "");
			text = slice_of(room.text);
		}
		figure_fit(out, text, widths[i], !view_is_text(&columns[i]) && columns[i].form != VIEW_BAR, v->unicode);
	}
}

struct snapshot_row *
view_selected_client(const struct view *v)
{
	return v->kind == SNAPSHOT_CLIENTS && v->has_selection ? v->rows[v->selected] : NULL;
}
