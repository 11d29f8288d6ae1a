/* udsctl serve: a command answers the requests to services; see server.c. */
#include <stdlib.h>
#include <sysexits.h>

#include "command.h"
#include "say.h"
#include "serve-plan.h"
#include "server.h"

/* The daemon lets one client have so many requests. */
#define JOBS_MAX 1000

static const struct option_row rows[] = {
	{ "jobs", 'j', "COUNT", "run up to this many commands at once (1)", OPTION_COUNT,
	  offsetof(struct serve_options, jobs) },
	{ "lines", 0, NULL, "start the command once; it answers each line with a line", OPTION_FLAG,
	  offsetof(struct serve_options, lines) },
	{ 0 },
};

/* Returns 0, or EX_USAGE after reporting a mistake. */
static int
serve_read_arguments(const struct serve_options *o, struct server_plan *plan)
{
	const char *mistake = NULL;

	*plan = (struct server_plan){
		.o = o,
		.services = o->common.args,
		.n_services = o->common.n_args - o->common.n_behind,
		.jobs = o->jobs > 0 ? o->jobs : 1,
	};
	plan->argv = plan->services + plan->n_services;
	if (plan->n_services == 0)
		mistake = "no service; try 'udsctl serve --help'";
	else if (o->common.n_behind == 0)
		mistake = "no command; it goes behind '--': udsctl serve SERVICE -- COMMAND";
	else if (!*plan->argv[0])
		mistake = "the command is empty; is a variable unset?";
	for (size_t i = 0; i < plan->n_services; i++)
		if (!*plan->services[i])
			mistake = "the name of a service is empty; is a variable unset?";
	if (mistake)
		say("serve: %s", mistake);
	else if (plan->jobs > JOBS_MAX)
		say("serve: --jobs is at most %d", JOBS_MAX);
	return mistake || plan->jobs > JOBS_MAX ? EX_USAGE : 0;
}

static int
verb_serve_run(const void *options)
{
	struct server_plan plan;
	int status = serve_read_arguments(options, &plan), r;

	if (status != 0)
		return status;
	r = command_find(plan.argv[0], &plan.path);
	if (r < 0)
		return command_report("serve", plan.argv[0], -r);
	status = server_run(&plan);
	free(plan.path);
	return status;
}

const struct verb verb_serve = {
	.name = "serve",
	.arguments = "SERVICE... -- COMMAND [ARGUMENT]...",
	.summary = "run a command for each request to services; its output is the answer",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "udsctl serve upper -- tr a-z A-Z\n"
		    "udsctl serve --lines upper -- sed -u 's/.*/\\U&/'\n"
		    "udsctl serve --jobs 4 thumbnail -- sh -c 'convert - -resize 64x64 png:-'\n",
	.options_size = sizeof(struct serve_options),
	.run = verb_serve_run,
};
