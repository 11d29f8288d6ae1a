/*
 * One table has everything about a figure: where INFO tells it, and how each form prints it. OpenMetrics groups metrics
 * into families: rows of one family stand together, differ in their label, and only the first has the help.
 * (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md)
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid.h"
#include "human.h"
#include "print.h"
#include "record.h"

enum stats_kind { COUNT, SIZE, AGE, SECONDS, MICROSECONDS, STATE };

struct stats_row {
	const char *field; /* of INFO */
	const char *label; /* in the printed table; NULL: not there */
	enum stats_kind kind;
	bool is_counter;    /* grows from the daemon's start on, so it has a rate */
	const char *metric; /* its family, without "udsd_" and "_total" */
	const char *where;  /* NAME="VALUE" of the metric's label, or NULL */
	const char *help;   /* of the family */
};

static const struct stats_row rows[] = {
	{ "uptime_in_seconds", "uptime", AGE, false, "uptime_seconds", NULL, "Time since the daemon's start." },
	{ "connected_clients", "clients", COUNT, false, "clients", NULL, "Clients that are connected." },
	{ "pubsub_clients", "  subscribed", COUNT, false, "clients_subscribed", NULL, "Clients with subscriptions." },
	{ "blocked_clients", "  waiting", COUNT, false, "clients_waiting", NULL, "Clients whose next command waits." },
	{ "clogged_clients", "  clogged", COUNT, false, "clients_clogged", NULL,
	  "Clients with more output unsent than their limit." },
	{ "maxclients", NULL, COUNT, false, "clients_limit", NULL, "Limit of clients." },
	{ "total_connections_received", "connections", COUNT, true, "connections", NULL, "Connections accepted." },
	{ "rejected_connections", "  refused", COUNT, true, "connections_refused", NULL, "Connections refused." },
	{ "pubsub_channels", "channels", COUNT, false, "channels", NULL, "Channels with subscribers." },
	{ "pubsub_patterns", "patterns", COUNT, false, "patterns", NULL, "Patterns with subscribers." },
	{ "pubsub_replays", "replays", COUNT, false, "replays", NULL,
	  "Receivers of a channel that get it from the store for now." },
	{ "messages_published", "messages", COUNT, true, "messages_published", NULL, "Messages published." },
	{ "messages_unreceived", "  reached nobody", COUNT, true, "messages_unreceived", NULL,
	  "Messages that no receiver got." },
	{ "messages_refused", "  refused", COUNT, true, "messages_refused", NULL,
	  "Messages not published since they were too long, forbidden or incomplete." },
	{ "messages_queued", "deliveries", COUNT, true, "messages_delivered", NULL,
	  "Messages queued for a receiver, once for each." },
	{ "messages_dropped", "  dropped", COUNT, true, "messages_dropped", NULL,
	  "Messages dropped for a slow receiver, once for each." },
	{ "messages_stored", "  stored", COUNT, true, "messages_stored", NULL, "Messages published and stored." },
	{ "messages_replayed", "  replayed", COUNT, true, "messages_replayed", NULL,
	  "Messages that receivers got from the store." },
	{ "messages_overtaken", "  overtaken", COUNT, true, "messages_overtaken", NULL,
	  "Messages that streams did not keep until a receiver had got them, once for each." },
	{ "messages_undelivered_slow", "  undelivered, too slow", COUNT, true, "messages_undelivered",
	  "reason=\"slow\"", "Messages queued for a receiver that was disconnected." },
	{ "messages_undelivered_gone", "  undelivered, gone", COUNT, true, "messages_undelivered", "reason=\"gone\"",
	  NULL },
	{ "slow_receivers_closed", "slow receivers closed", COUNT, true, "slow_receivers_closed", NULL,
	  "Clients disconnected because they read nothing." },
	{ "commands_waited", "commands that waited", COUNT, true, "commands_waited", NULL,
	  "Commands that had to wait." },
	{ "services", "services", COUNT, false, "services", NULL, "Services with workers or requests." },
	{ "service_workers", "  workers", COUNT, false, "service_workers", NULL,
	  "Workers, once for each service that they serve." },
	{ "service_workers_idle", "  idle workers", COUNT, false, "service_workers_idle", NULL,
	  "Workers of a service that wait for a request." },
	{ "service_requests_waiting", "  requests that wait", COUNT, false, "service_requests_waiting", NULL,
	  "Requests that wait for a worker." },
	{ "service_requests_running", "  requests that run", COUNT, false, "service_requests_running", NULL,
	  "Requests that workers have." },
	{ "service_requests", "requests", COUNT, true, "service_requests", NULL, "Requests to services." },
	{ "service_requests_answered", "  answered", COUNT, true, "service_requests_ended", "how=\"answered\"",
	  "Requests that have ended." },
	{ "service_requests_failed", "  failed", COUNT, true, "service_requests_ended", "how=\"failed\"", NULL },
	{ "service_requests_gone", "  worker gone", COUNT, true, "service_requests_ended", "how=\"gone\"", NULL },
	{ "service_requests_timed_out", "  timed out", COUNT, true, "service_requests_ended", "how=\"timed_out\"",
	  NULL },
	{ "service_requests_cancelled", "  cancelled", COUNT, true, "service_requests_ended", "how=\"cancelled\"",
	  NULL },
	{ "service_requests_repeated", "  repeated", COUNT, true, "service_requests_repeated", NULL,
	  "Requests that were given to another worker since the first was gone." },
	{ "service_requests_unserved", "  unserved", COUNT, true, "service_requests_refused", "why=\"unserved\"",
	  "Requests that were refused." },
	{ "service_requests_refused", "  refused", COUNT, true, "service_requests_refused", "why=\"refused\"", NULL },
	{ "streams", "streams", COUNT, false, "streams", NULL, "Streams." },
	{ "stream_entries", "  entries", COUNT, false, "stream_entries", NULL, "Entries in all streams." },
	{ "stream_bytes", "  size", SIZE, false, "stream_bytes", NULL, "Size of the entries in all streams." },
	{ "stream_entries_added", "  added", COUNT, true, "stream_entries_added", NULL, "Entries added to streams." },
	{ "stream_entries_read", "  read", COUNT, true, "stream_entries_read", NULL, "Entries read from streams." },
	{ "stream_entries_acknowledged", "  acknowledged", COUNT, true, "stream_entries_acknowledged", NULL,
	  "Entries acknowledged by consumers." },
	{ "stream_entries_claimed", "  claimed", COUNT, true, "stream_entries_claimed", NULL,
	  "Entries given to another consumer." },
	{ "stream_entries_released", "  released", COUNT, true, "stream_entries_released", NULL,
	  "Pending entries that could be given again." },
	{ "stream_entries_dead", "  dead letters", COUNT, true, "stream_entries_dead", NULL,
	  "Entries that have gone to a dead-letter stream." },
	{ "stream_entries_later", "  to be added later", COUNT, false, "stream_entries_later", NULL,
	  "Entries that are to be added later." },
	{ "stream_entries_came_due", "  came due", COUNT, true, "stream_entries_came_due", NULL,
	  "Entries that were to be added later, and were." },
	{ "stream_entries_trimmed", "  trimmed", COUNT, true, "stream_entries_trimmed", NULL,
	  "Entries removed by the bounds of their streams." },
	{ "stream_entries_trimmed_unacked", NULL, COUNT, true, "stream_entries_trimmed_unacked", NULL,
	  "Entries removed by max_bytes that a group had not acknowledged." },
	{ "stream_entries_refused", "  refused", COUNT, true, "stream_entries_refused", NULL,
	  "Entries not added since their stream was full." },
	{ "stream_consumers_removed", "  consumers removed", COUNT, true, "stream_consumers_removed", NULL,
	  "Consumers removed since they were idle for too long." },
	{ "stream_readers_blocked", "  readers that wait", COUNT, false, "stream_readers_blocked", NULL,
	  "Clients that wait for entries." },
	{ "store_state", "store", STATE, false, "store_ok", NULL, "1 while the store takes new entries, else 0." },
	{ "store_bytes", "  on disk", SIZE, false, "store_bytes", NULL, "Size of the store on disk." },
	{ "store_used_bytes", "  in use", SIZE, false, "store_used_bytes", NULL,
	  "The part of the store's size that is in use." },
	{ "store_free_bytes", "  free in its file system", SIZE, false, "store_free_bytes", NULL,
	  "Free space of the store's file system." },
	{ "store_commits", "  commits", COUNT, true, "store_commits", NULL, "Batches of changes made durable." },
	{ "store_commits_failed", "  commits failed", COUNT, true, "store_commits_failed", NULL,
	  "Attempts to make changes durable that failed." },
	{ "store_commit_usec", "  commits took", MICROSECONDS, true, "store_commit_seconds", NULL,
	  "Time that all commits took." },
	{ "store_commit_usec_last", "  last commit took", MICROSECONDS, false, "store_commit_last_seconds", NULL,
	  "Time that the last commit took." },
	{ "store_commit_usec_max", "  longest commit took", MICROSECONDS, false, "store_commit_longest_seconds", NULL,
	  "The longest time that a commit took since the daemon's start." },
	{ "store_fetches", "  blocks read", COUNT, true, "store_fetches", NULL, "Blocks of entries read from disk." },
	{ "store_cpu_usec", "  processor", MICROSECONDS, true, "store_cpu_seconds", NULL,
	  "Processor time of the thread that writes and reads the store." },
	{ "total_commands_processed", "commands", COUNT, true, "commands", NULL, "Commands run." },
	{ "total_error_replies", "  errors", COUNT, true, "error_replies", NULL, "Error replies." },
	{ "acl_access_denied_channel", "  channels denied", COUNT, true, "denied", "what=\"channel\"",
	  "Refusals by access rules." },
	{ "acl_access_denied_cmd", "  commands denied", COUNT, true, "denied", "what=\"command\"", NULL },
	{ "unsent_bytes", "unsent", SIZE, false, "unsent_bytes", NULL, "Output that is not sent yet." },
	{ "total_net_input_bytes", "received", SIZE, true, "received_bytes", NULL, "Bytes received." },
	{ "total_net_output_bytes", "sent", SIZE, true, "sent_bytes", NULL, "Bytes sent." },
	{ "used_memory", "memory", SIZE, false, "memory_bytes", NULL, "Memory in use." },
	{ "used_memory_rss", "  resident", SIZE, false, "resident_memory_bytes", NULL, "Memory that is resident." },
	{ "used_cpu_user", "processor, user", SECONDS, true, "cpu_seconds", "mode=\"user\"", "Processor time used." },
	{ "used_cpu_sys", "processor, system", SECONDS, true, "cpu_seconds", "mode=\"system\"", NULL },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(N_ROWS <= STATS_MAX, "STATS_MAX is too small");

/* Finds "field:value\r\n" and copies the value. */
static bool
stats_find_field(struct slice info, const char *field, char *ret_value, size_t size)
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
stats_index(const char *field)
{
	size_t i = 0;

	while (strcmp(rows[i].field, field) != 0)
		i++;
	return i;
}

void
stats_read(struct slice info, struct stats_sample *ret_sample)
{
	size_t slow = stats_index("messages_undelivered_slow"), gone = stats_index("messages_undelivered_gone");
	size_t state = stats_index("store_state");
	char value[64];

	*ret_sample = (struct stats_sample){ 0 };
	for (size_t i = 0; i < N_ROWS; i++) {
		ret_sample->given[i] = stats_find_field(info, rows[i].field, value, sizeof(value));
		if (ret_sample->given[i])
			ret_sample->values[i] = strtod(value, NULL);
	}
	/* INFO has the sum and the part of slow receivers; the rest was for receivers that are gone. */
	if (stats_find_field(info, "messages_undelivered", value, sizeof(value))) {
		ret_sample->values[gone] = strtod(value, NULL) - ret_sample->values[slow];
		ret_sample->given[gone] = true;
	}
	/* A daemon without streams has no store that could be well or not. */
	stats_find_field(info, "store_state", ret_sample->store_state, sizeof(ret_sample->store_state));
	ret_sample->given[state] = ret_sample->store_state[0] && strcmp(ret_sample->store_state, "off") != 0;
	ret_sample->values[state] = strcmp(ret_sample->store_state, "ok") == 0;
	stats_find_field(info, "udsd_version", ret_sample->version, sizeof(ret_sample->version));
	stats_find_field(info, "run_id", ret_sample->run_id, sizeof(ret_sample->run_id));
}

double
stats_value(const struct stats_sample *sample, const char *field)
{
	return sample->values[stats_index(field)];
}

/* The rate of a counter per second, see stats_print(). */
static double
stats_rate(size_t i, const struct stats_sample *sample, const struct stats_sample *before)
{
	double more = sample->values[i] - (before ? before->values[i] : 0);
	double seconds = before ? (double)(sample->taken_at - before->taken_at) / 1000
	                        : sample->values[stats_index("uptime_in_seconds")];

	return seconds > 0 && more > 0 ? more / seconds : 0;
}

bool
stats_has(const struct stats_sample *sample, const char *field)
{
	return sample->given[stats_index(field)];
}

/* A figure, or its rate; state: of the store. */
static void
stats_put(struct grid *table, enum stats_kind kind, double value, bool is_rate, const char *state)
{
	switch (kind) {
	case STATE:
		grid_put(table, "%s", state);
		break;
	case COUNT:
		if (is_rate)
			grid_put(table, "%s", human_rate(value).text);
		else
			grid_put(table, "%.0f", value);
		break;
	case SIZE:
		grid_put(table, "%s", human_size((uint64_t)value).text);
		break;
	case AGE:
		grid_put(table, "%s", human_age((uint64_t)value).text);
		break;
	case SECONDS:
		if (is_rate)
			grid_put(table, "%.1f%%", 100 * value);
		else
			grid_put(table, "%.2fs", value);
		break;
	case MICROSECONDS:
		if (is_rate)
			grid_put(table, "%.1f%%", value / 10000);
		else
			grid_put(table, "%s", human_microseconds((uint64_t)value).text);
		break;
	}
}

static void
stats_print_text(const struct stats_sample *sample, const struct stats_sample *before)
{
	const struct grid_column columns[] = {
		{ "", false },
		{ "VALUE", true },
		{ before ? "PER SECOND" : "MEAN PER SECOND", true },
	};
	struct grid table;

	grid_init(&table, columns, 3);
	grid_put(&table, "version");
	grid_put(&table, "%s", sample->version);
	grid_put(&table, "%s", "");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!rows[i].label || !sample->given[i])
			continue;
		grid_put(&table, "%s", rows[i].label);
		stats_put(&table, rows[i].kind, sample->values[i], false, sample->store_state);
		if (rows[i].is_counter)
			stats_put(&table, rows[i].kind, stats_rate(i, sample, before), true, "");
		else
			grid_put(&table, "%s", "");
	}
	grid_print(&table);
	grid_deinit(&table);
}

