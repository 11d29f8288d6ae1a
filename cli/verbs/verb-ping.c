/* udsctl ping: one question at a time, each timed from its write to the last byte of its answer. */
#include "ask.h"
#include "options.h"
#include "print.h"
#include "record.h"

struct ping_options {
	struct options common;
	uint64_t count; /* 0: not given */
};

static const struct option_row rows[] = {
	{ "count", 'n', "COUNT", "ask this many times (1)", OPTION_COUNT, offsetof(struct ping_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static int
verb_ping_run(const void *options)
{
	const struct ping_options *o = options;
	struct ask *a = ask_new(&o->common);
	const struct resp_node *reply;
	int status = 0;

	for (uint64_t n = o->count > 0 ? o->count : 1; n > 0 && status == 0; n--) {
		json_t *object;
		uint64_t us;

		status = ask(a, &reply, "PING", NULL);
		if (status == 0 && !resp_node_is(reply, "PONG"))
			status = ASK_FOREIGN;
		if (status != 0)
			break;
		us = ask_took(a) / 1000;
		if (o->common.json) {
			object = record_new();
			record_set_string(object, "socket", ask_name(a));
			record_set_string(object, "reason", o->common.reason);
			record_set(object, "microseconds", json_integer((long long)us));
			record_write(object);
		} else {
			print("PONG from %s (%s) in %llu us\n", ask_name(a), o->common.reason, (unsigned long long)us);
		}
		status = ask_flush(a);
	}
	return ask_end(a, status);
}

const struct verb verb_ping = {
	.name = "ping",
	.summary = "ask the daemon for an answer and print how long it took",
	.rows = rows,
	.options_size = sizeof(struct ping_options),
	.run = verb_ping_run,
};
