/* udsctl ping: one question at a time, each timed from its write to the last byte of its answer. */
#include <stdio.h>
#include <sysexits.h>

#include "ask.h"
#include "options.h"
#include "record.h"
#include "say.h"

struct ping_options {
	struct options common;
	uint64_t count; /* 0: not given */
};

static const struct option_row rows[] = {
	{ "count", 'n', "COUNT", "ping this many times (1)", OPTION_COUNT, offsetof(struct ping_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static void
ping_print(const struct ask *a, const struct options *o)
{
	uint64_t us = ask_took(a) / 1000;
	json_t *object;

	if (!o->json) {
		printf("PONG from %s (%s) in %llu us\n", ask_name(a), o->reason, (unsigned long long)us);
		return;
	}
	object = record_new();
	record_set_string(object, "socket", ask_name(a));
	record_set_string(object, "reason", o->reason);
	record_set(object, "microseconds", json_integer((long long)us));
	record_write(object);
}

static int
ping_repeatedly(struct ask *a, uint64_t count, const struct options *o)
{
	const struct resp_node *reply;
	int status;

	for (; count > 0; count--) {
		status = ask(a, &reply, "PING", NULL);
		if (status != 0)
			return status;
		if (!resp_node_is(reply, "PONG"))
			return ask_foreign(a);
		ping_print(a, o);
		if (!say_flushed())
			return EX_IOERR;
	}
	return EX_OK;
}

static int
verb_ping_run(const void *options)
{
	const struct ping_options *o = options;
	struct ask *a = ask_new(&o->common);
	int status = ping_repeatedly(a, o->count > 0 ? o->count : 1, &o->common);

	ask_free(a);
	return status;
}

const struct verb verb_ping = {
	.name = "ping",
	.arguments = "",
	.summary = "ask the daemon for an answer and print how long it took",
	.rows = rows,
	.options_size = sizeof(struct ping_options),
	.run = verb_ping_run,
};