static void
stats_print_json(const struct stats_sample *sample, const struct stats_sample *before)
{
	json_t *object = record_new(), *rates = record_new();

	record_set_string(object, "udsd_version", sample->version);
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!sample->given[i])
			continue;
		if (rows[i].kind == STATE)
			record_set_string(object, rows[i].field, sample->store_state);
		else if (rows[i].kind == SECONDS)
			record_set(object, rows[i].field, json_real(sample->values[i]));
		else
			record_set(object, rows[i].field, json_integer((long long)sample->values[i]));
		if (rows[i].is_counter)
			record_set_real(rates, rows[i].field, stats_rate(i, sample, before), 6);
	}
	record_set(object, "rates", rates);
	record_write(object);
}

/*
 * OpenMetrics wants the unit that a name ends with, and the family's name without "_total". Prometheus's older format
 * wants the whole name and knows no units.
 */
static void
stats_print_metrics(const struct stats_sample *sample, bool is_openmetrics)
{
	static const char *const units[] = {
		[SIZE] = "bytes", [AGE] = "seconds", [SECONDS] = "seconds", [MICROSECONDS] = "seconds", [STATE] = NULL,
	};
	const char *family = "";

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct stats_row *row = &rows[i];
		const char *suffix = row->is_counter && !is_openmetrics ? "_total" : "";
		bool is_new = strcmp(row->metric, family) != 0;

		if (is_new) {
			print("# HELP udsd_%s%s %s\n", row->metric, suffix, row->help);
			print("# TYPE udsd_%s%s %s\n", row->metric, suffix, row->is_counter ? "counter" : "gauge");
		}
		if (is_new && is_openmetrics && units[row->kind])
			print("# UNIT udsd_%s %s\n", row->metric, units[row->kind]);
		family = row->metric;
		if (!sample->given[i])
			continue;
		print("udsd_%s%s%s%s%s ", row->metric, row->is_counter ? "_total" : "", row->where ? "{" : "",
		      row->where ? row->where : "", row->where ? "}" : "");
		if (row->kind == MICROSECONDS)
			print("%.6f\n", sample->values[i] / 1000000);
		else
			print("%.*f\n", row->kind == SECONDS ? 6 : 0, sample->values[i]);
	}
	if (is_openmetrics)
		print("# EOF\n");
}

void
stats_print(enum stats_format format, const struct stats_sample *sample, const struct stats_sample *before)
{
	switch (format) {
	case STATS_TEXT:
		stats_print_text(sample, before);
		break;
	case STATS_JSON:
		stats_print_json(sample, before);
		break;
	case STATS_OPENMETRICS:
		stats_print_metrics(sample, true);
		break;
	case STATS_PROMETHEUS:
		stats_print_metrics(sample, false);
		break;
	}
}
