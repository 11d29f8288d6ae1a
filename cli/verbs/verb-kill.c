/*
 * udsctl kill: lists the clients first and closes those that fit one by one, so that it can say whose connections it
 * closed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "ask.h"
#include "clients.h"
#include "memory.h"
#include "num.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"

struct kill_options {
	struct options common;
	struct clients_selection selection;
};

static const struct option_row rows[] = {
	CLIENTS_SELECTION_ROWS(offsetof(struct kill_options, selection)),
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Exit status if a client does not exist, or may not be closed. */
#define STATUS_NONE 1

struct victim {
	uint64_t id;
	long long uid, pid;
	char program[32];
};

struct hunt {
	uint64_t *ids; /* the arguments; without any, all clients that the options select */
	size_t n_ids;
	struct victim *victims;
	size_t n;
};

static void
kill_add_cb(const struct client_entry *client, void *arg)
{
	struct hunt *hunt = arg;
	struct victim *victim;
	bool is_wanted = hunt->n_ids == 0;

	for (size_t i = 0; i < hunt->n_ids && !is_wanted; i++)
		is_wanted = hunt->ids[i] == client->id;
	if (!is_wanted)
		return;
	hunt->victims = memory_resize(hunt->victims, (hunt->n + 1) * sizeof(*hunt->victims));
	victim = &hunt->victims[hunt->n++];
	*victim = (struct victim){ .id = client->id, .uid = client->uid, .pid = client->pid };
	snprintf(victim->program, sizeof(victim->program), "%s", clients_program(client->pid));
}

static void
kill_report(const struct victim *victim, bool json)
{
	json_t *object;

	if (json) {
		object = record_new();
		record_set(object, "id", json_integer((long long)victim->id));
		record_set(object, "uid", json_integer(victim->uid));
		record_set(object, "pid", json_integer(victim->pid));
		record_set_string(object, "program", victim->program);
		record_write(object);
	} else if (victim->pid > 0) {
		print("closed client %" PRIu64 ": user %s, pid %lld, %s\n", victim->id, clients_user(victim->uid),
		      victim->pid, victim->program);
	} else {
		print("closed client %" PRIu64 "\n", victim->id);
	}
}

/* Returns 0, STATUS_NONE or an exit status. A client that has left meanwhile counts as not closed. */
static int
kill_close_all(struct ask *a, struct hunt *hunt, bool json)
{
	const struct resp_node *reply;
	char id[NUM_DIGITS_MAX + 1];
	bool any = false;
	int status = 0;

	for (struct victim *victim = hunt->victims; victim < hunt->victims + hunt->n; victim++) {
		snprintf(id, sizeof(id), "%" PRIu64, victim->id);
		status = ask(a, &reply, "CLIENT", "KILL", "ID", id, NULL);
		if (status != 0)
			return status;
		if (reply->integer == 0)
			continue;
		any = true;
		kill_report(victim, json);
		for (size_t i = 0; i < hunt->n_ids; i++)
			if (hunt->ids[i] == victim->id)
				hunt->ids[i] = 0; /* done */
	}
	for (size_t i = 0; i < hunt->n_ids; i++) {
		if (hunt->ids[i] == 0)
			continue;
		say("there is no client %" PRIu64 " that you may close", hunt->ids[i]);
		status = STATUS_NONE;
	}
	if (!any && status == 0) {
		say("there is no such client that you may close");
		status = STATUS_NONE;
	}
	return status;
}

static int
verb_kill_run(const void *options)
{
	const struct kill_options *o = options;
	struct clients_filter filter;
	struct hunt hunt = { 0 };
	struct ask *a;
	int status = 0;

	if (o->common.n_args == 0 && !o->selection.user && o->selection.pid == 0) {
		say("kill: name the clients: by id, --user or --pid; 'udsctl clients' lists them");
		return EX_USAGE;
	}
	hunt.n_ids = o->common.n_args;
	hunt.ids = memory_alloc((hunt.n_ids + 1) * sizeof(*hunt.ids));
	for (size_t i = 0; i < hunt.n_ids && status == 0; i++) {
		if (num_parse_u64(o->common.args[i], &hunt.ids[i]) != 0 || hunt.ids[i] == 0) {
			say("kill: '%s' is not the id of a client; 'udsctl clients' lists them", o->common.args[i]);
			status = EX_USAGE;
		}
	}
	if (status == 0)
		status = clients_read_filter(&o->selection, &filter);
	if (status == 0) {
		a = ask_new(&o->common);
		status = clients_each(a, &filter, NULL, kill_add_cb, &hunt);
		if (status == 0)
			status = kill_close_all(a, &hunt, o->common.json);
		status = ask_end(a, status);
	}
	free(hunt.ids);
	free(hunt.victims);
	return status;
}

const struct verb verb_kill = {
	.name = "kill",
	.arguments = "[ID]...",
	.summary = "close the connections of clients",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct kill_options),
	.run = verb_kill_run,
};
