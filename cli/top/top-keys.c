#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <wchar.h>

#include "clients.h"
#include "loop.h"
#include "screen.h"
#include "top.h"

/* What + and - choose from, in ms. */
static const uint64_t intervals[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000 };

#define N_INTERVALS (sizeof(intervals) / sizeof(intervals[0]))

static void
change_interval(struct top *t, bool longer)
{
	size_t i = 0;

	while (i < N_INTERVALS && (longer ? intervals[i] <= t->interval : intervals[i] < t->interval))
		i++;
	if (longer && i < N_INTERVALS)
		t->interval = intervals[i];
	else if (!longer && i > 0)
		t->interval = intervals[i - 1];
	else
		return;
	if (!t->paused && fetch_waits_since(t->fetch) == 0)
		top_schedule(t, t->interval);
}

static void
pause_or_go_on(struct top *t)
{
	t->paused = !t->paused;
	if (!t->paused)
		fetch_snapshot(t->fetch);
}

/* Asks whether the client that is selected is meant. */
static void
ask_kill(struct top *t)
{
	const struct snapshot_client *c = view_selected_client(&t->view, &t->now);

	if (t->view.kind != VIEW_CLIENTS) {
		snprintf(t->message, sizeof(t->message), "clients are killed in their view: press l");
	} else if (!c) {
		snprintf(t->message, sizeof(t->message), "select a client first, with the arrow keys");
	} else if (t->view.is_local && c->pid == getpid()) {
		snprintf(t->message, sizeof(t->message), "that is this udsctl top; q quits");
	} else {
		t->kill_id = c->id;
		snprintf(t->kill_who, sizeof(t->kill_who), "client %" PRIu64 " (pid %" PRId64 " %s, %s)", c->id, c->pid,
		         t->view.is_local ? clients_program(c->pid) : "-", clients_user(c->uid));
		t->mode = TOP_CONFIRM;
	}
}

static void
press_confirm(struct top *t, unsigned int key)
{
	t->mode = TOP_TABLE;
	if (key != 'y' && key != 'Y')
		snprintf(t->message, sizeof(t->message), "not killed");
	else if (!fetch_kill(t->fetch, t->kill_id))
		snprintf(t->message, sizeof(t->message), "not killed: there is no connection, or no answer");
}

static void
add_to_filter(struct view *v, unsigned int key)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = { 0 };
	size_t len = strlen(v->filter), n = wcrtomb(bytes, (wchar_t)key, &state);

	if (n == (size_t)-1 || len + n >= sizeof(v->filter))
		return;
	memcpy(v->filter + len, bytes, n);
	v->filter[len + n] = '\0';
}

/* The last character, all of its bytes. */
static void
cut_filter(struct view *v)
{
	size_t len = strlen(v->filter);

	while (len > 0 && ((unsigned char)v->filter[--len] & 0xc0) == 0x80)
		;
	v->filter[len] = '\0';
}

static void
press_filter(struct top *t, unsigned int key)
{
	struct view *v = &t->view;

	if (key == SCREEN_KEY_ESCAPE)
		v->filter[0] = '\0';
	if (key == SCREEN_KEY_ESCAPE || key == '\n')
		t->mode = TOP_TABLE;
	else if (key == SCREEN_KEY_BACKSPACE)
		cut_filter(v);
	else if (key >= ' ' && key < SCREEN_KEY_UP)
		add_to_filter(v, key);
	view_update(v, &t->now);
}

/* Returns whether the key is one of these. */
static bool
press_movement(struct top *t, unsigned int key)
{
	long page = t->table_height > 1 ? (long)t->table_height - 1 : 1, all = (long)t->view.n_rows, rows;

	switch (key) {
	case SCREEN_KEY_UP:
	case 'i':
		rows = -1;
		break;
	case SCREEN_KEY_DOWN:
	case 'j':
		rows = 1;
		break;
	case SCREEN_KEY_PAGE_UP:
		rows = -page;
		break;
	case SCREEN_KEY_PAGE_DOWN:
		rows = page;
		break;
	case SCREEN_KEY_HOME:
		rows = -all;
		break;
	case SCREEN_KEY_END:
		rows = all;
		break;
	default:
		return false;
	}
	view_move(&t->view, &t->now, rows);
	return true;
}

static void
show_kind(struct view *v, enum view_kind kind)
{
	if (v->kind != kind)
		view_unselect(v);
	v->kind = kind;
}

/* Returns whether the key is one of these. */
static bool
press_view(struct top *t, unsigned int key)
{
	struct view *v = &t->view;

	switch (key) {
	case '\t':
		show_kind(v, v->kind == VIEW_CHANNELS ? VIEW_CLIENTS : VIEW_CHANNELS);
		break;
	case 'c':
		show_kind(v, VIEW_CHANNELS);
		break;
	case 'l':
		show_kind(v, VIEW_CLIENTS);
		break;
	case 's':
	case '>':
		view_move_sort(v, 1);
		break;
	case '<':
		view_move_sort(v, -1);
		break;
	case 'r':
		v->reversed[v->kind] = !v->reversed[v->kind];
		break;
	case SCREEN_KEY_ESCAPE:
		v->filter[0] = '\0';
		view_unselect(v);
		break;
	default:
		return false;
	}
	view_update(v, &t->now);
	return true;
}

static void
press_table(struct top *t, unsigned int key)
{
	if (press_movement(t, key) || press_view(t, key))
		return;
	switch (key) {
	case '/':
		t->mode = TOP_FILTER;
		break;
	case 'k':
		ask_kill(t);
		break;
	case 'p':
		pause_or_go_on(t);
		break;
	case '+':
	case '-':
		change_interval(t, key == '+');
		break;
	case ' ':
		fetch_snapshot(t->fetch);
		break;
	case 'h':
	case '?':
		t->mode = TOP_HELP;
		break;
	case 'q':
		loop_end(t->loop, EX_OK);
		break;
	}
}

void
top_press(struct top *t, unsigned int key)
{
	t->message[0] = '\0';
	switch (t->mode) {
	case TOP_TABLE:
		press_table(t, key);
		break;
	case TOP_FILTER:
		press_filter(t, key);
		break;
	case TOP_CONFIRM:
		press_confirm(t, key);
		break;
	case TOP_HELP:
		t->mode = TOP_TABLE;
		break;
	}
}
