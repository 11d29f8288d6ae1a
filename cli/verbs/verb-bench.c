/*
 * udsctl bench: a quick measurement of the running daemon, about three seconds long. One connection publishes to
 * itself, on a channel that nobody else uses, so the time of a message is that of both ways. A measurement writes
 * `depth` commands at once and waits for all replies, again and again; this is one sample.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "buf.h"
#include "grid.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "record.h"
#include "say.h"
#include "stats.h"

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Each measurement ends after this time in ns, or this many samples. */
#define DURATION ((uint64_t)1000 * 1000 * 1000)
#define SAMPLES_MAX ((size_t)1000 * 1000)

struct measurement {
	const char *name, *key, *command;
	size_t depth;      /* commands in one sample */
	size_t replies;    /* to one command, with the message that it causes */
	uint64_t n;        /* commands */
	uint64_t ns;       /* of all samples */
	uint64_t p50, p99; /* ns, of one sample */
	double cpu;        /* ns of the daemon's processor time for one command; negative: unknown */
};

/* Reads the processor time in s that the daemon has used so far. Returns 0 or an exit status. */
static int
bench_read_cpu(struct ask *a, double *ret_seconds)
{
	struct stats_sample sample;
	const struct resp_node *reply;
	int status = ask(a, &reply, "INFO", "cpu", NULL);

	if (status != 0)
		return status;
	stats_read(reply->text, &sample);
	*ret_seconds = stats_value(&sample, "used_cpu_user") + stats_value(&sample, "used_cpu_sys");
	return 0;
}

static int
bench_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Fills in the results. Returns 0 or an exit status. */
static int
bench_measure(struct ask *a, struct measurement *m)
{
	uint64_t *samples = memory_resize(NULL, SAMPLES_MAX * sizeof(*samples)), start, at, before;
	struct buf commands = { 0 };
	double cpu_before = 0, cpu;
	size_t n = 0;
	int status = bench_read_cpu(a, &cpu_before);

	for (size_t i = 0; i < m->depth; i++)
		memory_check(buf_append(&commands, m->command, strlen(m->command)));
	start = at = loop_now_ns();
	while (status == 0 && n < SAMPLES_MAX && at - start < DURATION) {
		before = at;
		status = ask_many(a, (struct slice){ commands.data, commands.len }, m->depth * m->replies);
		at = loop_now_ns();
		samples[n++] = at - before;
	}
	if (status == 0)
		status = bench_read_cpu(a, &cpu);
	if (status == 0) {
		qsort(samples, n, sizeof(*samples), bench_compare);
		m->p50 = samples[n / 2];
		m->p99 = samples[n * 99 / 100];
		m->ns = at - start;
		m->n = n * m->depth;
		m->cpu = cpu_before > 0 ? (cpu - cpu_before) * 1e9 / (double)m->n : -1;
	}
	buf_deinit(&commands);
	free(samples);
	return status;
}

static void
bench_print(const struct measurement *m, bool json, struct grid *table)
{
	double per_second = (double)m->n * 1e9 / (double)m->ns, p50 = (double)m->p50 / 1000,
	       p99 = (double)m->p99 / 1000;
	json_t *object;

	if (!json) {
		grid_put(table, "%s", m->name);
		grid_put(table, "%.0f", per_second);
		grid_put(table, "%.1f us", p50);
		grid_put(table, "%.1f us", p99);
		if (m->cpu >= 0)
			grid_put(table, "%.2f us", m->cpu / 1000);
		else
			grid_put(table, "-");
		return;
	}
	object = record_new();
	record_set_string(object, "work", m->key);
	record_set(object, "depth", json_integer((long long)m->depth));
	record_set(object, "commands", json_integer((long long)m->n));
	record_set_real(object, "per_second", per_second, 0);
	record_set_real(object, "p50_microseconds", p50, 1);
	record_set_real(object, "p99_microseconds", p99, 1);
	if (m->cpu >= 0)
		record_set_real(object, "cpu_nanoseconds", m->cpu, 0);
	record_write(object);
}

static int
verb_bench_run(const void *options)
{
	static const struct grid_column columns[] = {
		{ "", false }, { "PER SECOND", true }, { "P50", true }, { "P99", true }, { "DAEMON CPU EACH", true },
	};
	char channel[64], publish[160];
	struct measurement all[] = {
		{ "PING, one at a time", "ping", "*1\r\n$4\r\nPING\r\n", .depth = 1, .replies = 1 },
		{ "message, one at a time", "publish", publish, .depth = 1, .replies = 2 },
		{ "messages, 64 at once", "publish", publish, .depth = 64, .replies = 2 },
	};
	const struct options *o = options;
	struct ask *a = ask_new(o);
	struct grid table;
	int status, len = snprintf(channel, sizeof(channel), "udsctl-bench.%d", (int)getpid());

	snprintf(publish, sizeof(publish), "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$16\r\n0123456789abcdef\r\n", len,
	         channel);
	grid_init(&table, columns, 5);
	status = ask(a, NULL, "HELLO", "3", NULL); /* in RESP3 a connection may receive and publish */
	if (status == 0)
		status = ask(a, NULL, "SUBSCRIBE", channel, NULL);
	for (size_t i = 0; status == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		say_progress("measuring %s", all[i].name);
		status = bench_measure(a, &all[i]);
		if (status == 0)
			bench_print(&all[i], o->json, &table);
		if (status == 0)
			status = ask_flush(a);
	}
	say_progress_end(false);
	if (status == 0 && !o->json)
		grid_print(&table);
	grid_deinit(&table);
	return ask_end(a, status);
}

const struct verb verb_bench = {
	.name = "bench",
	.summary = "measure the daemon for three seconds",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = verb_bench_run,
};
