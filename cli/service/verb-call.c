/* udsctl call: requests, and their answers; see caller.c. */
#include <sysexits.h>

#include "call.h"
#include "caller.h"
#include "say.h"

/* The limits of the daemon. */
#define MS_MAX ((uint64_t)24 * 60 * 60 * 1000)
#define RETRIES_MAX 1000
/* A tenth of the requests that the daemon lets a client have. */
#define PARALLEL_MAX 1000

static const struct option_row rows[] = {
	{ "timeout", 0, "DURATION", "give up after this long without an answer (30s)", OPTION_TIMEOUT, 0 },
	{ "wait", 0, "DURATION", "wait so long for a worker to come (not at all)", OPTION_DURATION,
	  offsetof(struct call_options, wait) },
	{ "retry", 0, "COUNT", "repeat the request this often if its worker or the daemon dies", OPTION_COUNT,
	  offsetof(struct call_options, retries) },
	{ "lines", 0, NULL, "each line of standard input is a request; print each answer as a line", OPTION_FLAG,
	  offsetof(struct call_options, lines) },
	{ "parallel", 0, "COUNT", "with --lines, so many requests at once (1)", OPTION_COUNT,
	  offsetof(struct call_options, parallel) },
	{ "raw", 0, NULL, "replace no control characters on a terminal", OPTION_FLAG,
	  offsetof(struct call_options, raw) },
	{ "json", 0, NULL, "print answers, and reasons for none, as JSON, one object per line", OPTION_FLAG,
	  offsetof(struct options, json) },
	{ 0 },
};

static int
verb_call_run(const void *options)
{
	const struct call_options *o = options;

	if (o->common.n_args == 0)
		say("call: no service; try 'udsctl call --help'");
	else if (!*o->common.args[0])
		say("call: the name of the service is empty; is a variable unset?");
	else if (options_timeout(&o->common, 0) > MS_MAX || o->wait > MS_MAX)
		say("call: --timeout and --wait are at most 24h");
	else if (o->retries > RETRIES_MAX)
		say("call: --retry is at most %d", RETRIES_MAX);
	else if (o->lines && o->common.n_args > 1)
		say("call: --lines reads standard input, so there can be no text");
	else if (!o->lines && o->parallel > 0)
		say("call: --parallel needs --lines");
	else if (o->parallel > PARALLEL_MAX)
		say("call: --parallel is at most %d", PARALLEL_MAX);
	else
		return caller_run(o);
	return EX_USAGE;
}

const struct verb verb_call = {
	.name = "call",
	.arguments = "SERVICE [TEXT]...",
	.summary = "send a request to a service, and print its answer",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "echo hello | udsctl call upper\n"
		    "udsctl call --wait 5s --timeout 1m thumbnail <photo.jpg >small.png\n"
		    "udsctl call --lines --parallel 8 geocode <addresses >places\n",
	.options_size = sizeof(struct call_options),
	.run = verb_call_run,
};
