/*
 * udsctl top: its loop takes snapshots and shows them, on the terminal or as text. A snapshot is asked for when the
 * one before has come and its interval is over, so that a daemon with many thousands of clients is never asked twice
 * at a time. The last two snapshots are kept; their memory goes round with the one that is read.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "client.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "print.h"
#include "say.h"
#include "screen.h"
#include "signals.h"
#include "top.h"

static const struct option_row rows[] = {
	{ "interval", 0, "DURATION", "refresh at this interval (1s)", OPTION_DURATION,
	  offsetof(struct top_options, interval) },
	{ "sort", 0, "COLUMN", "sort by this column, and show its table", OPTION_NAME,
	  offsetof(struct top_options, sort) },
	{ "count", 'n', "COUNT", "exit after this many refreshes", OPTION_COUNT, offsetof(struct top_options, count) },
	{ "batch", 0, NULL, "print plain text instead of using the terminal", OPTION_FLAG,
	  offsetof(struct top_options, batch) },
	{ 0 },
};

#define INTERVAL ((uint64_t)1000) /* ms, as all of these */
#define INTERVAL_MIN ((uint64_t)50)
/* The second snapshot, which brings the first rates, comes soon. */
#define FIRST_INTERVAL ((uint64_t)300)
/* How often the page is drawn while nothing comes. */
#define TICK ((uint64_t)500)

static void
top_due_cb(void *arg)
{
	struct top *t = arg;

	if (!t->paused)
		fetch_snapshot(&t->fetch);
}

static void
top_down_cb(void *arg)
{
	struct top *t = arg;

	timer_stop(&t->due);
	page_show(t);
}

/* Ends the loop when as many refreshes as asked for are out. Also called when the output has drained. */
static void
top_end_if_done_cb(void *arg)
{
	struct top *t = arg;

	if (t->refreshes > 0 && t->refreshes == t->count && (!t->batch || output_pending(t->batch) == 0))
		loop_end(t->loop, EX_OK);
}

static void
top_taken_cb(void *arg, struct snapshot *snapshot)
{
	struct top *t = arg;
	struct snapshot last = t->before;
	struct snapshot_list *clients = &t->now.lists[SNAPSHOT_CLIENTS];

	t->before = t->now;
	t->now = *snapshot;
	*snapshot = last;
	snapshot_finish(&t->now, loop_now() * 1000, &t->before);
	/* The only output unsent to udsctl top itself is the answer that says so. */
	for (size_t i = 0; t->view.is_local && i < clients->n; i++)
		if (clients->rows[i].values[CLIENT_PID] == getpid())
			clients->rows[i].values[CLIENT_UNSENT] = 0;
	timer_set(&t->due, t->now.has_rates || t->interval < FIRST_INTERVAL ? t->interval : FIRST_INTERVAL);
	/* As text there are no refreshes without rates, and fewer of them for a slow reader. */
	if (t->batch && (!t->now.has_rates || output_pending(t->batch) > 0))
		return;
	view_update(&t->view);
	page_show(t);
	t->refreshes += t->now.has_rates;
	top_end_if_done_cb(t);
}

static void
top_killed_cb(void *arg, uint64_t id, int64_t n, const struct slice *error)
{
	static const char not_yours[] = "it is gone, or another user's, which takes an administrator";
	struct top *t = arg;

	if (error || n == 0)
		snprintf(t->message, sizeof(t->message), "client %" PRIu64 " not killed: %.*s", id,
		         error ? (int)error->len : (int)sizeof(not_yours), error ? (const char *)error->p : not_yours);
	else
		snprintf(t->message, sizeof(t->message), "client %" PRIu64 " killed", id);
	if (t->paused)
		page_show(t);
	else
		fetch_snapshot(&t->fetch);
}

static const struct fetch_ops top_fetch_ops = {
	.down = top_down_cb,
	.taken = top_taken_cb,
	.killed = top_killed_cb,
};

static void
top_keys_cb(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;
	uint64_t interval = t->interval;
	unsigned int key;

	(void)fd, (void)what;
	while (!loop_is_ending(t->loop) && (key = screen_key()) != SCREEN_KEY_NONE) {
		if (key == SCREEN_KEY_GONE)
			loop_end(t->loop, 128 + SIGHUP);
		else
			keys_press(t, key);
	}
	if (t->interval != interval && !t->paused && t->fetch.asked_at == 0)
		timer_set(&t->due, t->interval);
	if (!loop_is_ending(t->loop))
		page_show(t);
}

/* The terminal takes something again. */
static void
top_drained_cb(void *arg)
{
	page_show(arg);
}

/* While nothing comes, the page says for how long. */
static void
top_tick_cb(void *arg)
{
	struct top *t = arg;

	timer_set(&t->tick, TICK);
	if (!client_is_up(t->fetch.client) || t->fetch.asked_at > 0)
		page_show(t);
}

