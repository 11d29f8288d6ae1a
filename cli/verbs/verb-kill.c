/* udsctl kill: finds the clients first, so that it can say whom it closed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "clients.h"
#include "memory.h"
#include "num.h"
#include "options.h"
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

/* There was no such client. */
#define STATUS_NONE 1

struct victim {
	uint64_t id;
	long long uid, pid;
	char program[32];
};

struct hunt {
	uint64_t *ids; /* as given */
	bool *closed;  /* of those */
	size_t n_ids;
	struct clients_filter filter;
	struct victim *victims;
	size_t n;
};

static bool
is_wanted(const struct hunt *hunt, const struct client_entry *client)
{
	bool is_named = hunt->n_ids == 0;

	for (size_t i = 0; i < hunt->n_ids && !is_named; i++)
		is_named = hunt->ids[i] == client->id;
	return is_named && clients_fit(&hunt->filter, client->uid, client->pid);
}

static void
look_at(const struct client_entry *client, void *arg)
{
	struct hunt *hunt = arg;
	struct victim *victim;

	if (!is_wanted(hunt, client))
		return;
	hunt->victims = realloc(hunt->victims, (hunt->n + 1) * sizeof(*hunt->victims));
	memory_check(hunt->victims ? 0 : -1);
	victim = &hunt->victims[hunt->n++];
	*victim = (struct victim){ .id = client->id, .uid = client->uid, .pid = client->pid };
	snprintf(victim->program, sizeof(victim->program), "%s", clients_program(client->pid));
}

static void
report(const struct kill_options *o, const struct victim *victim)
{
	json_t *object;

	if (!o->common.json && victim->pid > 0) {
		printf("closed client %" PRIu64 ": user %s, pid %lld, %s\n", victim->id, clients_user(victim->uid),
		       victim->pid, victim->program);
	} else if (!o->common.json) {
		printf("closed client %" PRIu64 "\n", victim->id);
	} else {
		object = record_new();
		record_set(object, "id", json_integer((long long)victim->id));
		record_set(object, "uid", json_integer(victim->uid));
		record_set(object, "pid", json_integer(victim->pid));
		record_set_string(object, "program", victim->program);
		record_write(object);
	}
}

static void
mark_closed(struct hunt *hunt, uint64_t id)
{
	for (size_t i = 0; i < hunt->n_ids; i++)
		if (hunt->ids[i] == id)
			hunt->closed[i] = true;
}

/* Returns 0 or an exit status. Who has left meanwhile is not closed, and does not count. */
static int
close_all(struct ask *a, const struct kill_options *o, struct hunt *hunt, size_t *ret_closed)
{
	const struct resp_node *reply;
	char id[NUM_DIGITS_MAX + 1];
	int status;

	*ret_closed = 0;
	for (size_t i = 0; i < hunt->n; i++) {
		snprintf(id, sizeof(id), "%" PRIu64, hunt->victims[i].id);
		status = ask(a, &reply, "CLIENT", "KILL", "ID", id, NULL);
		if (status != 0)
			return status;
		if (reply->integer == 0)
			continue;
		report(o, &hunt->victims[i]);
		mark_closed(hunt, hunt->victims[i].id);
		++*ret_closed;
	}
	return 0;
}

static int
run(struct ask *a, const struct kill_options *o, struct hunt *hunt)
{
	size_t closed;
	int status = clients_each(a, look_at, hunt);

	if (status == 0)
		status = close_all(a, o, hunt, &closed);
	if (status != 0)
		return status;
	for (size_t i = 0; i < hunt->n_ids; i++) {
		if (hunt->closed[i])
			continue;
		say("there is no client %" PRIu64 " that you may close", hunt->ids[i]);
		status = STATUS_NONE;
	}
	if (closed == 0 && status == 0) {
		say("there is no such client that you may close");
		status = STATUS_NONE;
	}
	return status;
}

/* Returns 0, or EX_USAGE after saying what is wrong. */
static int
read_ids(const struct kill_options *o, struct hunt *hunt)
{
	if (o->common.n_args == 0 && !o->selection.user && o->selection.pid == 0) {
		say("kill: whom? Ids of clients, --user or --pid; 'udsctl clients' lists them");
		return EX_USAGE;
	}
	hunt->n_ids = o->common.n_args;
	hunt->ids = memory_alloc((o->common.n_args + 1) * sizeof(*hunt->ids));
	hunt->closed = memory_alloc((o->common.n_args + 1) * sizeof(*hunt->closed));
	for (size_t i = 0; i < o->common.n_args; i++)
		if (num_parse_u64(o->common.args[i], &hunt->ids[i]) != 0 || hunt->ids[i] == 0) {
			say("kill: '%s' is not the id of a client; 'udsctl clients' lists them", o->common.args[i]);
			return EX_USAGE;
		}
	return clients_read_filter(&o->selection, &hunt->filter);
}

static int
verb_kill_run(const void *options)
{
	const struct kill_options *o = options;
	struct hunt hunt = { 0 };
	struct ask *a;
	int status = read_ids(o, &hunt);

	if (status == 0) {
		a = ask_new(&o->common);
		status = run(a, o, &hunt);
		ask_free(a);
	}
	free(hunt.ids);
	free(hunt.closed);
	free(hunt.victims);
	return say_end(status);
}

const struct verb verb_kill = {
	.name = "kill",
	.arguments = "[ID]...",
	.summary = "close clients' connections",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct kill_options),
	.run = verb_kill_run,
};
