/* A refresh as plain text: the lines of the page, and the first rows of both tables. */
#include <string.h>
#include <time.h>

#include "figure.h"
#include "memory.h"
#include "output.h"
#include "report.h"
#include "top.h"

#define WIDTH ((size_t)120)
#define ROWS ((size_t)20)

/* Puts t->line out, without blanks at its end. */
static void
put_line(struct top *t)
{
	struct buf fitted = { 0 };
	uint8_t *out;

	figure_fit(&fitted, (struct slice){ t->line.data, t->line.len }, WIDTH, false, t->view.unicode);
	while (fitted.len > 0 && fitted.data[fitted.len - 1] == ' ')
		fitted.len--;
	out = output_reserve(t->batch, fitted.len + 1);
	if (fitted.len > 0)
		memcpy(out, fitted.data, fitted.len);
	out[fitted.len] = '\n';
	output_commit(t->batch, fitted.len + 1);
	buf_deinit(&fitted);
	t->line.len = 0;
}

static void
put_time(struct top *t)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S  ", &tm);
	memory_check(buf_printf(&t->line, "%s", text));
}

static void
put_table(struct top *t, enum view_kind kind)
{
	struct view *v = &t->view;

	v->kind = kind;
	view_update(v, &t->now);
	put_line(t);
	report_put_views(&t->line, v, &t->now);
	put_line(t);
	view_put_heading(v, &t->line, WIDTH);
	put_line(t);
	for (size_t row = 0; row < v->n_rows && row < ROWS; row++) {
		view_put_row(v, &t->now, row, &t->line, WIDTH);
		put_line(t);
	}
	if (v->n_rows > ROWS) {
		memory_check(buf_printf(&t->line, "and %zu more", v->n_rows - ROWS));
		put_line(t);
	}
}

void
top_print(struct top *t)
{
	enum view_kind first = t->view.kind;

	put_time(t);
	report_put_title(&t->line, &t->now, fetch_name(t->fetch));
	put_line(t);
	report_put_traffic(&t->line, &t->now);
	put_line(t);
	report_put_load(&t->line, &t->now);
	put_line(t);
	if (report_put_warning(&t->line, &t->view, &t->now) != VIEW_PLAIN)
		put_line(t);
	put_table(t, first);
	put_table(t, first == VIEW_CHANNELS ? VIEW_CLIENTS : VIEW_CHANNELS);
	put_line(t);
	t->view.kind = first;
	output_flush(t->batch);
}

void
top_print_loss(struct top *t)
{
	char why[512];

	put_time(t);
	fetch_explain(t->fetch, why, sizeof(why));
	memory_check(buf_printf(&t->line, "reconnecting... %s", why));
	put_line(t);
	output_flush(t->batch);
}
