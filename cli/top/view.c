/*
 * What rows are sorted by is found once for each row, so that sorting compares plain values; and only rows that
 * are seen become text. What is selected is remembered by its id or name: rows move, and a key pressed a moment
 * late must not mean another client.
 */
#include "view.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "view-columns.h"

struct view_row {
	size_t index; /* in the snapshot */
	double number;
	struct slice text;
};

static const struct view_column *
sorted_column(const struct view *v)
{
	return &view_columns[v->kind][v->sort[v->kind]];
}

void
view_init(struct view *v, bool unicode, bool is_local)
{
	*v = (struct view){ .unicode = unicode, .is_local = is_local };
	view_sort_by(v, "delivered");
	view_sort_by(v, "messages");
}

void
view_deinit(struct view *v)
{
	free(v->rows);
	buf_deinit(&v->selected_name);
}

bool
view_sort_by(struct view *v, const char *key)
{
	for (enum view_kind kind = 0; kind < VIEW_KINDS; kind++) {
		for (size_t i = 0; view_columns[kind][i].title; i++) {
			if (!view_columns[kind][i].key || strcmp(view_columns[kind][i].key, key) != 0)
				continue;
			v->kind = kind;
			v->sort[kind] = i;
			v->reversed[kind] = false;
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
	for (enum view_kind kind = 0; kind < VIEW_KINDS; kind++)
		for (const struct view_column *c = view_columns[kind]; c->title && used < size; c++)
			if (c->key)
				used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", c->key);
}

void
view_move_sort(struct view *v, int columns)
{
	size_t n = view_n_columns(v->kind), *sort = &v->sort[v->kind];

	do
		*sort = (*sort + n + (size_t)columns) % n;
	while (!sorted_column(v)->key);
	v->reversed[v->kind] = false;
}

const char *
view_sort_title(const struct view *v)
{
	return sorted_column(v)->title;
}

static bool
has_text(struct slice text, const char *part)
{
	size_t len = strlen(part);

	for (size_t at = 0; at + len <= text.len; at++) {
		size_t i = 0;

		while (i < len && tolower(text.p[at + i]) == tolower((unsigned char)part[i]))
			i++;
		if (i == len)
			return true;
	}
	return false;
}

/* Whether one of the texts of the row, or the pid, has the filter in it. */
static bool
passes(const struct view *v, struct snapshot *s, size_t index)
{
	char pid[24];

	if (!v->filter[0])
		return true;
	for (const struct view_column *c = view_columns[v->kind]; c->title; c++)
		if (c->text && has_text(c->text(v, s, index), v->filter))
			return true;
	if (v->kind != VIEW_CLIENTS)
		return false;
	snprintf(pid, sizeof(pid), "%lld", (long long)s->clients[index].pid);
	return has_text((struct slice){ (const uint8_t *)pid, strlen(pid) }, v->filter);
}

/* Numbers from the largest down, texts from A on. */
static int
compare_rows(const void *a, const void *b, void *arg)
{
	const struct view *v = arg;
	const struct view_row *x = a, *y = b;
	size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order;

	if (sorted_column(v)->number) {
		order = (x->number < y->number) - (x->number > y->number);
	} else {
		order = len > 0 ? memcmp(x->text.p, y->text.p, len) : 0;
		if (order == 0)
			order = (x->text.len > y->text.len) - (x->text.len < y->text.len);
	}
	if (v->reversed[v->kind])
		order = -order;
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static size_t
n_things(const struct view *v, const struct snapshot *s)
{
	return v->kind == VIEW_CHANNELS ? s->n_channels : s->n_clients;
}

/* With name_of(), tells one from the others. */
static uint64_t
id_of(const struct view *v, const struct snapshot *s, size_t index)
{
	return v->kind == VIEW_CHANNELS ? s->channels[index].is_shard : s->clients[index].id;
}

static struct slice
name_of(const struct view *v, const struct snapshot *s, size_t index)
{
	return v->kind == VIEW_CHANNELS ? snapshot_text(s, s->channels[index].name) : (struct slice){ 0 };
}

static void
find_selected(struct view *v, const struct snapshot *s)
{
	for (size_t i = 0; v->has_selection && i < v->n_rows; i++) {
		struct slice name = name_of(v, s, v->rows[i].index);

		if (id_of(v, s, v->rows[i].index) == v->selected_id && name.len == v->selected_name.len &&
		    (name.len == 0 || memcmp(name.p, v->selected_name.data, name.len) == 0)) {
			v->selected = i;
			return;
		}
	}
	v->has_selection = false;
}

/* The bars show a number that the rows are sorted by, else the rate. */
static double
bar_number(const struct view *v, const struct snapshot *s, size_t index)
{
	const struct view_column *c = sorted_column(v);

	if (c->number && c->figure != VIEW_NUMBER)
		return c->number(s, index);
	return v->kind == VIEW_CHANNELS ? s->channels[index].message_rate : s->clients[index].deliver_rate;
}

void
view_update(struct view *v, struct snapshot *s)
{
	const struct view_column *c = sorted_column(v);
	size_t n = n_things(v, s);

	if (v->cap < n) {
		v->rows = realloc(v->rows, n * sizeof(*v->rows));
		memory_check(v->rows ? 0 : -1);
		v->cap = n;
	}
	v->n_rows = 0;
	v->largest = 0;
	for (size_t i = 0; i < n; i++) {
		struct view_row *row = &v->rows[v->n_rows];
		double bar = bar_number(v, s, i);

		if (!passes(v, s, i))
			continue;
		*row = (struct view_row){ .index = i };
		if (c->number)
			row->number = c->number(s, i);
		else
			row->text = c->text(v, s, i);
		if (bar > v->largest)
			v->largest = bar;
		v->n_rows++;
	}
	if (v->n_rows > 0)
		qsort_r(v->rows, v->n_rows, sizeof(*v->rows), compare_rows, v);
	find_selected(v, s);
}

static void
select_row(struct view *v, const struct snapshot *s, size_t row)
{
	struct slice name = name_of(v, s, v->rows[row].index);

	v->has_selection = true;
	v->selected = row;
	v->selected_id = id_of(v, s, v->rows[row].index);
	v->selected_name.len = 0;
	memory_check(buf_append(&v->selected_name, name.p, name.len));
}

void
view_move(struct view *v, const struct snapshot *s, long rows)
{
	long row = v->has_selection ? (long)v->selected + rows : rows > 1 ? rows : 0;

	if (v->n_rows == 0)
		return;
	if (row < 0)
		row = 0;
	select_row(v, s, (size_t)row < v->n_rows ? (size_t)row : v->n_rows - 1);
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

enum view_tone
view_row_tone(const struct view *v, const struct snapshot *s, size_t row)
{
	size_t index = v->rows[row].index;

	if (v->kind == VIEW_CHANNELS) {
		const struct snapshot_channel *c = &s->channels[index];

		return c->clogged > 0 || c->drop_rate > 0 ? VIEW_BAD : c->waiting > 0 ? VIEW_NOTABLE : VIEW_PLAIN;
	}
	switch (s->clients[index].state) {
	case SNAPSHOT_CLOGGED:
		return VIEW_BAD;
	case SNAPSHOT_FULL:
	case SNAPSHOT_WAITS:
		return VIEW_NOTABLE;
	case SNAPSHOT_OPEN:
	case SNAPSHOT_SUBSCRIBED:
	case SNAPSHOT_TRANSACTION:
	case SNAPSHOT_MONITOR:
	case SNAPSHOT_CLOSING:
		break;
	}
	return VIEW_PLAIN;
}

const struct snapshot_client *
view_selected_client(const struct view *v, const struct snapshot *s)
{
	return v->kind == VIEW_CLIENTS && v->has_selection ? &s->clients[v->rows[v->selected].index] : NULL;
}

double
view_row_bar(const struct view *v, const struct snapshot *s, size_t row)
{
	return v->largest > 0 ? bar_number(v, s, v->rows[row].index) / v->largest : 0;
}

size_t
view_row_index(const struct view *v, size_t row)
{
	return v->rows[row].index;
}
