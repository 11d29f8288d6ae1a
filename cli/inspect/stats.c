/*
 * One row, one figure. OpenMetrics wants families: rows with the same metric follow one another and differ in their
 * label. (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md)
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "record.h"
#include "grid.h"

enum stats_kind { COUNT, SIZE, AGE, SECONDS };

struct stats_row {
	const char *field; /* of INFO */
	const char *label; /* in the table */
	enum stats_kind kind;
	bool is_counter;
	const char *metric; /* without "udsd_" and "_total" */
	const char *where;  /* a label, or NULL */
	const char *help;
};

static const struct stats_row rows[] = {
	{ "uptime_in_seconds", "uptime", AGE, false, "uptime_seconds", NULL, "Time since the daemon's start." },
	{ "connected_clients", "clients", COUNT, false, "clients", NULL, "Clients that are connected." },
	{ "pubsub_clients", "  subscribed", COUNT, false, "clients_subscribed", NULL, "Clients with subscriptions." },
	{ "blocked_clients", "  waiting", COUNT, false, "clients_waiting", NULL, "Clients whose next command waits." },
	{ "clogged_clients", "  clogged", COUNT, false, "clients_clogged", NULL,
	  "Clients with more output unsent than their limit." },
	{ "maxclients", NULL, COUNT, false, "clients_limit", NULL, "Clients that there may be." },
	{ "total_connections_received", "connections", COUNT, true, "connections", NULL, "Connections accepted." },
	{ "rejected_connections", "  refused", COUNT, true, "connections_refused", NULL, "Connections refused." },
	{ "pubsub_channels", "channels", COUNT, false, "channels", NULL, "Channels with subscribers." },
	{ "pubsub_patterns", "patterns", COUNT, false, "patterns", NULL, "Patterns with subscribers." },
	{ "messages_published", "messages", COUNT, true, "messages_published", NULL, "Messages published." },
	{ "messages_queued", "deliveries", COUNT, true, "messages_delivered", NULL,
	  "Messages queued for a receiver, once for each." },
	{ "messages_dropped", "  dropped", COUNT, true, "messages_dropped", NULL,
	  "Messages that receivers missed by the policy drop." },
	{ "messages_undelivered_slow", "  undelivered, too slow", COUNT, true, "messages_undelivered",
	  "reason=\"slow\"", "Messages lost with their receiver." },
	{ "messages_undelivered_gone", "  undelivered, gone", COUNT, true, "messages_undelivered", "reason=\"gone\"",
	  NULL },
	{ "slow_receivers_closed", "slow receivers closed", COUNT, true, "slow_receivers_closed", NULL,
	  "Clients disconnected since they took nothing." },
	{ "commands_waited", "commands that waited", COUNT, true, "commands_waited", NULL,
	  "Commands that had to wait." },
	{ "total_commands_processed", "commands", COUNT, true, "commands", NULL, "Commands run." },
	{ "total_error_replies", "  errors", COUNT, true, "error_replies", NULL, "Error replies." },
	{ "acl_access_denied_channel", "  channels denied", COUNT, true, "denied", "what=\"channel\"",
	  "Refusals by access rules." },
	{ "acl_access_denied_cmd", "  commands denied", COUNT, true, "denied", "what=\"command\"", NULL },
	{ "unsent_bytes", "unsent", SIZE, false, "unsent_bytes", NULL, "Output that was not sent yet." },
	{ "total_net_input_bytes", "received", SIZE, true, "received_bytes", NULL, "Bytes received." },
	{ "total_net_output_bytes", "sent", SIZE, true, "sent_bytes", NULL, "Bytes sent." },
	{ "used_memory", "memory", SIZE, false, "memory_bytes", NULL, "Memory in use." },
	{ "used_memory_rss", "  resident", SIZE, false, "resident_memory_bytes", NULL, "Memory that is resident." },
	{ "used_cpu_user", "processor, user", SECONDS, true, "cpu_seconds", "mode=\"user\"", "Processor time used." },
	{ "used_cpu_sys", "processor, system", SECONDS, true, "cpu_seconds", "mode=\"system\"", NULL },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(N_ROWS <= STATS_MAX, "STATS_MAX is too small");

/* The value of "field:value\r\n". */
static bool
find_field(struct slice info, const char *field, char *ret_value, size_t size)
{
	size_t len = strlen(field);
	const uint8_t *p = info.p, *end = info.p + info.len;

	while (p < end) {
		const uint8_t *newline = memchr(p, '\n', (size_t)(end - p)), *last = newline ? newline : end;

		if ((size_t)(last - p) > len && memcmp(p, field, len) == 0 && p[len] == ':') {
			snprintf(ret_value, size, "%.*s", (int)(last - p - (ptrdiff_t)len - 1),
			         (const char *)p + len + 1);
			ret_value[strcspn(ret_value, "\r")] = '\0';
			return true;
		}
		p = last + 1;
	}
	return false;
}

static size_t
index_of(const char *field)
{
	size_t i = 0;

	while (strcmp(rows[i].field, field) != 0)
		i++;
	return i;
}

void
stats_read(struct slice info, struct stats_sample *ret_sample)
{
	size_t slow = index_of("messages_undelivered_slow"), gone = index_of("messages_undelivered_gone");
	char value[64];

	*ret_sample = (struct stats_sample){ 0 };
	for (size_t i = 0; i < N_ROWS; i++) {
		ret_sample->given[i] = find_field(info, rows[i].field, value, sizeof(value));
		if (ret_sample->given[i])
			ret_sample->values[i] = strtod(value, NULL);
	}
	/* The daemon tells all of them, and those of slow receivers. */
	if (find_field(info, "messages_undelivered", value, sizeof(value))) {
		ret_sample->values[gone] = strtod(value, NULL) - ret_sample->values[slow];
		ret_sample->given[gone] = true;
	}
	if (!find_field(info, "udsd_version", ret_sample->version, sizeof(ret_sample->version)))
		ret_sample->version[0] = '\0';
	if (!find_field(info, "run_id", ret_sample->run_id, sizeof(ret_sample->run_id)))
		ret_sample->run_id[0] = '\0';
}

double
stats_value(const struct stats_sample *sample, const char *field)
{
	return sample->values[index_of(field)];
}

static double
rate_of(size_t i, const struct stats_sample *sample, const struct stats_sample *before, double seconds)
{
	double more = sample->values[i] - (before ? before->values[i] : 0);

	return seconds > 0 && more > 0 ? more / seconds : 0;
}

static double
seconds_between(const struct stats_sample *sample, const struct stats_sample *before)
{
	return before ? (double)(sample->taken_at - before->taken_at) / 1000
	              : sample->values[index_of("uptime_in_seconds")];
}

static void
put_value(struct grid *table, const struct stats_row *row, double value)
{
	switch (row->kind) {
	case COUNT:
		grid_put(table, "%.0f", value);
		break;
	case SIZE:
		grid_put(table, "%s", human_size((uint64_t)value).text);
		break;
	case AGE:
		grid_put(table, "%s", human_age((uint64_t)value).text);
		break;
	case SECONDS:
		grid_put(table, "%.2fs", value);
		break;
	}
}

static void
put_rate(struct grid *table, const struct stats_row *row, double rate)
{
	if (!row->is_counter)
		grid_put(table, "%s", "");
	else if (row->kind == SIZE)
		grid_put(table, "%s", human_size((uint64_t)rate).text);
	else if (row->kind == SECONDS)
		grid_put(table, "%.1f%%", 100 * rate);
	else
		grid_put(table, "%s", human_rate(rate).text);
}

static void
print_text(const struct stats_sample *sample, const struct stats_sample *before)
{
	const struct grid_column columns[] = {
		{ "", false },
		{ "VALUE", true },
		{ before ? "A SECOND" : "A SECOND, MEAN", true },
	};
	double seconds = seconds_between(sample, before);
	struct grid table;

	grid_init(&table, columns, 3);
	grid_put(&table, "version");
	grid_put(&table, "%s", sample->version);
	grid_put(&table, "%s", "");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!rows[i].label || !sample->given[i])
			continue;
		grid_put(&table, "%s", rows[i].label);
		put_value(&table, &rows[i], sample->values[i]);
		put_rate(&table, &rows[i], rate_of(i, sample, before, seconds));
	}
	grid_print(&table);
	grid_deinit(&table);
}

