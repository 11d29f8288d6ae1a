#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "command.h"
#include "human.h"
#include "num.h"
#include "protocol.h"
#include "record.h"
#include "say.h"

#define RETRIES ((uint64_t)5)
#define BACKOFF "1s..5m"
/* The daemon takes lists of so many delays. */
#define DELAYS_MAX 16

static double
plan_power(double base, unsigned int n)
{
	double power = 1;

	while (n-- > 0)
		power *= base;
	return power;
}

/* "1s..5m" becomes a list of delays, each twice the one before, or more where the list would be too long. */
static int
plan_parse_backoff(struct plan *plan, const char *text)
{
	const char *dots = strstr(text, "..");
	char first[32] = "";
	uint64_t from, to, last = 0;
	double factor, delay;
	size_t len = 0;

	if (dots && (size_t)(dots - text) < sizeof(first))
		memcpy(first, text, (size_t)(dots - text));
	if (options_parse_duration(dots ? first : text, &from) != 0 ||
	    options_parse_duration(dots ? dots + 2 : text, &to) != 0 || to < from || to == 0)
		return -1;
	delay = from > 0 ? (double)from : 1;
	for (factor = 2; plan_power(factor, DELAYS_MAX - 1) < (double)to / delay; factor += 0.1)
		;
	for (size_t i = 0; last < to && i < DELAYS_MAX; i++, delay *= factor) {
		last = delay < (double)to && i + 1 < DELAYS_MAX ? (uint64_t)(delay + 0.5) : to;
		len += (size_t)snprintf(plan->retry_delay + len, sizeof(plan->retry_delay) - len, "%s%s",
		                        len > 0 ? " " : "", human_exact_duration(last).text);
	}
	return 0;
}

static int
plan_read_values(struct plan *plan)
{
	const struct work_options *o = plan->o;
	uint64_t retries = RETRIES;

	if (o->retries && (num_parse_u64(o->retries, &retries) != 0 || retries > INT32_MAX)) {
		say("work: --retries: '%s' is not a number", o->retries);
		return EX_USAGE;
	}
	if (plan_parse_backoff(plan, o->backoff ? o->backoff : BACKOFF) < 0) {
		say("work: --backoff: '%s' is not a range of durations (try 1s..5m)", o->backoff);
		return EX_USAGE;
	}
	snprintf(plan->max_deliveries, sizeof(plan->max_deliveries), "%" PRIu64, retries + 1);
	return 0;
}

int
plan_init(struct plan *plan, const struct work_options *o)
{
	const struct {
		bool is_given;
		const char *text;
	} mistakes[] = {
		{ o->common.n_args == o->common.n_behind, "no stream; try 'udsctl work --help'" },
		{ !o->print && o->common.n_behind == 0,
		  "no command; it goes behind '--': udsctl work STREAM -- COMMAND; or try --print" },
		{ o->print && o->common.n_behind > 0, "--print and a command cannot be combined" },
		{ o->print && o->jobs > 0, "--jobs needs a command" },
		{ o->print && o->job_timeout > 0, "--timeout needs a command" },
		{ !o->print && o->common.json, "--json needs --print" },
		{ !o->print && o->null, "--null needs --print" },
		{ o->common.n_behind > 0 && !*o->common.args[o->common.n_args - o->common.n_behind],
		  "the command is empty; is a variable unset?" },
	};
	char host[64] = "?";
	uint32_t number = 0;

	*plan = (struct plan){ .o = o, .clean = o->print && !o->raw && isatty(STDOUT_FILENO) == 1 };
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		if (mistakes[i].is_given) {
			say("work: %s", mistakes[i].text);
			return EX_USAGE;
		}
	}
	plan->group = o->group ? o->group : PLAN_GROUP;
	plan->streams = o->common.args;
	plan->n_streams = o->common.n_args - o->common.n_behind;
	plan->argv = o->print ? NULL : plan->streams + plan->n_streams;
	plan->jobs = o->jobs > 0 ? o->jobs : 1;
	for (size_t i = 0; i < plan->n_streams; i++) {
		if (!*plan->streams[i]) {
			say("work: the name of a stream is empty; is a variable unset?");
			return EX_USAGE;
		}
	}
	(void)gethostname(host, sizeof(host) - 1);
	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	snprintf(plan->consumer, sizeof(plan->consumer), "%s:%ld:%" PRIu32, host, (long)getpid(), number);
	return plan_read_values(plan);
}

int
plan_report_command(const struct plan *plan, int error)
{
	return command_report("work", plan->argv[0], error);
}
