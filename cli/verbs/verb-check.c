/*
 * udsctl check: one line and an exit status in the form of monitoring plugins
 * (https://www.monitoring-plugins.org/doc/guidelines.html).
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "loop.h"
#include "options.h"
#include "say.h"

struct check_options {
	struct options common;
	uint64_t warning, critical; /* ms; 0: not given */
};

static const struct option_row rows[] = {
	{ "warning", 0, "DURATION", "an answer that takes longer is a warning (100ms)", OPTION_DURATION,
	  offsetof(struct check_options, warning) },
	{ "critical", 0, "DURATION", "and one that takes longer than this is critical (1s)", OPTION_DURATION,
	  offsetof(struct check_options, critical) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

#define WARNING ((uint64_t)100)   /* ms */
#define CRITICAL ((uint64_t)1000) /* ms */

enum { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN };

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/*
 * Measures the time of connecting and one answer. Returns 0, or an exit status and sets `error` to the reason.
 */
static int
check_measure(const struct options *o, char *error, size_t size, double *ret_seconds)
{
	struct ask *a = ask_new(o);
	uint64_t start = loop_now_ns();
	int status;

	say_capture(error, size);
	status = ask(a, NULL, "PING", NULL);
	say_capture(NULL, 0);
	*ret_seconds = (double)(loop_now_ns() - start) / 1e9;
	ask_free(a);
	return status;
}

static int
verb_check_run(const void *options)
{
	const struct check_options *o = options;
	double warning = (double)(o->warning > 0 ? o->warning : WARNING) / 1000;
	double critical = (double)(o->critical > 0 ? o->critical : CRITICAL) / 1000, seconds;
	char error[512] = "no answer";
	int status = STATUS_OK;

	if (warning > critical) {
		printf("UDSD UNKNOWN - --warning is longer than --critical\n");
		say_flushed();
		return STATUS_UNKNOWN;
	}
	if (check_measure(&o->common, error, sizeof(error), &seconds) != 0) {
		printf("UDSD CRITICAL - %s\n", error);
		return say_flushed() ? STATUS_CRITICAL : STATUS_UNKNOWN;
	}
	if (seconds > critical)
		status = STATUS_CRITICAL;
	else if (seconds > warning)
		status = STATUS_WARNING;
	printf("UDSD %s - answered in %.3f ms | latency=%.6fs;%g;%g;0\n", words[status], seconds * 1000, seconds,
	       warning, critical);
	return say_flushed() ? status : STATUS_UNKNOWN;
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "",
	.summary = "tell in one line whether the daemon is well, for monitoring systems",
	.rows = rows,
	.options_size = sizeof(struct check_options),
	.run = verb_check_run,
};
