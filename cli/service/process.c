/*
 * The answer to a request is the next line that the process writes. So the two may never get out of step, or an answer
 * would reach a stranger: a process that writes while nothing was asked, more than a line, or before it can have read
 * its request, is stopped and started anew. A request whose deadline has passed keeps the process until its line has
 * come, which is dropped.
 *
 * What a process that has ended may have read has failed; what it cannot have read waits for the next one.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "human.h"
#include "last-words.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "staff.h"

/* All in ms. How long a line may be late, and how long a process may take to end, before SIGTERM and before SIGKILL. */
#define PROCESS_LATE ((uint64_t)5000)
#define PROCESS_END ((uint64_t)5000)
#define PROCESS_PAUSE_FIRST ((uint64_t)100)
#define PROCESS_PAUSE_LAST ((uint64_t)6400) /* a power of two of these */
#define PROCESS_PIECE ((size_t)64 * 1024)

/* Whether it may be given a line, and can answer. */
static bool
process_is_usable(const struct process *p)
{
	return p->state == PROCESS_RUNS && p->pipes.input.fd >= 0 && p->pipes.output.fd >= 0;
}

bool
process_is_idle(const struct process *p)
{
	return process_is_usable(p) && !p->has_request;
}

/* It has become unusable: another process may do what it cannot have read. */
static void
process_pass_on(struct process *p)
{
	if (p->has_request && !p->is_begun)
		p->shared->ops->changed(p->shared->arg);
}

void
process_stop(struct process *p)
{
	if (p->state == PROCESS_AWAY)
		return;
	(void)kill(-p->pipes.pid, SIGTERM);
	p->state = PROCESS_STOPS;
	p->answer.len = 0;
	timer_set(&p->end, PROCESS_END);
	process_pass_on(p);
}

static void
process_end_cb(void *arg)
{
	struct process *p = arg;

	if (p->state == PROCESS_STOPS)
		(void)kill(-p->pipes.pid, SIGKILL);
	else
		process_stop(p);
}

static void
process_close_input(struct process *p)
{
	pipe_end_close(&p->pipes.input);
	if (p->state == PROCESS_RUNS)
		timer_set(&p->end, PROCESS_END);
}

/* The request has ended; what the text says is told to who waits for it. */
static void
process_settle(struct process *p, bool is_answer, struct slice text)
{
	p->has_request = p->is_begun = false;
	timer_stop(&p->limit);
	if (!p->is_unwanted)
		p->shared->ops->done(p->shared->arg, p->request.id, is_answer, text);
	p->written = 0;
	line_request_end(&p->request);
	if (p->is_finishing)
		process_close_input(p);
	p->shared->ops->changed(p->shared->arg);
}

/* It does not answer lines with lines, so nothing that comes from it can be trusted. */
static void
process_break(struct process *p, const char *why)
{
	char text[256];

	say("serve: the command %s; it is stopped%s", why, p->is_finishing ? "" : ", and started again");
	process_stop(p);
	if (p->has_request && p->is_begun) {
		snprintf(text, sizeof(text), "the command %s", why);
		process_settle(p, false, slice_of(text));
	}
	p->stopped_for = NULL;
}

/* Looks for the answer in what has come, of which the first `searched` bytes have no end of a line. */
static void
process_take_output(struct process *p, size_t searched)
{
	struct buf *b = &p->answer;
	uint8_t *end = memchr(b->data + searched, '\n', b->len - searched);
	size_t len = end ? (size_t)(end - b->data) : b->len;

	if (p->is_finishing && !p->has_request) {
		b->len = 0; /* it may say farewell */
	} else if (!p->has_request || !p->is_begun) {
		process_break(p, "has written what nobody asked for");
	} else if (end && len + 1 < b->len) {
		process_break(p, "has answered with more than a line");
	} else if (end && p->written < p->request.line.len) {
		process_break(p, "has answered before it had read the request");
	} else if (len + (end && p->request.has_line_end) > p->request.answer_max) {
		process_break(p, "has answered with a line over max_message");
	} else if (end) {
		p->pause = 0;
		b->len = 0; /* the bytes stay until they are told; then the next request may begin */
		process_settle(p, true, (struct slice){ b->data, len + p->request.has_line_end });
		buf_shrink(b);
	}
}

/* Reads a piece of what the process writes. Returns whether there may be more at once. */
static bool
process_read(struct process *p)
{
	size_t before = p->answer.len;
	ssize_t n;

	if (p->pipes.output.fd < 0)
		return false;
	memory_check(buf_reserve(&p->answer, PROCESS_PIECE));
	n = read(p->pipes.output.fd, p->answer.data + before, PROCESS_PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		pipe_end_close(&p->pipes.output);
		if (p->state == PROCESS_RUNS) {
			p->stopped_for = "has closed its standard output";
			timer_set(&p->end, PROCESS_END); /* most likely it ends now, by itself */
			process_pass_on(p);
		}
		return false;
	}
	if (p->state == PROCESS_STOPS)
		return true;
	p->answer.len += (size_t)n;
	process_take_output(p, before);
	return true;
}

static void
process_read_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	process_read(arg);
}

/* Writes what the pipe takes of the request. */
static void
process_write(struct process *p)
{
	size_t left = p->request.line.len - p->written;
	ssize_t n = left > 0 ? write(p->pipes.input.fd, p->request.line.data + p->written, left) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* Nobody reads it: it ends, or has to be ended. */
		p->stopped_for = "has closed its standard input";
		pipe_end_close(&p->pipes.input);
		timer_set(&p->end, PROCESS_END);
		process_pass_on(p);
		return;
	}
	p->is_begun |= n > 0;
	p->written += n > 0 ? (size_t)n : 0;
	if (p->written < p->request.line.len)
		event_add(p->pipes.input.event, NULL);
	else
		event_del(p->pipes.input.event);
}

