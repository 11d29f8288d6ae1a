/*
 * Processes that answer lines. The requests of one that has ended meanwhile wait for it to be started again, unless
 * another one is idle before.
 */
#include <stdlib.h>

#include "children.h"
#include "last-words.h"
#include "memory.h"
#include "process.h"
#include "serve-plan.h"
#include "serve-request.h"
#include "staff.h"

struct staff {
	const struct staff_ops *ops;
	void *arg;
	struct children *children;
	struct last_words_list words;
	struct process_shared shared;
	size_t n;
	struct process processes[];
};

static void
processes_done(void *arg, uint64_t id, bool is_answer, struct slice text)
{
	struct staff *staff = arg;

	staff->ops->done(staff->arg, id, is_answer, text);
}

static void
processes_failed(void *arg, int error)
{
	struct staff *staff = arg;

	staff->ops->failed(staff->arg, error);
}

static void
processes_changed(void *arg)
{
	struct staff *staff = arg;
	struct process *end = staff->processes + staff->n;
	size_t waiting = 0;

	for (struct process *p = staff->processes; p < end; p++)
		waiting += p->has_request && !p->is_begun;
	for (struct process *p = staff->processes; p < end && waiting > 0; p++)
		for (struct process *other = staff->processes; other < end && process_is_idle(p); other++)
			process_take_over(p, other);
	staff->ops->changed(staff->arg);
}

static const struct staff_ops processes_ops = {
	.done = processes_done,
	.changed = processes_changed,
	.failed = processes_failed,
};

static void
processes_ended_cb(void *arg, pid_t pid, int status)
{
	struct staff *staff = arg;

	for (size_t i = 0; i < staff->n; i++) {
		if (staff->processes[i].pipes.pid == pid && staff->processes[i].state != PROCESS_AWAY) {
			process_ended(&staff->processes[i], status);
			return;
		}
	}
}

static struct staff *
processes_new(struct loop *loop, const struct server_plan *plan, const struct staff_ops *ops, void *arg)
{
	size_t n = (size_t)plan->jobs;
	struct staff *staff = memory_alloc(sizeof(*staff) + n * sizeof(staff->processes[0]));

	staff->ops = ops;
	staff->arg = arg;
	staff->children = children_new(loop, processes_ended_cb, processes_changed, staff);
	staff->n = n;
	last_words_init(&staff->words, loop, NULL, NULL);
	staff->shared = (struct process_shared){
		.loop = loop,
		.plan = plan,
		.ops = &processes_ops,
		.arg = staff,
		.words = &staff->words,
	};
	for (size_t i = 0; i < n; i++)
		process_init(&staff->processes[i], &staff->shared);
	return staff;
}

static void
processes_free(struct staff *staff)
{
	for (size_t i = 0; i < staff->n; i++)
		process_deinit(&staff->processes[i]);
	children_free(staff->children);
	last_words_deinit(&staff->words);
	free(staff);
}

static uint64_t
processes_room(struct staff *staff)
{
	uint64_t room = 0;

	for (size_t i = 0; i < staff->n; i++)
		room += process_is_idle(&staff->processes[i]);
	return room;
}

static void
processes_take(struct staff *staff, const struct serve_request *request, size_t answer_max)
{
	struct process *free_one = NULL;

	for (size_t i = 0; i < staff->n; i++) {
		struct process *p = &staff->processes[i];

		if (!p->has_request && (!free_one || process_is_idle(p)))
			free_one = p;
	}
	if (line_request_read(&free_one->request, request, answer_max))
		process_begin(free_one);
	else
		staff->ops->done(staff->arg, request->id, false, slice_of("the request has more than one line"));
}

static void
processes_forget(struct staff *staff)
{
	for (size_t i = 0; i < staff->n; i++)
		process_forget(&staff->processes[i]);
}

static void
processes_finish(struct staff *staff)
{
	for (size_t i = 0; i < staff->n; i++)
		process_finish(&staff->processes[i]);
}

static void
processes_stop(struct staff *staff)
{
	for (size_t i = 0; i < staff->n; i++)
		process_stop(&staff->processes[i]);
}

static bool
processes_is_busy(const struct staff *staff)
{
	for (size_t i = 0; i < staff->n; i++)
		if (staff->processes[i].has_request ||
		    (staff->processes[i].is_finishing && staff->processes[i].state != PROCESS_AWAY))
			return true;
	return false;
}

const struct staff_kind staff_processes = {
	.new = processes_new,
	.free = processes_free,
	.room = processes_room,
	.take = processes_take,
	.forget = processes_forget,
	.finish = processes_finish,
	.stop = processes_stop,
	.is_busy = processes_is_busy,
};
