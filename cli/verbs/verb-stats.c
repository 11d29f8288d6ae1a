/* udsctl stats: prints the figures of INFO, once or again and again. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ask.h"
#include "loop.h"
#include "nearest.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"
#include "stats.h"

struct stats_options {
	struct options common;
	uint64_t interval;  /* ms; 0: not given */
	uint64_t count;     /* 0: not given */
	const char *format; /* or NULL */
};

static const struct option_row rows[] = {
	{ "watch", 'w', "[=DURATION]", "show the figures again every second, or at this interval", OPTION_DURATION,
	  offsetof(struct stats_options, interval) },
	{ "count", 'n', "COUNT", "exit after showing the figures this many times", OPTION_COUNT,
	  offsetof(struct stats_options, count) },
	OPTION_JSON_ROW,
	{ "format", 0, "FORMAT", "text, json, openmetrics or prometheus", OPTION_NAME,
	  offsetof(struct stats_options, format) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const char *const formats[] = {
	[STATS_TEXT] = "text",
	[STATS_JSON] = "json",
	[STATS_OPENMETRICS] = "openmetrics",
	[STATS_PROMETHEUS] = "prometheus",
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Returns 0, or EX_USAGE after saying what is wrong. */
static int
verb_stats_read_format(const struct stats_options *o, enum stats_format *ret_format)
{
	const char *nearest;
	size_t i = o->common.json ? STATS_JSON : STATS_TEXT;

	if (!options_are_apart("stats", "json", o->common.json, "format", o->format))
		return EX_USAGE;
	if (o->format)
		for (i = 0; i < N_FORMATS && strcmp(o->format, formats[i]) != 0; i++)
			;
	if (i == N_FORMATS) {
		nearest = nearest_find(o->format, strlen(o->format), formats, N_FORMATS);
		say("stats: --format: '%s' is not text, json, openmetrics or prometheus%s%s%s", o->format,
		    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
		return EX_USAGE;
	}
	if (i == STATS_JSON && !record_is_possible("stats: --format json"))
		return EX_USAGE;
	if (i >= STATS_OPENMETRICS && (o->interval > 0 || o->count > 1)) {
		say("stats: --format %s prints the figures once; it cannot be combined with --watch", formats[i]);
		return EX_USAGE;
	}
	*ret_format = (enum stats_format)i;
	return 0;
}

/* Returns 0 or an exit status. */
static int
verb_stats_watch(struct ask *a, const struct stats_options *o, enum stats_format format)
{
	struct stats_sample samples[2]; /* this one and the one before, in turn */
	uint64_t interval = o->interval > 0 ? o->interval : 1000, times = o->count;
	const struct resp_node *reply;
	int status = 0;

	if (o->interval == 0 && times == 0)
		times = 1;
	for (uint64_t n = 0; status == 0 && (times == 0 || n < times); n++) {
		struct stats_sample *sample = &samples[n % 2], *before = n > 0 ? &samples[1 - n % 2] : NULL;

		if (n > 0)
			status = ask_wait(a, interval);
		if (status == 0)
			status = ask(a, &reply, "INFO", NULL);
		if (status != 0)
			return status;
		stats_read(reply->text, sample);
		sample->taken_at = loop_now();
		if (format == STATS_TEXT && times != 1 && isatty(STDOUT_FILENO))
			print("\033[H\033[J"); /* clears the screen */
		else if (format == STATS_TEXT && before)
			print("\n");
		stats_print(format, sample, before);
		status = ask_flush(a);
	}
	return status;
}

static int
verb_stats_run(const void *options)
{
	const struct stats_options *o = options;
	enum stats_format format;
	struct ask *a;
	int status = verb_stats_read_format(o, &format);

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = verb_stats_watch(a, o, format);
	return ask_end(a, status);
}

const struct verb verb_stats = {
	.name = "stats",
	.summary = "show the figures of the daemon",
	.rows = rows,
	.options_size = sizeof(struct stats_options),
	.run = verb_stats_run,
};
