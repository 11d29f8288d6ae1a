/*
 * udsctl jobs: the jobs of a stream: those that were given to workers, by the daemon's account of them, and those that
 * wait, which are just entries behind the last one that was given.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "buf.h"
#include "grid.h"
#include "human.h"
#include "memory.h"
#include "num.h"
#include "options.h"
#include "plan.h"
#include "print.h"
#include "queue.h"
#include "record.h"
#include "scheduled.h"

/* So many jobs are listed of each state, but as JSON all. */
#define JOBS_COUNT ((uint64_t)20)

/* So many are asked for at a time. */
#define PAGE ((uint64_t)200)

#define MESSAGE_COLUMNS ((size_t)40)

struct jobs_options {
	struct options common;
	const char *group;
	uint64_t count; /* 0: not given */
	bool dead;
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct jobs_options, group) },
	{ "dead", 0, NULL, "list dead jobs", OPTION_FLAG, offsetof(struct jobs_options, dead) },
	{ "count", 'n', "COUNT", "list at most so many of each state (20; with --json all)", OPTION_COUNT,
	  offsetof(struct jobs_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

enum jobs_state {
	JOBS_SCHEDULED,
	JOBS_WAITING,
	JOBS_RUNNING,
	JOBS_DELAYED,
	JOBS_RELEASED,
	JOBS_DYING,
	JOBS_DEAD,
	JOBS_STATES
};

/* Titles of the states, and what the daemon calls them. */
static const char *const jobs_states[] = { "scheduled", "waiting", "running", "delayed", "released", "dead", "dead" };

struct jobs {
	const struct jobs_options *o;
	struct queue queue;
	struct grid table;
	uint64_t n[JOBS_STATES], most;
};

static const struct grid_column jobs_columns[] = {
	{ "STATE", false }, { "ID", false },   { "TRIES", true },    { "TIME", true },
	{ "WHERE", false }, { "LAST", false }, { "MESSAGE", false },
};

/* Where the job runs: HOST:PID of udsctl, or another consumer's name; and the number of the connection. */
static void
jobs_format_place(const struct queue_job *job, char *text, size_t size)
{
	const char *host_end = strchr(job->consumer, ':'), *end = host_end ? strchr(host_end + 1, ':') : NULL;
	int len =
	    snprintf(text, size, "%.*s", end ? (int)(end - job->consumer) : (int)sizeof(job->consumer), job->consumer);

	if (job->client > 0 && (size_t)len < size)
		snprintf(text + len, size - (size_t)len, " (client %" PRIu64 ")", job->client);
}

/* fields: of its entry, or NULL. */
static void
jobs_put_row(struct jobs *jobs, enum jobs_state state, const struct queue_job *job, const struct resp_node *fields)
{
	char place[192] = "-";
	struct buf message = { 0 };
	size_t len;

	grid_put(&jobs->table, "%s", jobs_states[state]);
	grid_put(&jobs->table, "%s", job->id);
	grid_put(&jobs->table, "%" PRIu64, job->deliveries);
	if (state == JOBS_RUNNING)
		grid_put(&jobs->table, "%s", human_age(job->idle_ms / 1000).text);
	else if (state == JOBS_DELAYED || state == JOBS_SCHEDULED)
		grid_put(&jobs->table, "in %s", human_age((job->due_ms + 999) / 1000).text);
	else
		grid_put(&jobs->table, "-");
	if (state == JOBS_RUNNING)
		jobs_format_place(job, place, sizeof(place));
	grid_put(&jobs->table, "%s", place);
	grid_put(&jobs->table, "%s", job->text[0] ? job->text : "-");
	if (fields)
		body_put(fields, &message);
	len = message.len < MESSAGE_COLUMNS ? message.len : MESSAGE_COLUMNS;
	grid_put(&jobs->table, "%.*s%s", (int)len, (const char *)message.data, len < message.len ? "..." : "");
	buf_deinit(&message);
}

static void
jobs_print_json(enum jobs_state state, const struct queue_job *job, const struct resp_node *fields, const char *dead)
{
	const struct {
		const char *name;
		uint64_t value;
		bool is_known;
	} numbers[] = {
		{ "deliveries", job->deliveries, true },
		{ "running_ms", job->idle_ms, state == JOBS_RUNNING },
		{ "due_ms", job->due_ms, state == JOBS_DELAYED || state == JOBS_SCHEDULED },
		{ "failed", job->failed, true },
		{ "timed_out", job->timed_out, true },
		{ "died", job->died, true },
		{ "released", job->released, true },
		{ "status", (uint64_t)job->status, job->has_status },
		{ "pid", job->pid, job->client > 0 },
		{ "uid", job->uid, job->client > 0 },
		{ "client", job->client, job->client > 0 },
	};
	json_t *record = record_new();

	record_set_string(record, "id", job->id);
	record_set_string(record, "state", jobs_states[state]);
	if (dead)
		record_set_string(record, "dead_id", dead);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].is_known)
			record_set(record, numbers[i].name, json_integer((json_int_t)numbers[i].value));
	if (job->consumer[0])
		record_set_string(record, "consumer", job->consumer);
	if (job->text[0])
		record_set_bytes(record, "text", slice_of(job->text));
	if (fields)
		record_set(record, "fields", body_record(fields));
	record_write(record);
}

