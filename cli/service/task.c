/*
 * The answer ends with the command, not with the pipe: a process that the command has left behind may hold that open
 * for ever.
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
#define ANSWER_PIECE ((size_t)64 * 1024)

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
		pipe_end_close(&task->output);
	return n > 0;
}

static void
task_output_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	task_read_output(arg);
}

int
task_start(struct loop *loop, struct last_words_list *words, const struct command *command, uint64_t ms,
           size_t answer_max, struct task **ret_task)
{
	struct task *task = memory_alloc(sizeof(*task));
	struct command start = *command;
	_cleanup_close_ int output = -1;
	_cleanup_close_ int errors = -1;
	int r;

	task->loop = loop;
	task->output.fd = -1;
	task->answer_max = answer_max;
	timer_init(&task->limit, loop, task_limit_cb, task);
	task->words_list = words;
	r = pipe_end_open(&task->output, loop, false, task_output_cb, task, &output);
	if (r == 0)
		r = last_words_open(words, &task->words, &errors);
	start.output = output;
	start.error = errors;
	start.is_bound = true;
	if (r == 0)
		r = command_start(&start, &task->pid);
	if (r < 0) {
		if (task->words)
			last_words_close(words, task->words);
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
	if (task->is_stopped)
		(void)kill(-task->pid, SIGKILL); /* what it has left behind */
	last_words_end(task->words_list, task->words, task->why, sizeof(task->why));
	if (status == 0 && !task->is_too_long) {
		*ret_answer = (struct slice){ task->answer.data, task->answer.len };
		return true;
	}
	if (task->is_too_long)
		snprintf(task->why, sizeof(task->why), "the answer is over max_message (%zu bytes)", task->answer_max);
	else if (!task->why[0])
		children_describe(status, task->why, sizeof(task->why));
	*ret_answer = slice_of(task->why);
	return false;
}

void
task_free(struct task *task)
{
	pipe_end_close(&task->output);
	timer_deinit(&task->limit);
	buf_deinit(&task->answer);
	free(task);
}
