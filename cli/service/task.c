/*
 * Two pipes are read in the loop. The answer ends with the command, not with the pipe: a process that the command has
 * left behind may hold that open for ever. Standard error is read only while that of udsctl takes it, so a command that
 * writes faster waits as if it wrote there itself.
 */
#include "task.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "cleanup.h"
#include "command.h"
#include "loop.h"
#include "memory.h"

/* Between SIGTERM and SIGKILL, in ms. */
#define KILL_AFTER ((uint64_t)5000)
/* After so many ms it is tried again whether standard error takes something. */
#define ERRORS_AGAIN ((uint64_t)20)
#define ANSWER_PIECE ((size_t)64 * 1024)
/* What a pipe that is ready for writing takes without blocking (PIPE_BUF). */
#define ERRORS_PIECE 4096
/* So many pieces of standard error are read at the end of a command, at most: more than a pipe has. */
#define ERRORS_PIECES 64

static void
task_close(struct task_pipe *pipe)
{
	if (pipe->event)
		event_free(pipe->event);
	pipe->event = NULL;
	if (pipe->fd >= 0)
		close(pipe->fd);
	pipe->fd = -1;
}

void
task_stop(struct task *task)
{
	(void)kill(-task->pid, task->is_stopped ? SIGKILL : SIGTERM);
	if (!task->is_stopped)
		timer_set(&task->limit, KILL_AFTER);
	task->is_stopped = true;
}

static void
task_limit_cb(void *arg)
{
	struct task *task = arg;

	if (!task->is_stopped)
		task->is_late = true;
	task_stop(task);
}

/* Reads a piece of the answer. Returns whether there may be more at once. */
static bool
task_read_output(struct task *task)
{
	ssize_t n;

	if (task->output.fd < 0)
		return false;
	memory_check(buf_reserve(&task->answer, ANSWER_PIECE));
	n = read(task->output.fd, task->answer.data + task->answer.len, ANSWER_PIECE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n > 0)
		task->answer.len += (size_t)n;
	if (task->answer.len > task->answer_max) {
		task->is_too_long = true;
		buf_deinit(&task->answer);
		task->answer = (struct buf){ 0 };
		if (!task->is_stopped)
			task_stop(task);
	}
	if (n <= 0 || task->is_too_long)
		task_close(&task->output);
	return n > 0;
}

static void
task_output_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	task_read_output(arg);
}

static void
task_end_line(struct task *task)
{
	task->line[task->line_len] = '\0';
	if (task->line_len > 0)
		memcpy(task->last, task->line, task->line_len + 1);
	task->line_len = 0;
}

/* Whether standard error of udsctl takes a piece now, or nobody reads it any more. */
static bool
task_may_write_errors(void)
{
	return poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) != 0;
}

/* Reads a piece of standard error, and passes it on. Returns whether there may be more at once. */
static bool
task_read_errors(struct task *task, bool passes_on)
{
	char piece[ERRORS_PIECE];
	ssize_t n;

	if (task->errors.fd < 0)
		return false;
	n = read(task->errors.fd, piece, sizeof(piece));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		task_close(&task->errors);
		return false;
	}
	if (passes_on)
		(void)!write(STDERR_FILENO, piece, (size_t)n);
	for (const char *p = piece; p < piece + n; p++) {
		if (*p == '\n')
			task_end_line(task);
		else if (task->line_len + 1 < sizeof(task->line) && *p != '\r' && *p != '\0')
			task->line[task->line_len++] = *p;
	}
	return true;
}

static void
task_errors_cb(evutil_socket_t fd, short what, void *arg)
{
	struct task *task = arg;

	(void)fd;
	(void)what;
	if (task_may_write_errors()) {
		task_read_errors(task, true);
		return;
	}
	event_del(task->errors.event);
	timer_set(&task->errors_again, ERRORS_AGAIN);
}

static void
task_errors_again_cb(void *arg)
{
	struct task *task = arg;

	if (task->errors.event)
		event_add(task->errors.event, NULL);
}

/* Makes a pipe; *ret_fd is the end for the command. Returns 0 or -errno. */
static int
task_open(struct task *task, struct task_pipe *pipe, event_callback_fn cb, int *ret_fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pipe->fd = ends[0];
	*ret_fd = ends[1];
	pipe->event = event_new(loop_base(task->loop), pipe->fd, EV_READ | EV_PERSIST, cb, task);
	memory_check(pipe->event ? 0 : -1);
	event_add(pipe->event, NULL);
	return 0;
}

int
task_start(struct loop *loop, const struct command *command, uint64_t ms, size_t answer_max, struct task **ret_task)
{
	struct task *task = memory_alloc(sizeof(*task));
	struct command start = *command;
	_cleanup_close_ int output = -1;
	_cleanup_close_ int errors = -1;
	int r;

	task->loop = loop;
	task->output.fd = task->errors.fd = -1;
	task->answer_max = answer_max;
	timer_init(&task->limit, loop, task_limit_cb, task);
	timer_init(&task->errors_again, loop, task_errors_again_cb, task);
	r = task_open(task, &task->output, task_output_cb, &output);
	if (r == 0)
		r = task_open(task, &task->errors, task_errors_cb, &errors);
	start.output = output;
	start.error = errors;
	start.is_bound = true;
	if (r == 0)
		r = command_start(&start, &task->pid);
	if (r < 0) {
		task_free(task);
		return r;
	}
	timer_set(&task->limit, ms);
	*ret_task = task;
	return 0;
}

bool
task_end(struct task *task, int status, struct slice *ret_answer)
{
	while (task_read_output(task))
		;
	for (unsigned int i = 0; i < ERRORS_PIECES && task_read_errors(task, task_may_write_errors()); i++)
		;
	task_end_line(task);
	if (task->is_stopped)
		(void)kill(-task->pid, SIGKILL); /* what it has left behind */
	if (status == 0 && !task->is_too_long) {
		*ret_answer = (struct slice){ task->answer.data, task->answer.len };
		return true;
	}
	if (task->is_too_long)
		snprintf(task->last, sizeof(task->last), "the answer is over max_message (%zu bytes)",
		         task->answer_max);
	else if (!task->last[0])
		children_describe(status, task->last, sizeof(task->last));
	*ret_answer = slice_of(task->last);
	return false;
}

void
task_free(struct task *task)
{
	task_close(&task->output);
	task_close(&task->errors);
	timer_deinit(&task->limit);
	timer_deinit(&task->errors_again);
	buf_deinit(&task->answer);
	free(task);
}
