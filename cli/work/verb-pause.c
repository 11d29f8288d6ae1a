/* udsctl pause and resume: whether the group of a stream gives jobs. What runs goes on. */
#include <sysexits.h>

#include "plan.h"
#include "print.h"
#include "queue.h"
#include "say.h"

struct pause_options {
	struct options common;
	const char *group;
	bool create;
};

#define PAUSE_GROUP_ROW                                                                                                \
	{                                                                                                              \
		"group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct pause_options, group) \
	}

static const struct option_row pause_rows[] = {
	PAUSE_GROUP_ROW,
	{ "create", 0, NULL, "make the stream, or its group, if it is missing: before the first job or worker",
	  OPTION_FLAG, offsetof(struct pause_options, create) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct option_row resume_rows[] = {
	PAUSE_GROUP_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/*
 * Whether there is a group to pause, or to resume. Returns 0, EX_NOINPUT after saying that there is none, and advice,
 * or as ask().
 */
static int
pause_require(struct queue *q, const struct pause_options *o, bool resumes)
{
	int status = o->create ? queue_create(q) : queue_open(q, q->a, q->stream, q->group);

	if (status == 0)
		status = queue_require_stream(q);
	if (status != 0 || q->has_group)
		return status;
	if (resumes)
		say("stream '%s' has no group '%s'; 'udsctl groups' lists those that it has", q->stream, q->group);
	else
		say("stream '%s' has no group '%s' yet; 'udsctl pause --create' makes it", q->stream, q->group);
	return EX_NOINPUT;
}

static int
pause_run(const char *verb, const struct pause_options *o, bool resumes)
{
	int status = queue_check_arguments(verb, &o->common, 0, 0, false, "jobs");
	struct queue q;

	if (status != 0)
		return status;
	q = (struct queue){ .a = ask_new(&o->common),
		            .stream = o->common.args[0],
		            .group = o->group ? o->group : PLAN_GROUP };
	status = pause_require(&q, o, resumes);
	if (status == 0)
		status = ask(q.a, NULL, "UDSD", "GROUP", q.stream, q.group, "SET", "paused", resumes ? "0" : "1", NULL);
	if (status == 0)
		print("%sd %s\n", verb, q.stream);
	return ask_end(q.a, status);
}

static int
verb_pause_run(const void *options)
{
	return pause_run("pause", options, false);
}

static int
verb_resume_run(const void *options)
{
	return pause_run("resume", options, true);
}

const struct verb verb_pause = {
	.name = "pause",
	.arguments = "STREAM",
	.summary = "give no more jobs of a stream to workers",
	.rows = pause_rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct pause_options),
	.run = verb_pause_run,
};

const struct verb verb_resume = {
	.name = "resume",
	.arguments = "STREAM",
	.summary = "give jobs of a stream to workers again",
	.rows = resume_rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct pause_options),
	.run = verb_resume_run,
};