static void
print_json(const struct stats_sample *sample, const struct stats_sample *before)
{
	json_t *object = record_new(), *rates = record_new();
	double seconds = seconds_between(sample, before);

	record_set_string(object, "udsd_version", sample->version);
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!sample->given[i])
			continue;
		if (rows[i].kind == SECONDS)
			record_set(object, rows[i].field, json_real(sample->values[i]));
		else
			record_set(object, rows[i].field, json_integer((long long)sample->values[i]));
		if (rows[i].is_counter)
			record_set(rates, rows[i].field, json_real(rate_of(i, sample, before, seconds)));
	}
	record_set(object, "rates", rates);
	record_write(object);
}

/* "bytes" or "seconds" at the end of a name is its unit. */
static const char *
unit_of(const struct stats_row *row)
{
	if (row->kind == SIZE)
		return "bytes";
	return row->kind == COUNT ? NULL : "seconds";
}

/* In Prometheus's own format a counter's family has its whole name, and there are no units and no end. */
static void
print_family(const struct stats_row *row, bool is_openmetrics)
{
	const char *suffix = row->is_counter && !is_openmetrics ? "_total" : "";

	printf("# HELP udsd_%s%s %s\n", row->metric, suffix, row->help);
	printf("# TYPE udsd_%s%s %s\n", row->metric, suffix, row->is_counter ? "counter" : "gauge");
	if (is_openmetrics && unit_of(row))
		printf("# UNIT udsd_%s %s\n", row->metric, unit_of(row));
}

static void
print_metrics(const struct stats_sample *sample, bool is_openmetrics)
{
	const char *family = "";

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct stats_row *row = &rows[i];

		if (strcmp(row->metric, family) != 0)
			print_family(row, is_openmetrics);
		family = row->metric;
		if (!sample->given[i])
			continue;
		printf("udsd_%s%s%s%s%s ", row->metric, row->is_counter ? "_total" : "", row->where ? "{" : "",
		       row->where ? row->where : "", row->where ? "}" : "");
		printf(row->kind == SECONDS ? "%.6f\n" : "%.0f\n", sample->values[i]);
	}
	if (is_openmetrics)
		fputs("# EOF\n", stdout);
}

void
stats_print(enum stats_format format, const struct stats_sample *sample, const struct stats_sample *before)
{
	switch (format) {
	case STATS_TEXT:
		print_text(sample, before);
		break;
	case STATS_JSON:
		print_json(sample, before);
		break;
	case STATS_OPENMETRICS:
		print_metrics(sample, true);
		break;
	case STATS_PROMETHEUS:
		print_metrics(sample, false);
		break;
	}
}
