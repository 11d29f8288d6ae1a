/* udsctl streams: the streams and their figures, sorted by name. */
#include "named-list.h"
#include "options.h"

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	NAMED_LIST_NAMES_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct named_list_figure figures[] = {
	{ { "ENTRIES", true }, "entries", NAMED_LIST_COUNT },
	{ { "SIZE", true }, "bytes", NAMED_LIST_SIZE },
	{ { "ADDED", true }, "added", NAMED_LIST_COUNT },
	{ { "GROUPS", true }, "groups", NAMED_LIST_COUNT },
	{ { "PENDING", true }, "pending", NAMED_LIST_COUNT },
	{ { NULL }, "delayed", NAMED_LIST_COUNT },
	{ { NULL }, "dead", NAMED_LIST_COUNT },
	{ { NULL }, "later", NAMED_LIST_COUNT },
	{ { "LAG", true }, "lag", NAMED_LIST_COUNT },
	{ { "LAST ID", false }, "last-id", NAMED_LIST_TEXT },
	{ { NULL }, "first-id", NAMED_LIST_TEXT },
	{ { NULL }, "expires", NAMED_LIST_COUNT },
	{ { NULL }, "published", NAMED_LIST_COUNT },
	{ { "USER", false }, "uid", NAMED_LIST_USER },
};

static int
verb_streams_run(const void *options)
{
	static const struct named_list list = { "STREAM", "STREAMS", figures, sizeof(figures) / sizeof(figures[0]) };

	return named_list_run(&list, options);
}

const struct verb verb_streams = {
	.name = "streams",
	.arguments = "[PATTERN]",
	.summary = "list the streams and what is in them",
	.rows = rows,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct named_list_options),
	.run = verb_streams_run,
};
