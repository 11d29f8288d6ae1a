#include "queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "memory.h"
#include "say.h"
#include "scheduled.h"

void
queue_copy(char *to, size_t size, struct slice text)
{
	size_t len = text.len < size ? text.len : size - 1;

	for (size_t i = 0; i < len; i++)
		to[i] = text.p[i] ? (char)text.p[i] : '?';
	to[len] = '\0';
}

/* Copies the value with this name; or "" where there is none. */
static void
queue_copy_value(char *to, size_t size, const struct resp_node *map, const char *name)
{
	const struct resp_node *node = ask_lookup(map, name);

	queue_copy(to, size, node ? node->text : slice_of(""));
}

static int64_t
queue_number(const struct resp_node *map, const char *name)
{
	const struct resp_node *node = ask_lookup(map, name);

	return node && node->type == RESP_INTEGER ? node->integer : -1;
}

static uint64_t
queue_count(const struct resp_node *map, const char *name)
{
	int64_t n = queue_number(map, name);

	return n > 0 ? (uint64_t)n : 0;
}

/* nodes: of XINFO GROUPS. */
static void
queue_take_groups(struct queue *q, const struct resp_node *nodes)
{
	const struct resp_node *name;

	for (size_t at = 1; at < nodes->end && !q->has_group; at = nodes[at].end) {
		name = ask_lookup(&nodes[at], "name");
		if (!name || name->text.len != strlen(q->group) || memcmp(name->text.p, q->group, name->text.len) != 0)
			continue;
		q->has_group = true;
		queue_copy_value(q->last, sizeof(q->last), &nodes[at], "last-delivered-id");
		q->given = queue_number(&nodes[at], "pending");
		q->waiting = queue_number(&nodes[at], "lag");
	}
}

/* What holds for a group that is there. */
static int
queue_take_rule(struct queue *q)
{
	const struct resp_node *reply;
	int status = query_ask(q->a, &reply, "UDSD", "GROUP", q->stream, q->group, NULL);

	if (status != 0)
		return status;
	if (resp_node_is_error(reply))
		return ask_refuse(reply);
	q->is_paused = queue_number(reply, "paused") > 0;
	if (ask_lookup(reply, "dead_letter"))
		queue_copy_value(q->dead, sizeof(q->dead), reply, "dead_letter");
	return 0;
}

/* The lag is not known, or too high, once entries were deleted; but then what is left and is not given is known. */
static void
queue_estimate(struct queue *q, int64_t entries)
{
	int64_t left = entries > q->given ? entries - q->given : 0;

	if (q->waiting < 0 || q->waiting > left)
		q->waiting = left;
}

int
queue_open(struct queue *q, struct ask *a, const char *stream, const char *group)
{
	const struct resp_node *reply;
	int status;

	*q = (struct queue){ .a = a, .stream = stream, .group = group, .last = "0-0", .waiting = -1 };
	q->pages = (struct query_pages){ a, QUERY_PAGE };
	snprintf(q->dead, sizeof(q->dead), "%s.dead", stream);
	status = query_ask(a, &reply, "XINFO", "GROUPS", stream, NULL);
	if (status != 0)
		return status;
	if (resp_node_is_error(reply))
		return slice_is_word(reply->text, "ERR no such key") ? 0 : ask_refuse(reply);
	q->has_stream = true;
	queue_take_groups(q, reply);
	status = query_ask(a, &reply, "XLEN", stream, NULL);
	if (status == 0)
		queue_estimate(q, reply->integer);
	return status == 0 && q->has_group ? queue_take_rule(q) : status;
}

int
queue_require_stream(const struct queue *q)
{
	if (q->has_stream)
		return 0;
	say("there is no stream '%s'", q->stream);
	return EX_NOINPUT;
}

int
queue_require(const struct queue *q, const char *group)
{
	if (q->has_stream && !q->has_group && group)
		say("stream '%s' has no group '%s': all of its jobs wait for the group's first worker", q->stream,
		    group);
	return queue_require_stream(q);
}

