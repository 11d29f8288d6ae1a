/*
 * udsctl check: one line and an exit status in the form of monitoring plugins
 * (https://www.monitoring-plugins.org/doc/guidelines.html).
 */
#include <stdarg.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "say.h"
#include "stats.h"

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

/* What is said of a store in this state, and how bad it is; "": nothing. */
static const char *
check_store(const char *state, int *ret_status)
{
	static const struct {
		const char *state, *text;
		int status;
	} troubles[] = {
		{ "scarce", "the store has no room for new entries, ", STATUS_WARNING },
		{ "full", "the disk of the store is full, ", STATUS_CRITICAL },
		{ "failed", "the store has failed, ", STATUS_CRITICAL },
	};

	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		if (strcmp(state, troubles[i].state) == 0) {
			*ret_status = troubles[i].status;
			return troubles[i].text;
		}
	}
	return "";
}

static int
verb_check_run(const void *options)
{
	const struct check_options *o = options;
	double warning = (double)(o->warning > 0 ? o->warning : WARNING) / 1000;
	double critical = (double)(o->critical > 0 ? o->critical : CRITICAL) / 1000, seconds;
	char error[512] = "no answer";
	struct stats_sample sample = { 0 };
	const struct resp_node *reply;
	int store_status = STATUS_OK;
	const char *store;
	struct ask *a;
	uint64_t start;
	int status;

	if (warning > critical)
		return check_mistake("check: --warning is longer than --critical");
	a = ask_new(&o->common);
	start = loop_now_ns();
	say_capture(error, sizeof(error)); /* what went wrong belongs into the line */
	status = ask(a, NULL, "PING", NULL);
	seconds = (double)(loop_now_ns() - start) / 1e9;
	if (status == 0)
		status = ask(a, &reply, "INFO", "streams", NULL);
	if (status == 0 && (reply->type == RESP_BULK || reply->type == RESP_VERBATIM))
		stats_read(reply->text, &sample);
	say_capture(NULL, 0);
	ask_end(a, EX_OK);
	if (status != 0)
		return check_end(STATUS_CRITICAL, "%s", error);
	status = seconds > critical ? STATUS_CRITICAL : seconds > warning ? STATUS_WARNING : STATUS_OK;
	store = check_store(sample.store_state, &store_status);
	return check_end(store_status > status ? store_status : status, "%sanswered in %.3f ms | latency=%.6fs;%g;%g;0",
	                 store, seconds * 1000, seconds, warning, critical);
}

const struct verb verb_check = {
	.name = "check",
	.summary = "check the daemon, for monitoring systems",
	.rows = rows,
	.options_size = sizeof(struct check_options),
	.run = verb_check_run,
	.mistake = check_mistake,
};
