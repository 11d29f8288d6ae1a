/*
 * udsctl top: takes snapshots and shows them, on the terminal or as text. A snapshot is asked for when the one
 * before has come and its interval is over, so that a daemon with many thousands of clients is never asked twice
 * at a time.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "loop.h"
#include "memory.h"
#include "output.h"
#include "say.h"
#include "screen.h"
#include "top.h"

static const struct option_row rows[] = {
	{ "interval", 0, "DURATION", "refresh this often (1s)", OPTION_DURATION,
	  offsetof(struct top_options, interval) },
	{ "sort", 0, "COLUMN", "sort by this column, in the table that has it", OPTION_TEXT,
	  offsetof(struct top_options, sort) },
	{ "count", 'n', "COUNT", "end after so many refreshes", OPTION_COUNT, offsetof(struct top_options, count) },
	{ "batch", 0, NULL, "print plain text, as where standard output is not a terminal", OPTION_FLAG,
	  offsetof(struct top_options, batch) },
	{ 0 },
};

#define INTERVAL ((uint64_t)1000) /* ms */
#define INTERVAL_MIN ((uint64_t)50)
/* The second snapshot, which brings the first rates, comes soon; in ms. */
#define FIRST_INTERVAL ((uint64_t)300)
/* How often the page is drawn while nothing comes, in ms. */
#define TICK ((uint64_t)500)

static struct timeval
timeval_of(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

static void
due_cb(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;

	(void)fd;
	(void)what;
	if (!t->paused)
		fetch_snapshot(t->fetch);
}

static void
up(void *arg)
{
	struct top *t = arg;

	event_del(t->timer);
	fetch_snapshot(t->fetch);
}

static void
down(void *arg)
{
	struct top *t = arg;

	event_del(t->timer);
	if (t->batch)
		top_print_loss(t);
	else
		top_draw(t);
}

/* Ends when as many refreshes as asked for are out. */
static void
end_if_done(struct top *t)
{
	if (t->refreshes > 0 && t->refreshes == t->options->count && (!t->batch || output_pending(t->batch) == 0))
		loop_end(t->loop, EX_OK);
}

/* Shows the snapshot; one without rates only where it is soon overwritten. */
static void
show(struct top *t)
{
	/* Who reads slowly gets fewer refreshes, and those whole. */
	if (t->batch && (!t->now.has_rates || output_pending(t->batch) > 0))
		return;
	if (t->batch) {
		top_print(t);
	} else {
		view_update(&t->view, &t->now);
		top_draw(t);
	}
	t->refreshes += t->now.has_rates;
	end_if_done(t);
}

/* What is unsent to udsctl top itself is the answer that tells so. */
static void
forget_own_answer(struct top *t)
{
	for (size_t i = 0; t->view.is_local && i < t->now.n_clients; i++)
		if (t->now.clients[i].pid == getpid())
			t->now.clients[i].unsent = 0;
}

static void
taken(void *arg, struct snapshot *snapshot)
{
	struct top *t = arg;
	struct snapshot last = t->before;
	uint64_t next = t->interval;

	t->before = t->now;
	t->now = *snapshot;
	*snapshot = last;
	snapshot_finish(&t->now, loop_now() * 1000, &t->before);
	forget_own_answer(t);
	if (!t->now.has_rates && next > FIRST_INTERVAL)
		next = FIRST_INTERVAL;
	top_schedule(t, next);
	show(t);
}

static void
killed(void *arg, uint64_t id, int64_t n, const struct slice *error)
{
	struct top *t = arg;

	if (error)
		snprintf(t->message, sizeof(t->message), "client %" PRIu64 " not killed: %.*s", id, (int)error->len,
		         (const char *)error->p);
	else if (n == 0)
		snprintf(t->message, sizeof(t->message),
		         "client %" PRIu64 " not killed: it is gone, or another user's, which takes an administrator",
		         id);
	else
		snprintf(t->message, sizeof(t->message), "client %" PRIu64 " killed", id);
	if (t->paused)
		top_draw(t);
	else
		fetch_snapshot(t->fetch);
}

static const struct fetch_ops fetch_ops = {
	.up = up,
	.down = down,
	.taken = taken,
	.killed = killed,
};

static void
keys_cb(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;
	unsigned int key;

	(void)fd;
	(void)what;
	while (!loop_is_ending(t->loop) && (key = screen_key()) != SCREEN_KEY_NONE) {
		if (key == SCREEN_KEY_GONE)
			loop_end(t->loop, 128 + SIGHUP);
		else
			top_press(t, key);
	}
	if (!loop_is_ending(t->loop))
		top_draw(t);
}

/* What is shown of the time that nothing comes grows old. */
static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;

	(void)fd;
	(void)what;
	if (!fetch_is_up(t->fetch) || fetch_waits_since(t->fetch) > 0)
		top_draw(t);
}

