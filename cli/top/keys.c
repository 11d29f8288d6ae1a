/* What each key does. In the table a row of keys[] says so; a filter and a question take all keys themselves. */
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

static void
keys_move(struct top *t, int rows)
{
	view_move(&t->view, rows);
}

static void
keys_move_page(struct top *t, int pages)
{
	view_move(&t->view, pages * (t->table_height > 1 ? (long)t->table_height - 1 : 1));
}

/* kind SNAPSHOT_LISTS: the other table. */
static void
keys_show(struct top *t, int kind)
{
	enum snapshot_kind other = t->view.kind == SNAPSHOT_CHANNELS ? SNAPSHOT_CLIENTS : SNAPSHOT_CHANNELS;

	if ((int)t->view.kind == kind)
		return;
	view_unselect(&t->view);
	t->view.kind = other;
	view_update(&t->view);
}

static void
keys_sort(struct top *t, int columns)
{
	view_move_sort(&t->view, columns);
	view_update(&t->view);
}

static void
keys_reverse(struct top *t, int arg __attribute__((unused)))
{
	t->view.reversed[t->view.kind] = !t->view.reversed[t->view.kind];
	view_update(&t->view);
}

static void
keys_clear(struct top *t, int arg __attribute__((unused)))
{
	t->view.filter[0] = '\0';
	view_unselect(&t->view);
	view_update(&t->view);
}

static void
keys_set_mode(struct top *t, int mode)
{
	t->mode = (enum top_mode)mode;
}

/* Asks whether to kill the client that is selected. */
static void
keys_kill(struct top *t, int arg __attribute__((unused)))
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

static void
keys_pause(struct top *t, int arg __attribute__((unused)))
{
	t->paused = !t->paused;
	if (!t->paused)
		fetch_snapshot(&t->fetch);
}

/* direction: 1 to the next longer interval, -1 to the next shorter one. */
static void
keys_change_interval(struct top *t, int direction)
{
	static const int intervals[] = { 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000 }; /* ms */
	int n = sizeof(intervals) / sizeof(intervals[0]);

	for (int i = direction > 0 ? 0 : n - 1; i >= 0 && i < n; i += direction) {
		if (direction > 0 ? (uint64_t)intervals[i] > t->interval : (uint64_t)intervals[i] < t->interval) {
			t->interval = (uint64_t)intervals[i];
			return;
		}
	}
}

static void
keys_refresh(struct top *t, int arg __attribute__((unused)))
{
	fetch_snapshot(&t->fetch);
}

static void
keys_quit(struct top *t, int status)
{
	loop_end(t->loop, status);
}

static const struct {
	unsigned int key;
	void (*press)(struct top *t, int arg);
	int arg;
} keys[] = {
	{ SCREEN_KEY(KEY_UP), keys_move, -1 },
	{ 'i', keys_move, -1 },
	{ SCREEN_KEY(KEY_DOWN), keys_move, 1 },
	{ 'j', keys_move, 1 },
	{ SCREEN_KEY(KEY_PPAGE), keys_move_page, -1 },
	{ SCREEN_KEY(KEY_NPAGE), keys_move_page, 1 },
	{ SCREEN_KEY(KEY_HOME), keys_move, -INT_MAX },
	{ SCREEN_KEY(KEY_END), keys_move, INT_MAX },
	{ '\t', keys_show, SNAPSHOT_LISTS },
	{ 'c', keys_show, SNAPSHOT_CHANNELS },
	{ 'l', keys_show, SNAPSHOT_CLIENTS },
	{ 's', keys_sort, 1 },
	{ '>', keys_sort, 1 },
	{ '<', keys_sort, -1 },
	{ 'r', keys_reverse, 0 },
	{ SCREEN_KEY_ESCAPE, keys_clear, 0 },
	{ '/', keys_set_mode, TOP_FILTER },
	{ 'h', keys_set_mode, TOP_HELP },
	{ '?', keys_set_mode, TOP_HELP },
	{ 'k', keys_kill, 0 },
	{ 'p', keys_pause, 0 },
	{ '+', keys_change_interval, 1 },
	{ '-', keys_change_interval, -1 },
	{ ' ', keys_refresh, 0 },
	{ 'q', keys_quit, EX_OK },
};

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
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (keys[i].key == key)
				keys[i].press(t, keys[i].arg);
		break;
	case TOP_FILTER:
		keys_press_filter(t, key);
		break;
	case TOP_CONFIRM:
		keys_press_confirm(t, key);
		break;
	case TOP_HELP:
		t->mode = TOP_TABLE;
		break;
	}
}
