/*
 * The page from its top: title, traffic, load, what is wrong, the names of the tables, the heading, the rows, and at
 * the bottom of a terminal the keys or a question. Low terminals lack some of it. On a terminal and as text the lines
 * are made alike; page_put_line() alone knows where they go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "figure.h"
#include "human.h"
#include "loop.h"
#include "output.h"
#include "top.h"

/* Of plain text. */
#define TEXT_WIDTH ((size_t)120)
#define TEXT_ROWS ((size_t)20)

/* How long after its question an answer counts as late, in ms. */
#define LATE ((uint64_t)2000)

/* Fits 40 columns and, with the line below it, 24 lines. */
static const char *const page_help[] = {
	"What goes through the daemon. Keys:",
	"",
	"Tab c l    next, channels, clients,",
	"    t g v  streams, groups, services",
	"Up Down    select a row (also i j)",
	"PgUp PgDn  select further (Home End)",
	"s < >      sort by next, left, right",
	"r          reverse the order",
	"/          filter by name, user, pid,",
	"           command, state; Esc clears",
	"k          kill the selected client",
	"p          pause",
	"+ -        refresh less, more often",
	"Space      refresh now",
	"h ?        this help",
	"q          quit",
	"",
	"Bars: the sorted column. Red: receivers",
	"clogged or messages dropped. Yellow:",
	"publishers wait. States: open, receives,",
	"multi, monitors, full (its socket takes",
	"no more), waits (its command does),",
	"closing, clogged (over its limit).",
};

static size_t
page_width(const struct top *t)
{
	return t->batch ? TEXT_WIDTH : screen_width();
}

/* Puts t->line out as the next line, cut off or filled up to the width; as text without blanks at its end. */
static void
page_put_line(struct top *t, enum screen_style style)
{
	struct slice line = { t->line.data, t->line.len };
	struct buf fitted = { 0 };

	figure_fit(&fitted, line, page_width(t), false, t->view.unicode);
	if (t->batch) {
		while (fitted.len > 0 && fitted.data[fitted.len - 1] == ' ')
			fitted.len--;
		memory_check(buf_append(&fitted, "\n", 1));
		output_append(t->batch, fitted.data, fitted.len);
	} else {
		screen_put(t->n_lines++, (struct slice){ fitted.data, fitted.len }, style);
	}
	buf_deinit(&fitted);
	t->line.len = 0;
}

static void
page_put_table_line(struct top *t, struct snapshot_row *row, enum screen_style style)
{
	view_put_line(&t->view, row, &t->line, page_width(t));
	page_put_line(t, style);
}

/* What is wrong with the connection comes before what is wrong in the daemon. */
static enum screen_style
page_put_trouble(struct top *t)
{
	const struct client *client = t->fetch.client;
	uint64_t asked_at = t->fetch.asked_at, now = loop_now();
	char why[512];

	if (!client_is_up(client)) {
		client_explain(client, why, sizeof(why));
		TOP_PUT(t, "reconnecting... %s", why);
		return SCREEN_BAD;
	}
	if (asked_at > 0 && now - asked_at > LATE) {
		TOP_PUT(t, "no answer for %" PRIu64 "s", (now - asked_at) / 1000);
		return SCREEN_BAD;
	}
	return t->now.taken_at > 0 ? report_put_warning(t) : SCREEN_PLAIN;
}

static void
page_put_time(struct top *t)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	TOP_PUT(t, "%s  ", text);
}

