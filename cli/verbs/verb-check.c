/*
 * udsctl check: one line and an exit status in the form of monitoring plugins
 * (https://www.monitoring-plugins.org/doc/guidelines.html).
 */
#include <stdarg.h>
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "say.h"

struct check_options {
	struct options common;
	uint64_t warning, critical; /* ms; 0: not given */
};

static const struct option_row rows[] = {
	{ "warning", 0, "DURATION", "warn if the answer takes longer (100ms)", OPTION_DURATION,
	  offsetof(struct check_options, warning) },
	{ "critical", 0, "DURATION", "critical if the answer takes longer (1s)", OPTION_DURATION,
	  offsetof(struct check_options, critical) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Defaults, in ms. */
#define WARNING ((uint64_t)100)
#define CRITICAL ((uint64_t)1000)

enum { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN };

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* Prints the line and returns its status. */
static int __attribute__((format(printf, 2, 3))) check_end(int status, const char *format, ...)
{
	va_list ap;

	print("UDSD %s - ", words[status]);
	va_start(ap, format);
	memory_check(buf_vprintf(print_text(), format, ap));
	va_end(ap);
	print("\n");
	return print_end(EX_OK) == EX_OK ? status : STATUS_UNKNOWN;
}

static int
check_mistake(const char *text)
{
	return check_end(STATUS_UNKNOWN, "%s", text);
}

static int
verb_check_run(const void *options)
{
	const struct check_options *o = options;
	double warning = (double)(o->warning > 0 ? o->warning : WARNING) / 1000;
	double critical = (double)(o->critical > 0 ? o->critical : CRITICAL) / 1000, seconds;
	char error[512] = "no answer";
	struct ask *a;
	uint64_t start;
	int status;

	if (warning > critical)
		return check_mistake("check: --warning is longer than --critical");
	a = ask_new(&o->common);
	start = loop_now_ns();
	say_capture(error, sizeof(error)); /* what went wrong belongs into the line */
	status = ask(a, NULL, "PING", NULL);
	say_capture(NULL, 0);
	seconds = (double)(loop_now_ns() - start) / 1e9;
	ask_end(a, EX_OK);
	if (status != 0)
		return check_end(STATUS_CRITICAL, "%s", error);
	status = seconds > critical ? STATUS_CRITICAL : seconds > warning ? STATUS_WARNING : STATUS_OK;
	return check_end(status, "answered in %.3f ms | latency=%.6fs;%g;%g;0", seconds * 1000, seconds, warning,
	                 critical);
}

const struct verb verb_check = {
	.name = "check",
	.summary = "check the daemon, for monitoring systems",
	.rows = rows,
	.options_size = sizeof(struct check_options),
	.run = verb_check_run,
	.mistake = check_mistake,
};