int
queue_create(struct queue *q)
{
	const struct resp_node *reply;
	int status = query_ask(q->a, &reply, "XGROUP", "CREATE", q->stream, q->group, "0", "MKSTREAM", NULL);

	if (status == 0 && resp_node_is_error(reply) && !answers_error_is(&reply->text, "BUSYGROUP"))
		status = ask_refuse(reply);
	q->has_stream = q->has_group = true;
	return status;
}

void
queue_read_job(struct queue_job *job, const struct resp_node *map)
{
	const struct resp_node *status = ask_lookup(map, "status");

	*job = (struct queue_job){ 0 };
	queue_copy_value(job->id, sizeof(job->id), map, "id");
	queue_copy_value(job->state, sizeof(job->state), map, "state");
	queue_copy_value(job->consumer, sizeof(job->consumer), map, "consumer");
	queue_copy_value(job->text, sizeof(job->text), map, "text");
	job->idle_ms = queue_count(map, "idle_ms");
	job->due_ms = queue_count(map, "due_ms");
	job->deliveries = queue_count(map, "deliveries");
	job->failed = queue_count(map, "failed");
	job->timed_out = queue_count(map, "timed_out");
	job->died = queue_count(map, "died");
	job->released = queue_count(map, "released");
	job->pid = queue_count(map, "pid");
	job->uid = queue_count(map, "uid");
	job->client = queue_count(map, "client");
	job->has_status = status != NULL;
	job->status = status ? status->integer : 0;
}

int
queue_read(struct queue *q, const char *from, struct queue_job **ret_jobs, size_t *ret_n)
{
	const struct resp_node *nodes;
	size_t n = 0;
	int status;

	*ret_jobs = NULL;
	*ret_n = 0;
	if (!q->has_group)
		return 0;
	status = query_page(&q->pages, &nodes, "UDSD", "PENDING", q->stream, q->group, from, "+", NULL);
	if (status != 0)
		return status;
	*ret_jobs = memory_alloc((nodes->elements + 1) * sizeof(**ret_jobs));
	for (size_t at = 1; at < nodes->end; at = nodes[at].end)
		queue_read_job(&(*ret_jobs)[n++], &nodes[at]);
	*ret_n = n;
	return 0;
}

const char *
queue_reason(const struct queue_job *job)
{
	/* The text may be of an attempt before that. */
	if (job->text[0] && strcmp(job->cause, "died") != 0)
		return job->text;
	if (job->died > 0)
		return "its worker died";
	return job->timed_out > 0 ? "it was not done in time" : "";
}

bool
queue_read_id(const char *text, char ret_id[QUEUE_ID_MAX])
{
	struct entry_id id;

	if (!entry_id_parse(slice_of(text), 0, &id))
		return false;
	entry_id_format(ret_id, id);
	return true;
}

int
queue_check_arguments(const char *verb, const struct options *o, size_t ids_min, size_t ids_max, bool takes_tickets,
                      const char *list)
{
	char id[QUEUE_ID_MAX];

	if (o->n_args == 0 || !*o->args[0]) {
		if (o->n_args == 0)
			say("%s: no stream; try 'udsctl %s --help'", verb, verb);
		else
			say("%s: the name of the stream is empty; is a variable unset?", verb);
		return EX_USAGE;
	}
	if (o->n_args - 1 < ids_min) {
		say("%s: no ID of a job; 'udsctl %s %s' lists them", verb, list, o->args[0]);
		return EX_USAGE;
	}
	if (o->n_args - 1 > ids_max) {
		say("%s: unexpected argument '%s'; try 'udsctl %s --help'", verb, o->args[1 + ids_max], verb);
		return EX_USAGE;
	}
	for (size_t i = 1; i < o->n_args; i++) {
		if (queue_read_id(o->args[i], id) || (takes_tickets && scheduled_is_ticket(o->args[i])))
			continue;
		if (scheduled_is_ticket(o->args[i]))
			say("%s: '%s' is the ticket of a scheduled job, which gets an ID when its time has come", verb,
			    o->args[i]);
		else
			say("%s: '%s' is not the ID of a job; 'udsctl %s %s' lists them", verb, o->args[i], list,
			    o->args[0]);
		return EX_USAGE;
	}
	return 0;
}