static void
end_cb(evutil_socket_t signo, short what, void *arg)
{
	struct top *t = arg;

	(void)what;
	loop_end(t->loop, 128 + (int)signo);
}

static void
resume_cb(evutil_socket_t signo, short what, void *arg)
{
	(void)signo;
	(void)what;
	screen_resume();
	top_draw(arg);
}

/* Stops as if the signal had not been caught, with the terminal as it was before. */
static void
stop_cb(evutil_socket_t signo, short what, void *arg)
{
	struct sigaction caught, stop = { .sa_handler = SIG_DFL };

	(void)what;
	screen_suspend();
	sigaction((int)signo, &stop, &caught);
	raise((int)signo);
	sigaction((int)signo, &caught, NULL);
	resume_cb(signo, what, arg);
}

/* The events that only a terminal has. They are there before ncurses, which leaves caught signals alone. */
struct terminal {
	struct event *events[7];
	size_t n;
};

static void
add_event(struct terminal *terminal, struct event *event, const struct timeval *timeout)
{
	memory_check(event ? 0 : -1);
	event_add(event, timeout);
	terminal->events[terminal->n++] = event;
}

static void
add_events(struct terminal *terminal, struct top *t)
{
	struct event_base *base = loop_base(t->loop);
	struct timeval tick = timeval_of(TICK);

	add_event(terminal, event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, keys_cb, t), NULL);
	add_event(terminal, event_new(base, -1, EV_PERSIST, tick_cb, t), &tick);
	add_event(terminal, evsignal_new(base, SIGWINCH, resume_cb, t), NULL);
	add_event(terminal, evsignal_new(base, SIGCONT, resume_cb, t), NULL);
	add_event(terminal, evsignal_new(base, SIGTSTP, stop_cb, t), NULL);
	add_event(terminal, evsignal_new(base, SIGHUP, end_cb, t), NULL);
	add_event(terminal, evsignal_new(base, SIGQUIT, end_cb, t), NULL);
}

/* What is said meanwhile waits until the terminal is given back. */
static int
run_on_terminal(struct top *t)
{
	struct terminal terminal = { 0 };
	const char *name = getenv("TERM");
	char said[512] = "";
	int status = EX_USAGE;

	add_events(&terminal, t);
	if (screen_init() < 0) {
		say("top: TERM: '%s' is not a terminal that is known; try --batch", name ? name : "");
	} else {
		say_capture(said, sizeof(said));
		fetch_start(t->fetch);
		if (!loop_is_ending(t->loop))
			top_draw(t);
		status = loop_run(t->loop);
		screen_deinit();
		say_capture(NULL, 0);
		if (status != EX_OK && status < 128 && said[0])
			say("%s", said);
	}
	for (size_t i = 0; i < terminal.n; i++)
		event_free(terminal.events[i]);
	return status;
}

static void
drained(void *arg)
{
	end_if_done(arg);
}

static int
run_batch(struct top *t)
{
	int status;

	t->batch = output_new(t->loop, STDOUT_FILENO, drained, t);
	fetch_start(t->fetch);
	status = loop_run(t->loop);
	output_free(t->batch);
	return status;
}

/* Returns 0, or EX_USAGE after saying what is wrong. */
static int
read_options(struct top *t)
{
	const struct top_options *o = t->options;
	char keys[256];

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

static int
run(struct top *t)
{
	int status;

	t->loop = loop_new(NULL, NULL);
	t->fetch = fetch_new(t->loop, &t->options->common.addr, &fetch_ops, t);
	t->timer = event_new(loop_base(t->loop), -1, 0, due_cb, t);
	memory_check(t->timer ? 0 : -1);
	if (t->options->batch || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		status = run_batch(t);
	else
		status = run_on_terminal(t);
	event_free(t->timer);
	fetch_free(t->fetch);
	loop_free(t->loop);
	return status;
}

static int
verb_top_run(const void *options)
{
	const struct top_options *o = options;
	struct top t = { .options = o };
	int status;

	view_init(&t.view, screen_is_unicode(), o->common.addr.kind != ADDR_TCP);
	status = read_options(&t);
	if (status == 0)
		status = run(&t);
	view_deinit(&t.view);
	snapshot_deinit(&t.now);
	snapshot_deinit(&t.before);
	buf_deinit(&t.line);
	return status;
}

const struct verb verb_top = {
	.name = "top",
	.arguments = "",
	.summary = "watch channels and clients live, in a terminal",
	.rows = rows,
	.options_size = sizeof(struct top_options),
	.run = verb_top_run,
};
