/*
 * udsctl bench: a quick measurement through the running daemon, about three seconds long. It publishes to itself, on
 * a channel that nobody else uses, so that both ways are measured.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "record.h"
#include "resp-encode.h"
#include "say.h"
#include "stats.h"
#include "grid.h"

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Seconds for each of the measurements. */
#define SECONDS 1.0
#define SAMPLES_MAX ((size_t)1000 * 1000)
#define PAYLOAD "0123456789abcdef"

struct measurement {
	const char *name, *key;
	size_t depth;   /* commands under way at once */
	size_t replies; /* to each command, with the message that comes of it */
	bool publishes;
	double seconds, cpu; /* cpu of the daemon; below 0: not told */
	double p50, p99;     /* seconds; of depth commands */
	uint64_t n;          /* commands */
};

static double
now(void)
{
	return (double)loop_now_ns() / 1e9;
}

/* The daemon's processor time so far, or -1. Returns 0 or an exit status. */
static int
read_cpu(struct ask *a, double *ret_seconds)
{
	struct stats_sample sample;
	const struct resp_node *reply;
	int status = ask(a, &reply, "INFO", "cpu", NULL);

	if (status != 0)
		return status;
	stats_read(reply->text, &sample);
	*ret_seconds = stats_value(&sample, "used_cpu_user") + stats_value(&sample, "used_cpu_sys");
	if (*ret_seconds == 0)
		*ret_seconds = -1;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
put_commands(struct buf *out, const struct measurement *m, const char *channel)
{
	struct slice words[] = { { (const uint8_t *)"PING", 4 } };
	struct slice publish[] = {
		{ (const uint8_t *)"PUBLISH", 7 },
		{ (const uint8_t *)channel, strlen(channel) },
		{ (const uint8_t *)PAYLOAD, strlen(PAYLOAD) },
	};
	const struct slice *command = m->publishes ? publish : words;
	size_t n = m->publishes ? 3 : 1, size = resp_command_size(command, n);

	memory_check(buf_reserve(out, size * m->depth));
	for (size_t i = 0; i < m->depth; i++)
		out->len += resp_put_command((char *)out->data + out->len, command, n);
}

/* Returns 0 or an exit status. */
static int
measure(struct ask *a, struct measurement *m, const char *channel)
{
	double *samples = memory_alloc_raw(SAMPLES_MAX * sizeof(*samples)), start, at, cpu, more;
	struct buf commands = { 0 };
	size_t n = 0;
	int status = read_cpu(a, &cpu);

	put_commands(&commands, m, channel);
	start = at = now();
	while (status == 0 && n < SAMPLES_MAX && at - start < SECONDS) {
		double before = at;

		status = ask_many(a, (struct slice){ commands.data, commands.len }, m->depth * m->replies);
		at = now();
		samples[n++] = at - before;
	}
	if (status == 0)
		status = read_cpu(a, &more);
	if (status == 0) {
		qsort(samples, n, sizeof(*samples), compare);
		m->p50 = samples[n / 2];
		m->p99 = samples[n * 99 / 100];
		m->seconds = at - start;
		m->cpu = cpu < 0 ? -1 : more - cpu;
		m->n = n * m->depth;
	}
	buf_deinit(&commands);
	free(samples);
	return status;
}

static void
print_json(const struct measurement *m)
{
	json_t *object = record_new();

	record_set_string(object, "work", m->key);
	record_set(object, "depth", json_integer((long long)m->depth));
	record_set(object, "commands", json_integer((long long)m->n));
	record_set(object, "per_second", json_real((double)m->n / m->seconds));
	record_set(object, "p50_microseconds", json_real(m->p50 * 1e6));
	record_set(object, "p99_microseconds", json_real(m->p99 * 1e6));
	if (m->cpu >= 0)
		record_set(object, "cpu_nanoseconds", json_real(m->cpu * 1e9 / (double)m->n));
	record_write(object);
}

static void
add_row(struct grid *table, const struct measurement *m)
{
	grid_put(table, "%s", m->name);
	grid_put(table, "%.0f", (double)m->n / m->seconds);
	grid_put(table, "%.1f us", m->p50 * 1e6);
	grid_put(table, "%.1f us", m->p99 * 1e6);
	if (m->cpu >= 0)
		grid_put(table, "%.2f us", m->cpu * 1e6 / (double)m->n);
	else
		grid_put(table, "-");
}

static int
run(struct ask *a, const struct options *o, struct grid *table)
{
	struct measurement all[] = {
		{ .name = "PING, one at a time", .key = "ping", .depth = 1, .replies = 1 },
		{ .name = "message, one at a time", .key = "publish", .depth = 1, .replies = 2, .publishes = true },
		{ .name = "messages, 64 at once", .key = "publish", .depth = 64, .replies = 2, .publishes = true },
	};
	char channel[64];
	int status;

	snprintf(channel, sizeof(channel), "udsctl-bench.%d", (int)getpid());
	status = ask(a, NULL, "HELLO", "3", NULL); /* so that one connection may receive and publish */
	if (status == 0)
		status = ask(a, NULL, "SUBSCRIBE", channel, NULL);
	for (size_t i = 0; status == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		say_progress("measuring %s", all[i].name);
		status = measure(a, &all[i], channel);
		if (status == 0 && o->json)
			print_json(&all[i]);
		else if (status == 0)
			add_row(table, &all[i]);
	}
	say_progress_end(false);
	return status;
}

static int
verb_bench_run(const void *options)
{
	const struct options *o = options;
	static const struct grid_column columns[] = {
		{ "", false }, { "A SECOND", true }, { "P50", true }, { "P99", true }, { "DAEMON'S CPU, EACH", true },
	};
	struct ask *a = ask_new(o);
	struct grid table;
	int status;

	grid_init(&table, columns, 5);
	status = run(a, o, &table);
	if (status == 0 && !o->json)
		grid_print(&table);
	grid_deinit(&table);
	ask_free(a);
	return say_end(status);
}

const struct verb verb_bench = {
	.name = "bench",
	.arguments = "",
	.summary = "measure the daemon for a few seconds",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = verb_bench_run,
};