/* Lists the job, if there are not too many of its state. dead: its id among the dead jobs, or NULL. */
static void
jobs_put(struct jobs *jobs, enum jobs_state state, const struct queue_job *job, const struct resp_node *fields,
         const char *dead)
{
	if (jobs->n[state]++ >= jobs->most)
		return;
	if (jobs->o->common.json)
		jobs_print_json(state, job, fields, dead);
	else
		jobs_put_row(jobs, state, job, fields);
}

static enum jobs_state
jobs_state_of(const struct queue_job *job)
{
	enum jobs_state state = JOBS_RUNNING;

	while (state < JOBS_DEAD && strcmp(jobs_states[state], job->state) != 0)
		state++;
	return state;
}

/* A job that was given to a worker, with its message. */
static int
jobs_take_pending(struct jobs *jobs, const struct queue_job *job)
{
	enum jobs_state state = jobs_state_of(job);
	const struct resp_node *nodes;
	int status;

	if (jobs->n[state] >= jobs->most) {
		jobs->n[state]++;
		return 0;
	}
	status = queue_ask(jobs->queue.a, &nodes, "XRANGE", jobs->queue.stream, job->id, job->id, NULL);
	if (status != 0 || queue_is_error(nodes))
		return status ?: ask_refuse(nodes);
	jobs_put(jobs, state, job, nodes->elements > 0 ? &nodes[3] : NULL, NULL);
	return 0;
}

static int
jobs_list_pending(struct jobs *jobs)
{
	char from[QUEUE_ID_MAX + 1] = "-";
	struct queue_job *page;
	size_t n;
	int status;

	do {
		status = queue_read(&jobs->queue, from, &page, &n);
		for (size_t i = 0; status == 0 && i < n; i++)
			status = jobs_take_pending(jobs, &page[i]);
		if (status == 0 && n > 0)
			snprintf(from, sizeof(from), "(%s", page[n - 1].id);
		free(page);
	} while (status == 0 && n > 0);
	return status;
}

