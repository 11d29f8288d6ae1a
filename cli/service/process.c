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
#include "cleanup.h"
#include "command.h"
#include "human.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "serve-plan.h"
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
	return p->state == PROCESS_RUNS && p->input.fd >= 0 && p->output.fd >= 0;
}

bool
process_is_idle(const struct process *p)
{
	return process_is_usable(p) && !p->has_request;
}

void
process_stop(struct process *p)
{
	if (p->state == PROCESS_AWAY)
		return;
	(void)kill(-p->pid, SIGTERM);
	p->state = PROCESS_STOPS;
	p->answer.len = 0;
	timer_set(&p->end, PROCESS_END);
}

static void
process_end_cb(void *arg)
{
	struct process *p = arg;

	if (p->state == PROCESS_STOPS)
		(void)kill(-p->pid, SIGKILL);
	else
		process_stop(p);
}

static void
process_close_input(struct process *p)
{
	pipe_end_close(&p->input);
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
		p->ops->done(p->arg, p->request.id, is_answer, text);
	if (p->is_finishing)
		process_close_input(p);
	p->ops->changed(p->arg);
}

/* It does not answer lines with lines, so nothing that comes from it can be trusted. */
static void
process_break(struct process *p, const char *why)
{
	say("serve: the command %s; it is stopped%s", why, p->is_finishing ? "" : ", and started again");
	process_stop(p);
	if (p->has_request && p->is_begun) {
		snprintf(p->errors.last, sizeof(p->errors.last), "the command %s", why);
		process_settle(p, false, slice_of(p->errors.last));
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

	if (p->output.fd < 0)
		return false;
	memory_check(buf_reserve(&p->answer, PROCESS_PIECE));
	n = read(p->output.fd, p->answer.data + before, PROCESS_PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		pipe_end_close(&p->output);
		if (p->state == PROCESS_RUNS) {
			p->stopped_for = "has closed its standard output";
			timer_set(&p->end, PROCESS_END); /* most likely it ends now, by itself */
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
	ssize_t n = left > 0 ? write(p->input.fd, p->request.line.data + p->written, left) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* Nobody reads it: it ends, or has to be ended. */
		p->stopped_for = "has closed its standard input";
		pipe_end_close(&p->input);
		timer_set(&p->end, PROCESS_END);
		return;
	}
	p->is_begun |= n > 0;
	p->written += n > 0 ? (size_t)n : 0;
	if (p->written < p->request.line.len)
		event_add(p->input.event, NULL);
	else
		event_del(p->input.event);
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
	errors_forget(&p->errors);
	while (process_is_usable(p) && process_read(p)) /* what it has written before is no answer */
		;
	if (process_is_usable(p))
		process_write(p);
}

static int
process_start(struct process *p)
{
	/* Which change from line to line; those of a udsctl that has started this one are not meant. */
	static const struct command_variable variables[] = {
		{ .name = "UDSD_SERVICE" },
		{ .name = "UDSD_UID" },
		{ .name = "UDSD_PID" },
		{ .name = "UDSD_TIMEOUT_MS" },
	};
	struct command command = {
		.path = p->plan->path,
		.argv = p->plan->argv,
		.variables = variables,
		.n = sizeof(variables) / sizeof(variables[0]),
		.is_bound = true,
	};
	_cleanup_close_ int input = -1;
	_cleanup_close_ int output = -1;
	_cleanup_close_ int errors = -1;
	int r = pipe_end_open(&p->input, p->loop, true, process_write_cb, p, &input);

	if (r == 0)
		r = pipe_end_open(&p->output, p->loop, false, process_read_cb, p, &output);
	if (r == 0)
		r = errors_open(&p->errors, &errors);
	command.input_fd = input;
	command.output = output;
	command.error = errors;
	return r == 0 ? command_start(&command, &p->pid) : r;
}

static void
process_close(struct process *p)
{
	pipe_end_close(&p->input);
	pipe_end_close(&p->output);
	errors_close(&p->errors);
}

static void
process_start_failed(struct process *p, int error)
{
	char text[256];

	process_close(p);
	snprintf(text, sizeof(text), "the command cannot be started: %s", strerror(error));
	if (children_may_start_later(error)) {
		say("%s", text);
		timer_set(&p->again, CHILDREN_RETRY_MS);
		return;
	}
	if (p->has_request)
		process_settle(p, false, slice_of(text));
	p->ops->failed(p->arg, error);
}

static void
process_again_cb(void *arg)
{
	struct process *p = arg;
	int r;

	if (p->is_finishing && !p->has_request)
		return;
	r = process_start(p);
	if (r < 0) {
		process_start_failed(p, -r);
		return;
	}
	p->state = PROCESS_RUNS;
	p->stopped_for = NULL;
	if (p->has_request)
		process_begin(p);
	p->ops->changed(p->arg);
}

/* The process is never to read the request. */
static void
process_drop(struct process *p)
{
	p->is_unwanted = true;
	if (p->input.event)
		event_del(p->input.event);
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
process_init(struct process *p, struct loop *loop, const struct server_plan *plan, const struct staff_ops *ops,
             void *arg)
{
	*p = (struct process){ .loop = loop, .plan = plan, .ops = ops, .arg = arg };
	p->input.fd = p->output.fd = -1;
	errors_init(&p->errors, loop);
	timer_init(&p->again, loop, process_again_cb, p);
	timer_init(&p->end, loop, process_end_cb, p);
	timer_init(&p->limit, loop, process_limit_cb, p);
	timer_set(&p->again, 0);
}

void
process_deinit(struct process *p)
{
	if (p->state != PROCESS_AWAY)
		(void)kill(-p->pid, SIGKILL);
	process_close(p);
	errors_deinit(&p->errors);
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
	char text[ERRORS_TEXT_MAX] = "has ended without an answer";

	pipe_end_close(&p->input);
	while (process_read(p)) /* it may have answered before */
		;
	errors_finish(&p->errors);
	(void)kill(-p->pid, SIGKILL); /* what it has left behind */
	process_close(p);
	timer_stop(&p->end);
	p->state = PROCESS_AWAY;
	p->answer.len = 0;
	if (was_stopped && p->stopped_for)
		snprintf(text, sizeof(text), "%s", p->stopped_for);
	else if (status != 0)
		children_describe(status, text, sizeof(text));
	if (p->has_request && p->is_begun)
		process_settle(p, false, slice_of(p->errors.last[0] ? p->errors.last : text));
	if (p->is_finishing && !p->has_request)
		return;
	p->pause = p->pause == 0 ? PROCESS_PAUSE_FIRST : p->pause < PROCESS_PAUSE_LAST ? p->pause * 2 : p->pause;
	if (!was_stopped || p->stopped_for)
		say("serve: the command %s; it is started again in %s", status == 0 ? "has ended" : text,
		    human_exact_duration(p->pause).text);
	timer_set(&p->again, p->pause);
}
