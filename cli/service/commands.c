/* The requests that are done by a command each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "children.h"
#include "command.h"
#include "last-words.h"
#include "memory.h"
#include "say.h"
#include "serve-plan.h"
#include "serve-request.h"
#include "staff.h"
#include "task.h"
#include "timer.h"

struct staff {
	struct loop *loop;
	const struct server_plan *plan;
	const struct staff_ops *ops;
	void *arg;
	struct children *children;
	struct last_words_list words;
	LIST_HEAD(, task) tasks;
	uint64_t n_tasks;
	struct timer again; /* no command is started while it is set */
};

static void
commands_ended_cb(void *arg, pid_t pid, int status)
{
	struct staff *staff = arg;
	struct slice text;
	struct task *task;
	bool is_answer;

	LIST_FOREACH(task, &staff->tasks, link)
		if (task->pid == pid)
			break;
	if (!task)
		return;
	is_answer = task_end(task, status, &text);
	if (!task->is_unwanted && !task->is_late) /* the daemon tells the caller of its deadline */
		staff->ops->done(staff->arg, task->id, is_answer, text);
	LIST_REMOVE(task, link);
	staff->n_tasks--;
	task_free(task);
}

static void
commands_changed_cb(void *arg)
{
	struct staff *staff = arg;

	staff->ops->changed(staff->arg);
}

static struct staff *
commands_new(struct loop *loop, const struct server_plan *plan, const struct staff_ops *ops, void *arg)
{
	struct staff *staff = memory_alloc(sizeof(*staff));

	*staff = (struct staff){ .loop = loop, .plan = plan, .ops = ops, .arg = arg };
	staff->children = children_new(loop, commands_ended_cb, commands_changed_cb, staff);
	timer_init(&staff->again, loop, commands_changed_cb, staff);
	last_words_init(&staff->words, loop, commands_changed_cb, staff);
	return staff;
}

static void
commands_free(struct staff *staff)
{
	struct task *task;

	while ((task = LIST_FIRST(&staff->tasks))) {
		LIST_REMOVE(task, link);
		task_free(task); /* the command dies with udsctl */
	}
	children_free(staff->children);
	last_words_deinit(&staff->words);
	timer_deinit(&staff->again);
	free(staff);
}

static uint64_t
commands_room(struct staff *staff)
{
	uint64_t jobs = staff->plan->jobs;

	if (timer_is_set(&staff->again) || staff->n_tasks >= jobs || !last_words_may_start(&staff->words))
		return 0;
	return jobs - staff->n_tasks;
}

/* Starts the command for a request. Returns 0 or -errno. */
static int
commands_start(struct staff *staff, const struct serve_request *request, size_t answer_max, struct task **ret_task)
{
	const struct command_variable variables[] = {
		{ "UDSD_SERVICE", request->service },
		{ "UDSD_UID", request->uid },
		{ "UDSD_PID", request->pid },
		{ "UDSD_TIMEOUT_MS", request->left_text },
	};
	const struct command command = {
		.path = staff->plan->path,
		.argv = staff->plan->argv,
		.input = request->payload,
		.variables = variables,
		.n = sizeof(variables) / sizeof(variables[0]),
	};

	return task_start(staff->loop, &staff->words, &command, request->left, answer_max, ret_task);
}

static void
commands_take(struct staff *staff, const struct serve_request *request, size_t answer_max)
{
	struct task *task;
	int r = commands_start(staff, request, answer_max, &task);
	char text[256];

	if (r == 0) {
		task->id = request->id;
		LIST_INSERT_HEAD(&staff->tasks, task, link);
		staff->n_tasks++;
		return;
	}
	/* Which is no fault of the request. */
	snprintf(text, sizeof(text), "the command cannot be started: %s", strerror(-r));
	staff->ops->done(staff->arg, request->id, false, slice_of(text));
	if (!children_may_start_later(-r)) {
		staff->ops->failed(staff->arg, -r);
		return;
	}
	say("%s", text);
	timer_set(&staff->again, CHILDREN_RETRY_MS);
}

static void
commands_forget(struct staff *staff)
{
	struct task *task;

	LIST_FOREACH(task, &staff->tasks, link)
		task->is_unwanted = true;
}

static void
commands_finish(struct staff *staff)
{
	(void)staff; /* each command ends by itself */
}

static void
commands_stop(struct staff *staff)
{
	struct task *task;

	LIST_FOREACH(task, &staff->tasks, link)
		task_stop(task);
}

static bool
commands_is_busy(const struct staff *staff)
{
	return staff->n_tasks > 0;
}

const struct staff_kind staff_commands = {
	.new = commands_new,
	.free = commands_free,
	.room = commands_room,
	.take = commands_take,
	.forget = commands_forget,
	.finish = commands_finish,
	.stop = commands_stop,
	.is_busy = commands_is_busy,
};
