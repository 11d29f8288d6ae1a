/* udsctl pause and resume: whether the group of a stream gives jobs. What runs goes on. */
#include "plan.h"
#include "print.h"
#include "queue.h"

struct pause_options {
	struct options common;
	const char *group;
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct pause_options, group) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static int
pause_run(const char *verb, const struct pause_options *o, const char *paused)
{
	int status = queue_check_arguments(verb, &o->common, 0, 0, false);
	struct queue q;

	if (status != 0)
		return status;
	q = (struct queue){ .a = ask_new(&o->common),
		            .stream = o->common.args[0],
		            .group = o->group ? o->group : PLAN_GROUP };
	status = queue_create(&q);
	if (status == 0)
		status = ask(q.a, NULL, "UDSD", "GROUP", q.stream, q.group, "SET", "paused", paused, NULL);
	if (status == 0)
		print("%sd %s\n", verb, q.stream);
	return ask_end(q.a, status);
}

static int
verb_pause_run(const void *options)
{
	return pause_run("pause", options, "1");
}

static int
verb_resume_run(const void *options)
{
	return pause_run("resume", options, "0");
}

const struct verb verb_pause = {
	.name = "pause",
	.arguments = "STREAM",
	.summary = "give no more jobs of a stream to workers",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct pause_options),
	.run = verb_pause_run,
};

const struct verb verb_resume = {
	.name = "resume",
	.arguments = "STREAM",
	.summary = "give jobs of a stream to workers again",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct pause_options),
	.run = verb_resume_run,
};
