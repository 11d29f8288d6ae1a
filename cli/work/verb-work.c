/* udsctl work: gives the jobs of streams to commands; see worker.c. */
#include <stdlib.h>

#include "command.h"
#include "plan.h"
#include "worker.h"

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "share the jobs with the other workers of GROUP (work)", OPTION_NAME,
	  offsetof(struct work_options, group) },
	{ "jobs", 'j', "COUNT", "run up to this many commands at once (1)", OPTION_COUNT,
	  offsetof(struct work_options, jobs) },
	{ "retries", 0, "COUNT", "try a job again this often, then it is dead (5)", OPTION_NAME,
	  offsetof(struct work_options, retries) },
	{ "backoff", 0, "RANGE", "wait so long before each retry (1s..5m)", OPTION_NAME,
	  offsetof(struct work_options, backoff) },
	{ "dead-letter", 0, "STREAM", "put dead jobs there (the stream's name and .dead)", OPTION_NAME,
	  offsetof(struct work_options, dead_letter) },
	{ "timeout", 0, "DURATION", "end a command that takes longer (never)", OPTION_DURATION,
	  offsetof(struct work_options, job_timeout) },
	{ "rate", 0, "RATE", "start at most so many commands: 100/s, 6000/m", OPTION_RATE,
	  offsetof(struct work_options, rate) },
	{ "count", 'n', "COUNT", "end after this many jobs", OPTION_COUNT, offsetof(struct work_options, count) },
	{ "drain", 0, NULL, "end when no job is waiting", OPTION_FLAG, offsetof(struct work_options, drain) },
	{ "raw", 0, NULL, "add no newline to messages, and replace nothing on a terminal", OPTION_FLAG,
	  offsetof(struct work_options, raw) },
	{ "print", 0, NULL, "print jobs; each is done once it is written, even if nobody has read it", OPTION_FLAG,
	  offsetof(struct work_options, print) },
	{ "null", '0', NULL, "with --print: end jobs with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct work_options, null) },
	{ "json", 0, NULL, "with --print: print jobs as JSON, one object per line", OPTION_FLAG,
	  offsetof(struct work_options, common.json) },
	{ 0 },
};

static int
verb_work_run(const void *options)
{
	const struct work_options *o = options;
	struct plan plan;
	int status = plan_init(&plan, o), r;

	if (status != 0)
		return status;
	r = plan.argv ? command_find(plan.argv[0], &plan.path) : 0;
	status = r < 0 ? plan_report_command(&plan, -r) : worker_run(&plan);
	free(plan.path);
	return status;
}

const struct verb verb_work = {
	.name = "work",
	.arguments = "STREAM... [-- COMMAND [ARGUMENT]...]",
	.summary = "run a command for each job of streams, until it is done or dead",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "udsctl send --store pictures a.jpg\n"
		    "udsctl work --jobs 4 --timeout 5m pictures -- ./convert\n",
	.options_size = sizeof(struct work_options),
	.run = verb_work_run,
};
