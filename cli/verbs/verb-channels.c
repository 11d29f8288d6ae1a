/*
 * udsctl channels: the channels and their figures, sorted by name. The daemon lists them in no order, so all are read
 * before the first is printed.
 */
#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "clients.h"
#include "grid.h"
#include "human.h"
#include "named-list.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"
#include "snapshot.h"

struct channels_options {
	struct options common;
	bool names;            /* print only these, for completions */
	const char *receivers; /* list who receives this channel; or NULL */
};

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	{ "names", 0, NULL, "print only the names", OPTION_FLAG, offsetof(struct channels_options, names) },
	{ "receivers", 0, "CHANNEL", "list who receives this channel", OPTION_NAME,
	  offsetof(struct channels_options, receivers) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct {
	struct grid_column column; /* of the table; without a title it is not there */
	const char *field;         /* of UDSD CHANNELS, and of the JSON */
	enum snapshot_channel_value value;
} figures[] = {
	{ { "RECEIVERS", true }, "receivers", CHANNEL_NAMED },
	{ { "PATTERN", true }, "pattern-receivers", CHANNEL_BY_PATTERN },
	{ { "MESSAGES", true }, "messages", CHANNEL_MESSAGES },
	{ { "DELIVERIES", true }, "deliveries", CHANNEL_DELIVERIES },
	{ { "DROPPED", true }, "dropped", CHANNEL_DROPPED },
	{ { "UNSENT", true }, "queued", CHANNEL_QUEUED },
	{ { "CLOGGED", true }, "clogged", CHANNEL_CLOGGED },
	{ { "WAITING", true }, "waiting", CHANNEL_WAITING },
	{ { NULL }, "stored", CHANNEL_STORED },
	{ { NULL }, "replaying", CHANNEL_REPLAYING },
};

#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

static int
channels_add_cb(const struct resp_node *node, void *arg)
{
	return snapshot_read_row(arg, SNAPSHOT_CHANNELS, node, node->elements + 1) ? 0 : ASK_FOREIGN;
}

static void
channels_print_json(const struct snapshot_row *channel, struct slice name)
{
	json_t *object = record_new();

	record_set_bytes(object, "name", name);
	record_set(object, "shard", json_integer((json_int_t)channel->values[CHANNEL_IS_SHARD]));
	for (size_t i = 0; i < N_FIGURES; i++)
		record_set(object, figures[i].field, json_integer((json_int_t)channel->values[figures[i].value]));
	record_write(object);
}

static void
channels_print(const struct channels_options *o, const struct snapshot *s)
{
	const struct snapshot_list *list = &s->lists[SNAPSHOT_CHANNELS];
	struct grid_column columns[1 + N_FIGURES] = { { "CHANNEL", false } };
	struct grid table;
	size_t n = 1;

	for (size_t i = 0; i < N_FIGURES; i++)
		if (figures[i].column.title)
			columns[n++] = figures[i].column;
	grid_init(&table, columns, n);
	for (const struct snapshot_row *channel = list->rows; channel < list->rows + list->n; channel++) {
		struct slice key = snapshot_text(s, channel->key), name = snapshot_text(s, channel->name);

		if (o->names) {
			print_name(key);
			continue;
		}
		if (o->common.json) {
			channels_print_json(channel, key);
			continue;
		}
		grid_put_text(&table, name, SIZE_MAX);
		for (size_t i = 0; i < N_FIGURES; i++) {
			uint64_t value = (uint64_t)channel->values[figures[i].value];

			if (!figures[i].column.title)
				continue;
			if (figures[i].value == CHANNEL_QUEUED)
				grid_put(&table, "%s", human_size(value).text);
			else
				grid_put(&table, "%" PRIu64, value);
		}
	}
	if (!o->names && !o->common.json)
		grid_print(&table);
	grid_deinit(&table);
}

/* Of the table of receivers. */
static const struct grid_column receiver_columns[] = {
	{ "ID", true },       { "PID", true },    { "USER", false },  { "UNIT", false },
	{ "PROGRAM", false }, { "UNSENT", true }, { "STATE", false },
};

/* The argument of channels_receiver_cb(). */
struct channels_receivers {
	bool json;
	struct grid table;
};

static void
channels_receiver_cb(const struct client_entry *client, void *arg)
{
	struct channels_receivers *list = arg;
	uint64_t unsent = clients_number(client, "obl");
	json_t *object;

	if (list->json) {
		object = record_new();
		record_set(object, "id", json_integer((json_int_t)client->id));
		record_set(object, "pid", json_integer((json_int_t)client->pid));
		record_set_string(object, "username", clients_user(client->uid));
		record_set_string(object, "unit", clients_unit(client->pid));
		record_set_string(object, "command", clients_command(client->pid, CLIENTS_COMMAND_MAX));
		record_set(object, "queued", json_integer((json_int_t)unsent));
		record_set(object, "clogged", json_integer((json_int_t)clients_number(client, "clogged")));
		record_write(object);
		return;
	}
	grid_put(&list->table, "%" PRIu64, client->id);
	grid_put(&list->table, client->pid > 0 ? "%lld" : "-", client->pid);
	grid_put(&list->table, "%s", clients_user(client->uid));
	grid_put(&list->table, "%s", clients_unit(client->pid));
	grid_put(&list->table, "%s", clients_command(client->pid, CLIENTS_COMMAND_SHORT));
	grid_put(&list->table, "%s", human_size(unsent).text);
	grid_put(&list->table, "%s", clients_state(client));
}

static int
channels_list_receivers(struct ask *a, const struct channels_options *o)
{
	struct channels_receivers list = { .json = o->common.json };
	int status;

	grid_init(&list.table, receiver_columns, sizeof(receiver_columns) / sizeof(receiver_columns[0]));
	status = clients_each(a, &(struct clients_filter){ 0 }, o->receivers, channels_receiver_cb, &list);
	if (status == 0 && !list.json)
		grid_print(&list.table);
	grid_deinit(&list.table);
	return status;
}

static int
verb_channels_run(const void *options)
{
	const struct channels_options *o = options;
	struct snapshot channels = { 0 };
	struct ask *a;
	int status;

	if (o->receivers && (o->names || o->common.n_args > 0)) {
		say("channels: --receivers lists one channel; it cannot be combined with %s",
		    o->names ? "--names" : "a pattern");
		return EX_USAGE;
	}
	if (!named_list_is_usage(&o->common, o->names))
		return EX_USAGE;
	a = ask_new(&o->common);
	if (o->receivers)
		return ask_end(a, channels_list_receivers(a, o));
	/* Without a pattern the NULL ends the command before it. */
	status = ask_each(a, channels_add_cb, &channels, "UDSD", "CHANNELS",
	                  o->common.n_args > 0 ? o->common.args[0] : NULL, NULL);

	snapshot_finish(&channels, 0, &(struct snapshot){ 0 });
	if (status == 0)
		channels_print(o, &channels);
	snapshot_deinit(&channels);
	return ask_end(a, status);
}

const struct verb verb_channels = {
	.name = "channels",
	.arguments = "[PATTERN]",
	.summary = "list the channels and what goes through them",
	.rows = rows,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct channels_options),
	.run = verb_channels_run,
};
