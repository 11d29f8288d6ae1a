/*
 * The page from its top: title, traffic, load, a line for what is wrong, the views, the heading, the rows, and
 * at the bottom the keys or a question. Low terminals lack some of it.
 */
#include <stdio.h>
#include <string.h>

#include "figure.h"
#include "loop.h"
#include "memory.h"
#include "report.h"
#include "screen.h"
#include "top.h"

/* How long an answer may take, beside the interval, before it is said that there is none; in ms. */
#define PATIENCE ((uint64_t)2000)

static const char *const help[] = {
	"udsctl top shows what goes through the daemon.",
	"",
	"  Tab  c  l        the other view; channels; clients",
	"  Up Down  i j     select a row;  PgUp PgDn Home End move further",
	"  s  < >           sort by the next column; by the one on the left, right",
	"  r                reverse the order",
	"  /                filter by name, user, pid, command or channel; Esc clears",
	"  k                kill the client that is selected",
	"  p                pause",
	"  + -              refresh less often, more often",
	"  Space            refresh now",
	"  h ?              this help",
	"  q                quit",
	"",
	"The bars show the column that is sorted by, beside the largest. A channel",
	"is red while receivers are clogged or messages dropped, and yellow while",
	"publishers wait. States of clients: open, receives, multi, monitors, full",
	"(its socket takes no more), waits (its command does), closing, clogged (it",
	"has more unsent than its limit).",
};

/* What is in t->line, cut off or filled up. */
static void
put_line(struct top *t, size_t line, enum screen_style style)
{
	struct buf fitted = { 0 };

	figure_fit(&fitted, (struct slice){ t->line.data, t->line.len }, screen_width(), false, t->view.unicode);
	screen_put(line, (struct slice){ fitted.data, fitted.len }, style);
	buf_deinit(&fitted);
	t->line.len = 0;
}

static enum screen_style
style_of(enum view_tone tone)
{
	switch (tone) {
	case VIEW_PLAIN:
		return SCREEN_PLAIN;
	case VIEW_NOTABLE:
		return SCREEN_NOTABLE;
	case VIEW_BAD:
		return SCREEN_BAD;
	}
	return SCREEN_PLAIN;
}

/* "every 500ms", "paused": at the right end of the title. */
static void
put_title(struct top *t)
{
	char right[64];
	size_t width = screen_width(), left;

	report_put_title(&t->line, &t->now, fetch_name(t->fetch));
	if (t->paused)
		snprintf(right, sizeof(right), "PAUSED");
	else if (t->interval % 1000)
		snprintf(right, sizeof(right), "every %llums", (unsigned long long)t->interval);
	else
		snprintf(right, sizeof(right), "every %llus", (unsigned long long)t->interval / 1000);
	left = t->line.len;
	if (left + 2 + strlen(right) <= width)
		memory_check(buf_printf(&t->line, "%*s", (int)(width - left), right));
}

/* What is wrong with the connection comes before what is wrong in the daemon. */
static enum view_tone
put_trouble(struct top *t)
{
	uint64_t since = fetch_waits_since(t->fetch), now = loop_now();
	char why[512];

	if (!fetch_is_up(t->fetch)) {
		fetch_explain(t->fetch, why, sizeof(why));
		memory_check(buf_printf(&t->line, "reconnecting... %s", why));
		return VIEW_BAD;
	}
	if (since > 0 && now - since > PATIENCE) {
		memory_check(buf_printf(&t->line, "no answer for %llus", (unsigned long long)(now - since) / 1000));
		return VIEW_BAD;
	}
	return t->now.taken_at > 0 ? report_put_warning(&t->line, &t->view, &t->now) : VIEW_PLAIN;
}

/* Draws what stands above the rows; returns how many lines that are. */
static size_t
draw_head(struct top *t, size_t height)
{
	size_t line = 0;
	enum view_tone tone;

	if (height >= 6) {
		put_title(t);
		put_line(t, line++, SCREEN_BOLD);
	}
	if (height >= 8 && t->now.taken_at > 0) {
		report_put_traffic(&t->line, &t->now);
		put_line(t, line++, SCREEN_PLAIN);
	}
	if (height >= 12 && t->now.taken_at > 0) {
		report_put_load(&t->line, &t->now);
		put_line(t, line++, SCREEN_PLAIN);
	}
	/* It has a line of its own where there is room, so that the table does not jump. */
	tone = put_trouble(t);
	if (tone != VIEW_PLAIN || height >= 12)
		put_line(t, line++, style_of(tone));
	if (t->now.taken_at == 0)
		return line;
	if (height >= 10) {
		report_put_views(&t->line, &t->view, &t->now);
		put_line(t, line++, SCREEN_PLAIN);
	}
	if (height >= 4 && line + 1 < height) {
		view_put_heading(&t->view, &t->line, screen_width());
		put_line(t, line++, SCREEN_REVERSE);
	}
	return line;
}

static void
draw_rows(struct top *t, size_t first, size_t end)
{
	struct view *v = &t->view;

	t->table_height = end > first ? end - first : 0;
	view_scroll(v, t->table_height);
	for (size_t line = first; line < end; line++) {
		size_t row = v->top + line - first;
		bool selected = v->has_selection && row == v->selected;

		if (row >= v->n_rows || t->now.taken_at == 0) {
			put_line(t, line, SCREEN_PLAIN);
			continue;
		}
		view_put_row(v, &t->now, row, &t->line, screen_width());
		put_line(t, line, selected ? SCREEN_REVERSE : style_of(view_row_tone(v, &t->now, row)));
	}
}

/* Returns the column of the cursor, or -1. */
static long
draw_foot(struct top *t, size_t line)
{
	static const char *const keys = "q quit  h help  Tab view  s sort  / filter  k kill  p pause  + - interval";
	long cursor = -1;

	switch (t->mode) {
	case TOP_FILTER:
		memory_check(buf_printf(&t->line, "filter: %s", t->view.filter));
		cursor = (long)strlen("filter: ") + (long)figure_width(t->view.filter);
		if (cursor >= (long)screen_width())
			cursor = -1;
		break;
	case TOP_CONFIRM:
		memory_check(buf_printf(&t->line, "kill %s? y or n", t->kill_who));
		break;
	case TOP_TABLE:
	case TOP_HELP:
		memory_check(buf_printf(&t->line, "%s", t->message[0] ? t->message : keys));
		break;
	}
	put_line(t, line, t->mode == TOP_TABLE && !t->message[0] ? SCREEN_PLAIN : SCREEN_BOLD);
	return cursor;
}

static void
draw_help(struct top *t)
{
	size_t n = sizeof(help) / sizeof(help[0]), last = screen_height() - 1;

	for (size_t line = 0; line < last; line++) {
		if (line < n)
			memory_check(buf_printf(&t->line, "%s", help[line]));
		put_line(t, line, SCREEN_PLAIN);
	}
	memory_check(buf_printf(&t->line, "Any key goes back."));
	put_line(t, last, SCREEN_BOLD);
	screen_show(0, -1);
}

void
top_draw(struct top *t)
{
	size_t height = screen_height(), first, foot;
	long cursor;

	if (t->mode == TOP_HELP) {
		draw_help(t);
		return;
	}
	first = draw_head(t, height);
	foot = height >= 3 || t->mode != TOP_TABLE || t->message[0] ? height - 1 : height;
	draw_rows(t, first, foot);
	cursor = foot < height ? draw_foot(t, foot) : -1;
	screen_show(foot, cursor);
}