static void
process_write_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	process_write(arg);
}

void
process_begin(struct process *p)
{
	uint64_t now = loop_now();

	p->has_request = true;
	p->is_begun = p->is_unwanted = p->is_late = false;
	p->written = 0;
	timer_set(&p->limit, p->request.until > now ? p->request.until - now : 0);
	if (p->pipes.words)
		last_words_forget(p->pipes.words);
	while (process_is_usable(p) && process_read(p)) /* what it has written before is no answer */
		;
	if (process_is_usable(p))
		process_write(p);
	else if (p->state == PROCESS_AWAY && !timer_is_set(&p->again)) /* it was not to be started any more */
		timer_set(&p->again, 0);
}

static void
process_start_failed(struct process *p, int error)
{
	char text[256];

	snprintf(text, sizeof(text), "the command cannot be started: %s", strerror(error));
	if (children_may_start_later(error)) {
		if (!p->shared->was_said)
			say("%s", text);
		p->shared->was_said = true; /* the others have the same reason */
		timer_set(&p->again, CHILDREN_RETRY_MS);
		return;
	}
	if (p->has_request)
		process_settle(p, false, slice_of(text));
	p->shared->ops->failed(p->shared->arg, error);
}

static void
process_again_cb(void *arg)
{
	struct process *p = arg;
	int r;

	if (p->is_finishing && !p->has_request)
		return;
	if (say_is_full()) { /* what those before it have written waits */
		timer_set(&p->again, PROCESS_PAUSE_FIRST);
		return;
	}
	r = process_pipes_start(&p->pipes, p->shared->loop, p->shared->plan, p->shared->words, process_write_cb,
	                        process_read_cb, p);
	if (r < 0) {
		process_start_failed(p, -r);
		return;
	}
	p->shared->was_said = false;
	p->state = PROCESS_RUNS;
	p->stopped_for = NULL;
	if (p->has_request)
		process_begin(p);
	p->shared->ops->changed(p->shared->arg);
}

/* The process is never to read the request. */
static void
process_drop(struct process *p)
{
	p->is_unwanted = true;
	if (p->pipes.input.event)
		event_del(p->pipes.input.event);
	process_settle(p, false, (struct slice){ 0 });
}

/* The deadline of the request has passed, which the daemon tells its caller. */
static void
process_limit_cb(void *arg)
{
	struct process *p = arg;

	if (!p->is_begun) {
		process_drop(p);
	} else if (!p->is_late || p->state == PROCESS_STOPS) {
		p->is_late = p->is_unwanted = true;
		timer_set(&p->limit, PROCESS_LATE);
	} else {
		process_break(p, "has not answered long after the deadline");
	}
}

void
process_init(struct process *p, struct process_shared *shared)
{
	struct loop *loop = shared->loop;

	*p = (struct process){ .shared = shared };
	process_pipes_init(&p->pipes);
	timer_init(&p->again, loop, process_again_cb, p);
	timer_init(&p->end, loop, process_end_cb, p);
	timer_init(&p->limit, loop, process_limit_cb, p);
	timer_set(&p->again, 0);
}

void
process_deinit(struct process *p)
{
	if (p->state != PROCESS_AWAY)
		(void)kill(-p->pipes.pid, SIGKILL);
	process_pipes_close(&p->pipes);
	timer_deinit(&p->again);
	timer_deinit(&p->end);
	timer_deinit(&p->limit);
	line_request_deinit(&p->request);
	buf_deinit(&p->answer);
}

void
process_take_over(struct process *p, struct process *other)
{
	struct line_request before = p->request;

	if (!other->has_request || other->is_begun)
		return;
	p->request = other->request;
	other->request = before; /* for its memory */
	other->has_request = false;
	timer_stop(&other->limit);
	process_begin(p);
}

void
process_forget(struct process *p)
{
	p->is_unwanted = true;
	if (p->has_request && !p->is_begun)
		process_drop(p);
}

void
process_finish(struct process *p)
{
	p->is_finishing = true;
	if (!p->has_request)
		process_close_input(p);
}

void
process_ended(struct process *p, int status)
{
	bool was_stopped = p->state == PROCESS_STOPS;
	char text[256] = "has ended without an answer", words[LAST_WORDS_MAX + 1];

	pipe_end_close(&p->pipes.input);
	(void)kill(-p->pipes.pid, SIGKILL);                 /* what it has left behind, which would go on to write */
	while (p->state == PROCESS_RUNS && process_read(p)) /* it may have answered before */
		;
	last_words_end(p->shared->words, p->pipes.words, words, sizeof(words));
	p->pipes.words = NULL;
	process_pipes_close(&p->pipes);
	timer_stop(&p->end);
	p->state = PROCESS_AWAY;
	p->answer.len = 0;
	buf_shrink(&p->answer);
	if (was_stopped && p->stopped_for)
		snprintf(text, sizeof(text), "%s", p->stopped_for);
	else if (status != 0)
		children_describe(status, text, sizeof(text));
	if (p->has_request && p->is_begun)
		process_settle(p, false, slice_of(words[0] ? words : text));
	if (p->is_finishing && !p->has_request)
		return;
	p->pause = p->pause == 0 ? PROCESS_PAUSE_FIRST : p->pause < PROCESS_PAUSE_LAST ? p->pause * 2 : p->pause;
	if (!was_stopped || p->stopped_for)
		say("serve: the command %s; it is started again in %s", status == 0 ? "has ended" : text,
		    human_exact_duration(p->pause).text);
	timer_set(&p->again, p->pause);
}
