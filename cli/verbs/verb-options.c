#include "verb-options.h"

#define FIELD(name) offsetof(struct options, name)

#define JSON                                                                                                           \
	{                                                                                                              \
		"json", 0, NULL, "print JSON, one object in a line", OPTION_FLAG, FIELD(json)                          \
	}
#define TIMEOUT                                                                                                        \
	{                                                                                                              \
		"timeout", 0, "DURATION", "give up when no answer comes for this long (5s)", OPTION_TIMEOUT, 0         \
	}
#define USER                                                                                                           \
	{                                                                                                              \
		"user", 'u', "USER", "only of this user: a name or a uid", OPTION_TEXT, FIELD(user)                    \
	}
#define PID                                                                                                            \
	{                                                                                                              \
		"pid", 0, "PID", "only of this process", OPTION_COUNT, FIELD(pid)                                      \
	}

const struct option_row ping_options[] = {
	{ "count", 'n', "COUNT", "ping this many times (1)", OPTION_COUNT, FIELD(count) },
	JSON,
	TIMEOUT,
	{ 0 },
};

const struct option_row stats_options[] = {
	{ "watch", 'w', "[=DURATION]", "show them again and again, every second or so often", OPTION_DURATION,
	  FIELD(interval) },
	{ "count", 'n', "COUNT", "end after showing them this many times", OPTION_COUNT, FIELD(count) },
	JSON,
	{ "format", 0, "FORMAT", "text, json, openmetrics or prometheus", OPTION_TEXT, FIELD(format) },
	TIMEOUT,
	{ 0 },
};

const struct option_row clients_options[] = {
	USER, PID, JSON, { "ids", 0, NULL, "print nothing but the ids", OPTION_FLAG, FIELD(ids) }, TIMEOUT, { 0 },
};

const struct option_row channels_options[] = {
	JSON,
	{ "names", 0, NULL, "print nothing but the names", OPTION_FLAG, FIELD(names) },
	TIMEOUT,
	{ 0 },
};

const struct option_row kill_options[] = {
	USER, PID, JSON, TIMEOUT, { 0 },
};

const struct option_row monitor_options[] = {
	{ "channel", 'c', "PATTERN", "only messages of channels that match", OPTION_TEXT, FIELD(channel) },
	USER,
	PID,
	{ "count", 'n', "COUNT", "end after this many messages", OPTION_COUNT, FIELD(count) },
	JSON,
	TIMEOUT,
	{ 0 },
};

const struct option_row reload_options[] = {
	TIMEOUT,
	{ 0 },
};

const struct option_row check_options[] = {
	{ "warning", 0, "DURATION", "an answer that takes longer is a warning (100ms)", OPTION_DURATION,
	  FIELD(warning) },
	{ "critical", 0, "DURATION", "and one that takes longer than this is critical (1s)", OPTION_DURATION,
	  FIELD(critical) },
	TIMEOUT,
	{ 0 },
};

const struct option_row bench_options[] = {
	JSON,
	TIMEOUT,
	{ 0 },
};

const struct option_row help_options[] = {
	{ 0 },
};

const struct option_row top_options[] = {
	{ "interval", 0, "DURATION", "refresh this often (1s)", OPTION_DURATION, FIELD(interval) },
	{ "sort", 0, "COLUMN", "sort by this column, in the table that has it", OPTION_TEXT, FIELD(sort) },
	{ "count", 'n', "COUNT", "end after so many refreshes", OPTION_COUNT, FIELD(count) },
	{ "batch", 0, NULL, "print plain text, as where standard output is not a terminal", OPTION_FLAG, FIELD(batch) },
	{ 0 },
};