/* What is above the tables. */
static void
page_put_head(struct top *t, size_t height)
{
	enum screen_style trouble;
	char right[64] = "PAUSED";

	t->title_says_paused = false;
	if (height >= 6) {
		if (t->batch)
			page_put_time(t);
		report_put_title(t);
		/* At the right end, if there is room. */
		if (!t->paused)
			snprintf(right, sizeof(right), "every %s", human_exact_duration(t->interval).text);
		if (!t->batch && t->line.len + 2 + strlen(right) <= screen_width()) {
			TOP_PUT(t, "%*s", (int)(screen_width() - t->line.len), right);
			t->title_says_paused = t->paused;
		}
		page_put_line(t, SCREEN_BOLD);
	}
	if (height >= 8 && t->now.taken_at > 0) {
		report_put_traffic(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	if (height >= 12 && t->now.taken_at > 0) {
		report_put_load(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	if (height >= 14 && t->now.taken_at > 0 && view_has(&t->view, SNAPSHOT_STREAMS)) {
		report_put_streams(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	if (height >= 16 && t->now.taken_at > 0 && view_has(&t->view, SNAPSHOT_SERVICES)) {
		report_put_services(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	/* On a terminal it has a line of its own where there is room, so that the table does not jump. */
	trouble = page_put_trouble(t);
	if (trouble != SCREEN_PLAIN || (height >= 12 && !t->batch))
		page_put_line(t, trouble);
}

/* Returns the column of the cursor, or -1. */
static long
page_draw_foot(struct top *t)
{
	static const char *const keys = "q quit  h help  Tab view  s sort  / filter  k kill  p pause  + - interval";
	bool is_plain = t->mode == TOP_TABLE && !t->message[0];
	size_t cursor = screen_width();

	if (t->mode == TOP_FILTER) {
		TOP_PUT(t, "filter: %s", t->view.filter);
		cursor = strlen("filter: ") + figure_width(t->view.filter, t->view.unicode);
	} else if (t->mode == TOP_CONFIRM) {
		/* Where not all of it has room, the keys come first. */
		if (figure_width(t->kill_who, t->view.unicode) + strlen("kill ? y or n") <= screen_width())
			TOP_PUT(t, "kill %s? y or n", t->kill_who);
		else
			TOP_PUT(t, "y or n: kill %s", t->kill_who);
	} else {
		TOP_PUT(t, "%s%s", is_plain && t->paused && !t->title_says_paused ? "PAUSED  " : "",
		        is_plain ? keys : t->message);
	}
	page_put_line(t, is_plain ? SCREEN_PLAIN : SCREEN_BOLD);
	return cursor < screen_width() ? (long)cursor : -1;
}

static enum screen_style
page_row_style(const struct view *v, const struct snapshot_row *row)
{
	bool is_bad = false, is_notable = false;

	if (v->kind == SNAPSHOT_CHANNELS) {
		is_bad = row->values[CHANNEL_CLOGGED] > 0 || row->rates[CHANNEL_DROPPED] > 0;
		is_notable = row->values[CHANNEL_WAITING] > 0;
	} else if (v->kind == SNAPSHOT_CLIENTS) {
		is_bad = row->state == STATE_CLOGGED;
		is_notable = row->state == STATE_FULL || row->state == STATE_WAITS;
	} else if (v->kind == SNAPSHOT_GROUPS) {
		is_notable = row->values[GROUP_LAG] > 0 && row->values[GROUP_CONSUMERS] == 0;
	} else if (v->kind == SNAPSHOT_SERVICES) {
		is_bad = row->rates[SERVICE_FAILED] > 0;
		is_notable = row->values[SERVICE_WAITING] > 0;
	}
	return is_bad ? SCREEN_BAD : is_notable ? SCREEN_NOTABLE : SCREEN_PLAIN;
}

static void
page_draw(struct top *t)
{
	size_t height = screen_height(), foot = height;
	struct view *v = &t->view;
	long cursor = -1;

	page_put_head(t, height);
	if (height >= 10 && t->now.taken_at > 0) {
		report_put_tables(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	if (height >= 4 && t->n_lines + 1 < height && t->now.taken_at > 0)
		page_put_table_line(t, NULL, SCREEN_REVERSE);
	if (height >= 3 || t->mode != TOP_TABLE || t->message[0])
		foot = height - 1;
	t->table_height = foot > t->n_lines ? foot - t->n_lines : 0;
	view_scroll(v, t->table_height);
	for (size_t row = v->top; t->n_lines < foot; row++) {
		bool is_selected = v->has_selection && row == v->selected;

		if (row < v->n_rows)
			page_put_table_line(t, v->rows[row],
			                    is_selected ? SCREEN_REVERSE : page_row_style(v, v->rows[row]));
		else
			page_put_line(t, SCREEN_PLAIN);
	}
	if (foot < height) {
		t->n_lines = foot;
		cursor = page_draw_foot(t);
	}
	screen_show(foot, cursor);
}

static void
page_print(struct top *t)
{
	enum snapshot_kind first = t->view.kind;
	struct view *v = &t->view;

	page_put_head(t, SIZE_MAX);
	for (size_t i = 0; i < SNAPSHOT_LISTS; i++) {
		v->kind = first;
		if (!view_has(v, (enum snapshot_kind)((first + i) % SNAPSHOT_LISTS)))
			continue;
		v->kind = (enum snapshot_kind)((first + i) % SNAPSHOT_LISTS);
		view_update(v);
		page_put_line(t, SCREEN_PLAIN);
		report_put_tables(t);
		page_put_line(t, SCREEN_PLAIN);
		page_put_table_line(t, NULL, SCREEN_PLAIN);
		for (size_t row = 0; row < v->n_rows && row < TEXT_ROWS; row++)
			page_put_table_line(t, v->rows[row], SCREEN_PLAIN);
		if (v->n_rows > TEXT_ROWS) {
			TOP_PUT(t, "and %zu more", v->n_rows - TEXT_ROWS);
			page_put_line(t, SCREEN_PLAIN);
		}
	}
	page_put_line(t, SCREEN_PLAIN);
	v->kind = first;
}

static void
page_draw_help(struct top *t)
{
	size_t n = sizeof(page_help) / sizeof(page_help[0]), end = t->help_top + screen_height() - 1;

	for (size_t i = t->help_top; i < end; i++) {
		if (i < n)
			TOP_PUT(t, "%s", page_help[i]);
		page_put_line(t, SCREEN_PLAIN);
	}
	t->help_goes_on = end < n && screen_height() > 1;
	TOP_PUT(t, "%s", t->help_goes_on ? "Space goes on, another key back." : "Any key goes back.");
	page_put_line(t, SCREEN_BOLD);
	screen_show(0, -1);
}

void
page_show(struct top *t)
{
	if (!t->batch && screen_is_busy())
		return;
	t->n_lines = 0;
	if (!t->batch && t->mode == TOP_HELP) {
		page_draw_help(t);
		return;
	}
	if (!t->batch) {
		page_draw(t);
		return;
	}
	if (client_is_up(t->fetch.client)) {
		page_print(t);
	} else {
		page_put_time(t);
		page_put_trouble(t);
		page_put_line(t, SCREEN_PLAIN);
	}
	output_flush(t->batch);
}
