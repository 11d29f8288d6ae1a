/* udsctl clients: who is connected, sorted by id. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "clients.h"
#include "grid.h"
#include "human.h"
#include "num.h"
#include "options.h"
#include "print.h"
#include "record.h"

struct clients_options {
	struct options common;
	struct clients_selection selection;
	bool ids; /* print only these, for completions */
};

static const struct option_row rows[] = {
	CLIENTS_SELECTION_ROWS(offsetof(struct clients_options, selection)),
	OPTION_JSON_ROW,
	{ "ids", 0, NULL, "print only the ids", OPTION_FLAG, offsetof(struct clients_options, ids) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct grid_column columns[] = {
	{ "ID", true },     { "USER", false },  { "PID", true },       { "PROGRAM", false },  { "NAME", false },
	{ "AGE", true },    { "IDLE", true },   { "SUBS", true },      { "PUBLISHED", true }, { "DELIVERED", true },
	{ "UNSENT", true }, { "STATE", false }, { "CHANNELS", false },
};

struct listing {
	const struct clients_options *o;
	struct grid table;
};

static void
verb_clients_add_row(struct grid *table, const struct client_entry *client)
{
	struct slice name = clients_text(client, "name");

	grid_put(table, "%" PRIu64, client->id);
	grid_put(table, "%s", clients_user(client->uid));
	if (client->pid > 0)
		grid_put(table, "%lld", client->pid);
	else
		grid_put(table, "-");
	grid_put(table, "%s", clients_command(client->pid, CLIENTS_COMMAND_SHORT));
	grid_put_text(table, name, SIZE_MAX);
	grid_put(table, "%s", human_age(clients_number(client, "age")).text);
	grid_put(table, "%s", human_age(clients_number(client, "idle")).text);
	grid_put(table, "%" PRIu64, clients_subscriptions(client));
	grid_put(table, "%" PRIu64, clients_number(client, "published"));
	grid_put(table, "%" PRIu64, clients_number(client, "delivered"));
	grid_put(table, "%s", human_size(clients_number(client, "obl")).text);
	grid_put(table, "%s", clients_state(client));
	grid_put(table, "%s", clients_channels(client));
}

static void
verb_clients_print_json(const struct client_entry *client)
{
	/* Strings even if the value looks like a number. */
	static const char strings[] = " addr laddr name flags events cmd user lib-name lib-ver mode channels patterns ";
	json_t *object = record_new();
	char name[64], word[68];
	int64_t number;

	for (size_t i = 0; i < client->n_fields; i++) {
		const struct clients_field *field = &client->fields[i];

		snprintf(name, sizeof(name), "%.*s", (int)field->name.len, (const char *)field->name.p);
		snprintf(word, sizeof(word), " %s ", name);
		if (!strstr(strings, word) && num_parse_resp(field->value.p, field->value.len, &number) == 0)
			record_set(object, name, json_integer(number));
		else
			record_set_bytes(object, name, field->value);
	}
	if (client->uid >= 0)
		record_set_string(object, "username", clients_user(client->uid));
	record_set_string(object, "program", clients_program(client->pid));
	record_set_string(object, "command", clients_command(client->pid, CLIENTS_COMMAND_MAX));
	record_write(object);
}

static void
verb_clients_list_cb(const struct client_entry *client, void *arg)
{
	struct listing *listing = arg;

	if (listing->o->ids)
		print("%" PRIu64 "\n", client->id);
	else if (listing->o->common.json)
		verb_clients_print_json(client);
	else
		verb_clients_add_row(&listing->table, client);
}

static int
verb_clients_run(const void *options)
{
	const struct clients_options *o = options;
	struct listing listing = { .o = o };
	struct clients_filter filter;
	struct ask *a;
	int status = clients_read_filter(&o->selection, &filter);

	if (status == 0 && !options_are_apart("clients", "json", o->common.json, "ids", o->ids))
		status = EX_USAGE;
	if (status != 0)
		return status;
	a = ask_new(&o->common);
	grid_init(&listing.table, columns, sizeof(columns) / sizeof(columns[0]));
	status = clients_each(a, &filter, NULL, verb_clients_list_cb, &listing);
	if (status == 0 && !o->common.json && !o->ids)
		grid_print(&listing.table);
	grid_deinit(&listing.table);
	return ask_end(a, status);
}

const struct verb verb_clients = {
	.name = "clients",
	.summary = "list the connected clients",
	.rows = rows,
	.options_size = sizeof(struct clients_options),
	.run = verb_clients_run,
};
