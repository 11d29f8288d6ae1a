/* udsctl services: the services that have workers or requests, and their figures, sorted by name. */
#include "named-list.h"
#include "options.h"

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	NAMED_LIST_NAMES_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct named_list_figure figures[] = {
	{ { "WORKERS", true }, "workers", NAMED_LIST_COUNT },
	{ { "IDLE", true }, "idle", NAMED_LIST_COUNT },
	{ { "BUSY", true }, "busy", NAMED_LIST_COUNT },
	{ { "WAITING", true }, "waiting", NAMED_LIST_COUNT },
	{ { "ANSWERED", true }, "answered", NAMED_LIST_COUNT },
	{ { "FAILED", true }, "failed", NAMED_LIST_COUNT },
	{ { "GONE", true }, "gone", NAMED_LIST_COUNT },
	{ { "TIMED OUT", true }, "timed_out", NAMED_LIST_COUNT },
	{ { "P50", true }, "p50_us", NAMED_LIST_MICROSECONDS },
	{ { "P99", true }, "p99_us", NAMED_LIST_MICROSECONDS },
};

static int
verb_services_run(const void *options)
{
	static const struct named_list list = { "SERVICE", "SERVICES", figures, sizeof(figures) / sizeof(figures[0]) };

	return named_list_run(&list, options);
}

const struct verb verb_services = {
	.name = "services",
	.arguments = "[PATTERN]",
	.summary = "list the services, their workers and requests",
	.rows = rows,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct named_list_options),
	.run = verb_services_run,
};
