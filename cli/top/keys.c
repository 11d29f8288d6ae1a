/* What each key does: in the table, while a filter is typed, and at a question. */
#include <inttypes.h>
#include <limits.h>
#include <ncurses.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <wchar.h>

#include "loop.h"
#include "top.h"

/* Asks whether to kill the client that is selected. */
static void
keys_kill(struct top *t)
{
	struct snapshot_row *c = view_selected_client(&t->view);
	struct slice user;

	if (t->view.kind != SNAPSHOT_CLIENTS) {
		snprintf(t->message, sizeof(t->message), "clients are killed in their view: press l");
	} else if (!c) {
		snprintf(t->message, sizeof(t->message), "select a client first, with the arrow keys");
	} else if (t->view.is_local && c->values[CLIENT_PID] == getpid()) {
		snprintf(t->message, sizeof(t->message), "that is this udsctl top; q quits");
	} else {
		user = snapshot_text(&t->now, c->user);
		t->kill_id = (uint64_t)c->values[CLIENT_ID];
		snprintf(t->kill_who, sizeof(t->kill_who), "client %" PRIu64 " (pid %.0f %s, %.*s)", t->kill_id,
		         c->values[CLIENT_PID], view_command(&t->view, c), (int)user.len, (const char *)user.p);
		t->mode = TOP_CONFIRM;
	}
}

/* direction: 1 to the next longer interval, -1 to the next shorter one. */
static void
keys_change_interval(struct top *t, int direction)
{
	static const uint64_t intervals[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000 }; /* ms */
	int n = sizeof(intervals) / sizeof(intervals[0]), i = direction > 0 ? 0 : n - 1;

	while (i >= 0 && i < n && (direction > 0 ? intervals[i] <= t->interval : intervals[i] >= t->interval))
		i += direction;
	if (i >= 0 && i < n)
		t->interval = intervals[i];
}

/* By how many rows the key moves the selection; 0: it is another key. */
static long
keys_rows(const struct top *t, unsigned int key)
{
	long page = t->table_height > 1 ? (long)t->table_height - 1 : 1;

	switch (key) {
	case SCREEN_KEY(KEY_UP):
	case 'i':
		return -1;
	case SCREEN_KEY(KEY_DOWN):
	case 'j':
		return 1;
	case SCREEN_KEY(KEY_PPAGE):
		return -page;
	case SCREEN_KEY(KEY_NPAGE):
		return page;
	case SCREEN_KEY(KEY_HOME):
		return -INT_MAX;
	case SCREEN_KEY(KEY_END):
		return INT_MAX;
	}
	return 0;
}

/* Changes to another table. Returns whether it is another one, and there is one. */
static bool
keys_show(struct top *t, enum snapshot_kind kind)
{
	struct view *v = &t->view;

	if (kind == v->kind)
		return false;
	if (!view_has(v, kind)) {
		snprintf(t->message, sizeof(t->message), "%s",
		         kind == SNAPSHOT_SERVICES ? "nobody serves anything" : "this daemon has no streams");
		return false;
	}
	view_unselect(v);
	v->kind = kind;
	return true;
}

/* Keys that change what of the snapshot is shown. Returns whether it was one, and has changed something. */
static bool
keys_change_view(struct top *t, unsigned int key)
{
	static const char tables[] = "cltgv"; /* in the order of enum snapshot_kind */
	const char *table = key > 0 && key < 128 ? strchr(tables, (int)key) : NULL;
	struct view *v = &t->view;

	if (table)
		return keys_show(t, (enum snapshot_kind)(table - tables));
	switch (key) {
	case '\t':
		view_show_next(v);
		return true;
	case 's':
	case '>':
	case '<':
		view_move_sort(v, key == '<' ? -1 : 1);
		return true;
	case 'r':
		v->reversed[v->kind] = !v->reversed[v->kind];
		return true;
	case SCREEN_KEY_ESCAPE:
		v->filter[0] = '\0';
		view_unselect(v);
		return true;
	}
	return false;
}

static void
keys_press_table(struct top *t, unsigned int key)
{
	struct view *v = &t->view;

	if (keys_change_view(t, key)) {
		t->fetch.wants_groups = v->kind == SNAPSHOT_GROUPS;
		if (t->fetch.wants_groups && t->now.lists[SNAPSHOT_GROUPS].n == 0 && !t->paused)
			fetch_snapshot(&t->fetch); /* else they would come with the next refresh */
		view_update(v);
		return;
	}
	switch (key) {
	case '/':
		t->mode = TOP_FILTER;
		break;
	case 'h':
	case '?':
		t->mode = TOP_HELP;
		t->help_top = 0;
		break;
	case 'k':
		keys_kill(t);
		break;
	case '+':
	case '-':
		keys_change_interval(t, key == '+' ? 1 : -1);
		break;
	case 'p':
		t->paused = !t->paused;
		if (!t->paused)
			fetch_snapshot(&t->fetch);
		break;
	case ' ':
		fetch_snapshot(&t->fetch);
		break;
	case 'q':
		loop_end(t->loop, EX_OK);
		break;
	default:
		if (keys_rows(t, key) != 0)
			view_move(v, keys_rows(t, key));
		break;
	}
}

static void
keys_press_confirm(struct top *t, unsigned int key)
{
	t->mode = TOP_TABLE;
	if (key != 'y' && key != 'Y')
		snprintf(t->message, sizeof(t->message), "not killed");
	else if (!fetch_kill(&t->fetch, t->kill_id))
		snprintf(t->message, sizeof(t->message), "not killed: there is no connection, or no answer");
}

static void
keys_press_filter(struct top *t, unsigned int key)
{
	char *filter = t->view.filter, bytes[MB_LEN_MAX];
	size_t len = strlen(filter), n;

	if (key == SCREEN_KEY_ESCAPE) {
		*filter = '\0';
	} else if (key == SCREEN_KEY(KEY_BACKSPACE)) { /* all bytes of the last character */
		while (len > 0 && ((unsigned char)filter[--len] & 0xc0) == 0x80)
			;
		filter[len] = '\0';
	} else if (key >= ' ' && key < SCREEN_KEY(0)) {
		n = wcrtomb(bytes, (wchar_t)key, &(mbstate_t){ 0 });
		if (n != (size_t)-1 && len + n < sizeof(t->view.filter)) {
			memcpy(filter + len, bytes, n);
			filter[len + n] = '\0';
		}
	}
	if (key == SCREEN_KEY_ESCAPE || key == '\n')
		t->mode = TOP_TABLE;
	view_update(&t->view);
}

void
keys_press(struct top *t, unsigned int key)
{
	t->message[0] = '\0';
	switch (t->mode) {
	case TOP_TABLE:
		keys_press_table(t, key);
		break;
	case TOP_FILTER:
		keys_press_filter(t, key);
		break;
	case TOP_CONFIRM:
		keys_press_confirm(t, key);
		break;
	case TOP_HELP:
		if (key == ' ' && t->help_goes_on)
			t->help_top += screen_height() - 1;
		else
			t->mode = TOP_TABLE;
		break;
	}
}
