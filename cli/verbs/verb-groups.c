/* udsctl groups: the groups of streams and how far they are. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
#include "grid.h"
#include "groups.h"
#include "human.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"

struct groups_options {
	struct options common;
	const char *format; /* or NULL */
	bool names;         /* print only these, for completions */
};

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	{ "format", 0, "FORMAT", "text, json, openmetrics or prometheus", OPTION_NAME,
	  offsetof(struct groups_options, format) },
	{ "names", 0, NULL, "print only the names", OPTION_FLAG, offsetof(struct groups_options, names) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct grid_column columns[] = {
	{ "STREAM", false }, { "GROUP", false },  { "CONSUMERS", true }, { "PENDING", true }, { "LAG", true },
	{ "OLDEST", true },  { "RETRIES", true }, { "BACKOFF", true },   { "PAUSED", false }, { "LAST ID", false },
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* The first delay and the last one, as for --backoff of work. */
static void
groups_put_backoff(struct grid *table, struct slice delays)
{
	const char *p = (const char *)delays.p, *first_end, *last = p + delays.len;

	if (delays.len == 0) {
		grid_put(table, "-");
		return;
	}
	first_end = memchr(p, ' ', delays.len);
	while (last > p && last[-1] != ' ')
		last--;
	if (!first_end)
		grid_put(table, "%s", p);
	else
		grid_put(table, "%.*s..%s", (int)(first_end - p), p, last);
}

static void
groups_print_table(const struct groups *groups, uint64_t now)
{
	struct grid table;
	char id[ENTRY_ID_TEXT];

	grid_init(&table, columns, N_COLUMNS);
	for (const struct group_row *row = groups->rows; row < groups->rows + groups->n; row++) {
		grid_put_text(&table, row->stream, SIZE_MAX);
		grid_put_text(&table, row->name, SIZE_MAX);
		grid_put(&table, "%" PRIu64, row->consumers);
		grid_put(&table, "%" PRIu64, row->pending);
		grid_put(&table, row->has_lag ? "%" PRIu64 : "-", row->lag);
		grid_put(&table, "%s", row->pending > 0 ? human_age(groups_age(row, now) / 1000).text : "-");
		grid_put(&table, row->max_deliveries > 0 ? "%" PRIu64 : "-", row->max_deliveries - 1);
		groups_put_backoff(&table, row->retry_delay);
		grid_put(&table, "%s", row->is_paused ? "paused" : "-");
		entry_id_format(id, row->last);
		grid_put(&table, "%s", id);
	}
	grid_print(&table);
	grid_deinit(&table);
}

/* Each once: streams often have groups of the same name. */
static void
groups_print_names(const struct groups *groups)
{
	for (size_t i = 0; i < groups->n; i++) {
		struct slice name = groups->rows[i].name;
		size_t at = 0;

		while (at < i && (groups->rows[at].name.len != name.len ||
		                  memcmp(groups->rows[at].name.p, name.p, name.len) != 0))
			at++;
		if (at == i)
			print_name(name);
	}
}

static void
groups_print_json(const struct groups *groups)
{
	char id[ENTRY_ID_TEXT];

	for (const struct group_row *row = groups->rows; row < groups->rows + groups->n; row++) {
		json_t *object = record_new();

		record_set_bytes(object, "stream", row->stream);
		record_set_bytes(object, "name", row->name);
		record_set(object, "consumers", json_integer((json_int_t)row->consumers));
		record_set(object, "pending", json_integer((json_int_t)row->pending));
		record_set(object, "lag", row->has_lag ? json_integer((json_int_t)row->lag) : json_null());
		record_set(object, "entries-read", row->has_read ? json_integer((json_int_t)row->read) : json_null());
		entry_id_format(id, row->last);
		record_set_string(object, "last-delivered-id", id);
		if (row->pending > 0) {
			entry_id_format(id, row->oldest);
			record_set_string(object, "oldest-pending-id", id);
		}
		record_set(object, "max_deliveries",
		           row->max_deliveries > 0 ? json_integer((json_int_t)row->max_deliveries) : json_null());
		record_set_bytes(object, "retry_delay", row->retry_delay);
		record_set_bytes(object, "dead_letter", row->dead_letter);
		record_set(object, "paused", json_integer(row->is_paused));
		record_write(object);
	}
}

static void
groups_put_label(const char *name, struct slice value)
{
	print("%s=\"", name);
	for (const uint8_t *p = value.p; p < value.p + value.len; p++)
		if (*p == '\n')
			print("\\n");
		else
			print("%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	print("\"");
}

static void
groups_print_metrics(const struct groups *groups, uint64_t now, bool is_openmetrics)
{
	static const struct {
		const char *name, *unit, *help;
	} metrics[] = {
		{ "group_consumers", NULL, "Consumers of the group." },
		{ "group_pending", NULL, "Entries that were given and are not acknowledged." },
		{ "group_pending_age_seconds", "seconds", "Time since the oldest of them was added." },
		{ "group_paused", NULL, "1 while the group gives no entries." },
		{ "group_lag", NULL, "Entries that were not given yet." },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		print("# HELP udsd_%s %s\n# TYPE udsd_%s gauge\n", metrics[i].name, metrics[i].help, metrics[i].name);
		if (is_openmetrics && metrics[i].unit)
			print("# UNIT udsd_%s %s\n", metrics[i].name, metrics[i].unit);
		for (const struct group_row *row = groups->rows; row < groups->rows + groups->n; row++) {
			double values[] = { (double)row->consumers, (double)row->pending,
				            (double)groups_age(row, now) / 1000, row->is_paused, (double)row->lag };

			if (i == 4 && !row->has_lag)
				continue;
			print("udsd_%s{", metrics[i].name);
			groups_put_label("stream", row->stream);
			groups_put_label(",group", row->name);
			print("} %.*f\n", metrics[i].unit ? 3 : 0, values[i]);
		}
	}
	if (is_openmetrics)
		print("# EOF\n");
}

static int
verb_groups_run(const void *options)
{
	static const char *const formats[] = { "text", "json", "openmetrics", "prometheus" };
	const struct groups_options *o = options;
	struct groups groups = { 0 };
	size_t format = o->common.json;
	struct ask *a;
	int status;

	if (!options_are_apart("groups", "json", o->common.json, "names", o->names) ||
	    !options_are_apart("groups", "json", o->common.json, "format", o->format) ||
	    !options_are_apart("groups", "names", o->names, "format", o->format))
		return EX_USAGE;
	if (o->format)
		for (format = 0; format < 4 && strcmp(o->format, formats[format]) != 0; format++)
			;
	if (format == 4) {
		say("groups: --format: '%s' is not text, json, openmetrics or prometheus", o->format);
		return EX_USAGE;
	}
	if (format == 1 && !record_is_possible("groups: --format json"))
		return EX_USAGE;
	a = ask_new(&o->common);
	groups.with_values = !o->names;
	status = groups_fetch(a, o->common.n_args > 0 ? o->common.args[0] : NULL, &groups);
	if (status == 0 && o->names)
		groups_print_names(&groups);
	else if (status == 0 && format == 0)
		groups_print_table(&groups, groups_now());
	else if (status == 0 && format == 1)
		groups_print_json(&groups);
	else if (status == 0)
		groups_print_metrics(&groups, groups_now(), format == 2);
	groups_deinit(&groups);
	return ask_end(a, status);
}

const struct verb verb_groups = {
	.name = "groups",
	.arguments = "[STREAM]",
	.summary = "list the groups of streams and how far they are",
	.rows = rows,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct groups_options),
	.run = verb_groups_run,
};
