/* udsctl drop: takes jobs out of a queue, before they run or after they have died. */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "bury.h"
#include "find.h"
#include "plan.h"
#include "print.h"
#include "queue.h"
#include "say.h"
#include "scheduled.h"

struct drop_options {
	struct options common;
	const char *group;
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct drop_options, group) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Exit status if a job is not there, or cannot be dropped now. */
#define STATUS_NONE 1

/* Returns 0, STATUS_NONE or as ask(). */
static int
drop_one(struct queue *q, const char *id)
{
	struct bury buried = { 0 };
	char dead[QUEUE_ID_MAX];
	enum find_place place;
	struct queue_job job;
	bool stays;
	int status;

	status = find_job(q, id, &place, &job, dead);
	if (status != 0)
		return status;
	if (place == FIND_PENDING && job.client > 0) {
		say("%s: job %s is running (%s)", q->stream, id, job.consumer);
		return STATUS_NONE;
	}
	if (place == FIND_NONE) {
		say("%s: there is no job %s", q->stream, id);
		return STATUS_NONE;
	}
	if (place == FIND_DEAD) {
		snprintf(buried.dead, sizeof(buried.dead), "%s", dead);
		status = bury_dead(q, &buried, 1);
		stays = buried.stays;
	} else {
		status = bury_job(q, id, &stays);
	}
	if (status != 0)
		return status;
	if (stays) {
		say("%s: job %s was not dropped: another group needs it", q->stream, id);
		return STATUS_NONE;
	}
	print("dropped %s\n", id);
	return 0;
}

static int
drop_scheduled(const struct queue *q, const char *ticket)
{
	bool found;
	int status = scheduled_cancel(q->a, ticket, &found);

	if (status != 0)
		return status;
	if (!found) {
		say("%s: there is no scheduled job %s", q->stream, ticket);
		return STATUS_NONE;
	}
	print("dropped %s\n", ticket);
	return 0;
}

static int
verb_drop_run(const void *options)
{
	const struct drop_options *o = options;
	struct queue q;
	struct ask *a;
	int status = queue_check_arguments("drop", &o->common, 1, SIZE_MAX, true, "jobs"), missing = 0;
	char id[QUEUE_ID_MAX];

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = queue_open(&q, a, o->common.args[0], o->group ? o->group : PLAN_GROUP) ?: queue_require_stream(&q);
	if (status == 0 && !q.has_group)
		status = queue_create(&q);
	for (size_t i = 1; status == 0 && i < o->common.n_args; i++) {
		if (scheduled_is_ticket(o->common.args[i]))
			status = drop_scheduled(&q, o->common.args[i]);
		else if (queue_read_id(o->common.args[i], id))
			status = drop_one(&q, id);
		if (status == STATUS_NONE) {
			missing = STATUS_NONE;
			status = 0;
		}
	}
	return ask_end(a, status ?: missing);
}

const struct verb verb_drop = {
	.name = "drop",
	.arguments = "STREAM ID...",
	.summary = "take scheduled, waiting, delayed or dead jobs out of a stream",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct drop_options),
	.run = verb_drop_run,
};