static void
jobs_put_waiting(struct jobs *jobs, const struct resp_node *entry)
{
	struct queue_job job = { 0 };

	snprintf(job.id, sizeof(job.id), "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	jobs_put(jobs, JOBS_WAITING, &job, entry + 2, NULL);
}

static int
jobs_list_waiting(struct jobs *jobs)
{
	char from[QUEUE_ID_MAX + 1], count[NUM_DIGITS_MAX + 1];
	const struct resp_node *nodes;
	uint64_t wanted;
	int status;

	if (!jobs->queue.has_stream)
		return 0;
	snprintf(from, sizeof(from), "(%s", jobs->queue.last);
	do {
		wanted = jobs->most - jobs->n[JOBS_WAITING] < PAGE ? jobs->most - jobs->n[JOBS_WAITING] : PAGE;
		snprintf(count, sizeof(count), "%" PRIu64, wanted);
		status =
		    queue_ask(jobs->queue.a, &nodes, "XRANGE", jobs->queue.stream, from, "+", "COUNT", count, NULL);
		if (status == 0 && queue_is_error(nodes))
			status = ask_refuse(nodes);
		if (status != 0)
			return status;
		for (size_t at = 1; at < nodes->end; at = nodes[at].end) {
			if (nodes[at].elements != 2)
				return ASK_FOREIGN;
			snprintf(from, sizeof(from), "(%.*s", (int)nodes[at + 1].text.len,
			         (const char *)nodes[at + 1].text.p);
			jobs_put_waiting(jobs, &nodes[at]);
		}
	} while (nodes->elements == wanted && jobs->n[JOBS_WAITING] < jobs->most);
	if (nodes->elements == wanted && jobs->queue.waiting > (int64_t)jobs->n[JOBS_WAITING])
		jobs->n[JOBS_WAITING] = (uint64_t)jobs->queue.waiting;
	return 0;
}

static void
jobs_scheduled_cb(const struct scheduled *scheduled, void *arg)
{
	struct queue_job job = { .due_ms = scheduled->due_ms };

	snprintf(job.id, sizeof(job.id), "%.*s", (int)scheduled->ticket.len, (const char *)scheduled->ticket.p);
	jobs_put(arg, JOBS_SCHEDULED, &job, scheduled->fields, NULL);
}

static int
jobs_dead_cb(const struct resp_node *entry, void *arg)
{
	char dead[QUEUE_ID_MAX];
	struct queue_job job;

	snprintf(dead, sizeof(dead), "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	queue_read_dead(entry, &job);
	jobs_put(arg, JOBS_DEAD, &job, entry + 2, dead);
	return 0;
}

static int
jobs_count_dead_cb(const struct resp_node *entry, void *arg)
{
	struct jobs *jobs = arg;

	(void)entry;
	jobs->n[JOBS_DEAD]++;
	return 0;
}

static void
jobs_print_table(struct jobs *jobs)
{
	const struct queue *q = &jobs->queue;

	if (jobs->table.n_cells > 0)
		grid_print(&jobs->table);
	print("%s%s: ", jobs->table.n_cells > 0 ? "\n" : "", q->stream);
	if (!jobs->o->dead)
		print("%" PRIu64 " waiting, %" PRIu64 " running, %" PRIu64 " delayed, ",
		      jobs->n[JOBS_WAITING] + jobs->n[JOBS_RELEASED], jobs->n[JOBS_RUNNING], jobs->n[JOBS_DELAYED]);
	if (jobs->n[JOBS_SCHEDULED] > 0)
		print("%" PRIu64 " scheduled, ", jobs->n[JOBS_SCHEDULED]);
	print("%" PRIu64 " dead%s\n", jobs->n[JOBS_DEAD] + jobs->n[JOBS_DYING], q->is_paused ? ", paused" : "");
}

static int
verb_jobs_run(const void *options)
{
	const struct jobs_options *o = options;
	struct ask *a;
	struct jobs jobs = { .o = o, .most = o->count > 0 ? o->count : o->common.json ? UINT64_MAX : JOBS_COUNT };
	int status = queue_check_arguments("jobs", &o->common, 0, 0, false);

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = queue_open(&jobs.queue, a, o->common.args[0], o->group ? o->group : PLAN_GROUP);
	grid_init(&jobs.table, jobs_columns, sizeof(jobs_columns) / sizeof(jobs_columns[0]));
	if (status == 0 && !o->dead)
		status = jobs_list_pending(&jobs);
	if (status == 0 && !o->dead)
		status = jobs_list_waiting(&jobs);
	if (status == 0 && !o->dead && jobs.queue.has_stream)
		status = scheduled_each(a, jobs.queue.stream, UINT64_MAX, jobs_scheduled_cb, &jobs);
	if (status == 0)
		status = queue_each_dead(&jobs.queue, o->dead ? jobs_dead_cb : jobs_count_dead_cb, &jobs);
	if (status == 0 && !o->common.json)
		jobs_print_table(&jobs);
	grid_deinit(&jobs.table);
	return ask_end(a, status);
}

const struct verb verb_jobs = {
	.name = "jobs",
	.arguments = "STREAM",
	.summary = "list the jobs of a stream: waiting, running, delayed, dead",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "udsctl jobs jobs\nudsctl jobs --dead jobs\n",
	.options_size = sizeof(struct jobs_options),
	.run = verb_jobs_run,
};