static void
top_signal_cb(evutil_socket_t signo, short what, void *arg)
{
	struct sigaction caught, stop = { .sa_handler = SIG_DFL };
	struct top *t = arg;

	(void)what;
	if (signo == SIGHUP || signo == SIGQUIT) {
		loop_end(t->loop, 128 + signo);
		return;
	}
	if (signo == SIGTSTP) { /* stops as if it were not caught, with the terminal as it was before */
		screen_suspend();
		sigaction(signo, &stop, &caught);
		raise(signo);
		sigaction(signo, &caught, NULL);
	}
	screen_resume();
	page_show(t);
}

/* What only a terminal brings. */
static const struct {
	int fd; /* or signal */
	short what;
	event_callback_fn cb;
} top_events[] = {
	{ STDIN_FILENO, EV_READ, top_keys_cb }, { SIGWINCH, EV_SIGNAL, top_signal_cb },
	{ SIGCONT, EV_SIGNAL, top_signal_cb },  { SIGTSTP, EV_SIGNAL, top_signal_cb },
	{ SIGHUP, EV_SIGNAL, top_signal_cb },   { SIGQUIT, EV_SIGNAL, top_signal_cb },
};

#define N_EVENTS (sizeof(top_events) / sizeof(top_events[0]))

/* Signals are caught before ncurses begins: it leaves those alone. Messages wait until the terminal is given back. */
static int
top_run_on_terminal(struct top *t)
{
	struct event *events[N_EVENTS];
	const char *name = getenv("TERM");
	int status = EX_USAGE;

	for (size_t i = 0; i < N_EVENTS; i++) {
		events[i] = event_new(loop_base(t->loop), top_events[i].fd, (short)(top_events[i].what | EV_PERSIST),
		                      top_events[i].cb, t);
		memory_check(events[i] ? 0 : -1);
		if (top_events[i].what != EV_SIGNAL || !signals_was_ignored(top_events[i].fd))
			event_add(events[i], NULL);
	}
	timer_init(&t->tick, t->loop, top_tick_cb, t);
	timer_set(&t->tick, TICK);
	if (screen_init(t->loop, top_drained_cb, t) < 0) {
		say("top: TERM: '%s' is not a terminal that is known; try --batch", name ? name : "");
	} else {
		say_capture(t->said, sizeof(t->said));
		fetch_start(&t->fetch);
		if (!loop_is_ending(t->loop))
			page_show(t);
		status = loop_run(t->loop);
		screen_deinit();
		say_capture(NULL, 0);
	}
	timer_deinit(&t->tick);
	for (size_t i = 0; i < N_EVENTS; i++)
		event_free(events[i]);
	return status;
}

/* Returns 0, or EX_USAGE after saying what is wrong. */
static int
top_read_options(struct top *t, const struct top_options *o)
{
	char keys[512];

	t->count = o->count;
	t->interval = o->interval > 0 ? o->interval : INTERVAL;
	if (t->interval < INTERVAL_MIN) {
		say("top: --interval: %" PRIu64 "ms is too short; it is at least %" PRIu64 "ms", t->interval,
		    INTERVAL_MIN);
		return EX_USAGE;
	}
	if (o->sort && !view_sort_by(&t->view, o->sort)) {
		view_keys(keys, sizeof(keys));
		say("top: --sort: '%s' is not a column; there are %s", o->sort, keys);
		return EX_USAGE;
	}
	return 0;
}

/* Whether a screen can be drawn. On a dumb terminal, such as a shell in Emacs, the cursor cannot be moved. */
static bool
top_has_screen(void)
{
	const char *name = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !(name && strcmp(name, "dumb") == 0);
}

static int
verb_top_run(const void *options)
{
	const struct top_options *o = options;
	struct top t = { 0 };
	int status;

	view_init(&t.view, &t.now, screen_is_unicode(), o->common.addr.addrs[0].kind != ADDR_TCP);
	status = top_read_options(&t, o);
	if (status == 0) {
		t.loop = loop_new(NULL, NULL);
		fetch_init(&t.fetch, t.loop, &o->common.addr, &top_fetch_ops, &t);
		t.fetch.wants_groups = t.view.kind == SNAPSHOT_GROUPS;
		timer_init(&t.due, t.loop, top_due_cb, &t);
		if (o->batch || !top_has_screen()) {
			t.batch = output_new(t.loop, STDOUT_FILENO, top_end_if_done_cb, &t);
			t.fetch.wants_groups = true;
			fetch_start(&t.fetch);
			status = loop_run(t.loop);
			output_free(t.batch);
		} else {
			status = top_run_on_terminal(&t);
		}
		timer_deinit(&t.due);
		fetch_deinit(&t.fetch);
		loop_free(t.loop);
		status = print_end(status);
		if (status != EX_OK && status < 128 && t.said[0])
			say("%s", t.said);
	}
	view_deinit(&t.view);
	snapshot_deinit(&t.now);
	snapshot_deinit(&t.before);
	buf_deinit(&t.line);
	return status;
}

const struct verb verb_top = {
	.name = "top",
	.summary = "watch channels, clients and streams live, in a terminal",
	.rows = rows,
	.options_size = sizeof(struct top_options),
	.run = verb_top_run,
};
