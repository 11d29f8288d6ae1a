/* udsctl stats: one reading of INFO, or one after another. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ask.h"
#include "loop.h"
#include "nearest.h"
#include "options.h"
#include "say.h"
#include "stats.h"

struct stats_options {
	struct options common;
	uint64_t interval;  /* ms; 0: not given */
	uint64_t count;     /* 0: not given */
	const char *format; /* or NULL */
};

static const struct option_row rows[] = {
	{ "watch", 'w', "[=DURATION]", "show them again and again, every second or so often", OPTION_DURATION,
	  offsetof(struct stats_options, interval) },
	{ "count", 'n', "COUNT", "end after showing them this many times", OPTION_COUNT,
	  offsetof(struct stats_options, count) },
	OPTION_JSON_ROW,
	{ "format", 0, "FORMAT", "text, json, openmetrics or prometheus", OPTION_TEXT,
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
read_format(const struct stats_options *o, enum stats_format *ret_format)
{
	const char *nearest;

	*ret_format = o->common.json ? STATS_JSON : STATS_TEXT;
	for (size_t i = 0; o->format && i < N_FORMATS; i++) {
		if (strcmp(o->format, formats[i]) != 0)
			continue;
		*ret_format = (enum stats_format)i;
		if ((i == STATS_OPENMETRICS || i == STATS_PROMETHEUS) && (o->interval > 0 || o->count > 1)) {
			say("stats: --format %s is one reading; it does not go with --watch", formats[i]);
			return EX_USAGE;
		}
		return 0;
	}
	if (!o->format)
		return 0;
	nearest = nearest_find(o->format, strlen(o->format), formats, N_FORMATS);
	say("stats: --format: '%s' is not text, json, openmetrics or prometheus%s%s%s", o->format,
	    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	return EX_USAGE;
}

/* Returns 0 or an exit status. */
static int
read_sample(struct ask *a, struct stats_sample *ret_sample)
{
	const struct resp_node *reply;
	int status = ask(a, &reply, "INFO", NULL);

	if (status == 0)
		stats_read(reply->text, ret_sample);
	return status;
}

/* A terminal shows one reading in the place of the other. */
static void
show(enum stats_format format, const struct stats_sample *sample, const struct stats_sample *before, bool watch)
{
	if (format == STATS_TEXT && watch && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	else if (format == STATS_TEXT && before)
		putchar('\n');
	stats_print(format, sample, before);
}

static int
run(struct ask *a, const struct stats_options *o, enum stats_format format)
{
	struct stats_sample samples[2];
	uint64_t interval = o->interval > 0 ? o->interval : 1000, times = o->count;
	int status;

	if (o->interval == 0 && times == 0)
		times = 1;
	for (uint64_t n = 0; times == 0 || n < times; n++) {
		struct stats_sample *sample = &samples[n % 2], *before = n > 0 ? &samples[1 - n % 2] : NULL;

		status = n > 0 ? ask_wait(a, interval) : 0;
		if (status == 0)
			status = read_sample(a, sample);
		if (status != 0)
			return status;
		sample->taken_at = loop_now();
		show(format, sample, before, times != 1);
		if (!say_try_flush())
			break;
	}
	return EX_OK;
}

static int
verb_stats_run(const void *options)
{
	const struct stats_options *o = options;
	enum stats_format format;
	struct ask *a;
	int status = read_format(o, &format);

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = run(a, o, format);
	ask_free(a);
	return say_end(status);
}

const struct verb verb_stats = {
	.name = "stats",
	.arguments = "",
	.summary = "show what goes through the daemon",
	.rows = rows,
	.options_size = sizeof(struct stats_options),
	.run = verb_stats_run,
};
