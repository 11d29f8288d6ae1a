/*
 * udsctl jobs: the jobs of a stream: those that were given to workers, by the daemon's account of them, and those that
 * wait, which are just entries behind the last one that was given. The account still has those whose entries were
 * deleted: unless they run, they are no jobs any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "body.h"
#include "buf.h"
#include "dead.h"
#include "grid.h"
#include "human.h"
#include "memory.h"
#include "options.h"
#include "plan.h"
#include "print.h"
#include "queue.h"
#include "record.h"
#include "scheduled.h"

/* So many jobs of each state are in the table; as JSON, and of ids, all are written. */
#define JOBS_COUNT ((uint64_t)20)

/* So many rows of a table are formatted together. */
#define TABLE_PART ((size_t)1000)

/* In bytes. */
#define MESSAGE_COLUMNS ((size_t)40)
#define REASON_COLUMNS ((size_t)60)

struct jobs_options {
	struct options common;
	const char *group;
	uint64_t count; /* 0: not given */
	bool dead;
	bool ids; /* print only these */
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct jobs_options, group) },
	{ "dead", 0, NULL, "list dead jobs", OPTION_FLAG, offsetof(struct jobs_options, dead) },
	{ "count", 'n', "COUNT", "list at most so many of each state (20 in a table)", OPTION_COUNT,
	  offsetof(struct jobs_options, count) },
	{ "ids", 0, NULL, "print only the ids", OPTION_FLAG, offsetof(struct jobs_options, ids) },
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
	bool is_table;
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
	const char *reason = queue_reason(job);
	struct buf message = { 0 };

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
	grid_put_text(&jobs->table, slice_of(*reason ? reason : "-"), REASON_COLUMNS);
	if (fields)
		body_put(fields, &message);
	grid_put_text(&jobs->table, (struct slice){ message.data, message.len }, MESSAGE_COLUMNS);
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

/* Counts a job. Returns whether it is to be listed: not if there are too many of its state. */
static bool
jobs_count(struct jobs *jobs, enum jobs_state state)
{
	return jobs->n[state]++ < jobs->most;
}

/* dead: its id among the dead jobs, or NULL. */
static void
jobs_put(struct jobs *jobs, enum jobs_state state, const struct queue_job *job, const struct resp_node *fields,
         const char *dead)
{
	if (jobs->o->ids)
		print("%s\n", job->id);
	else if (jobs->o->common.json)
		jobs_print_json(state, job, fields, dead);
	else
		jobs_put_row(jobs, state, job, fields);
}

/* Writes what is listed so far, of a table only where it is long: so memory does not grow with the number of jobs. */
static int
jobs_turned_cb(void *arg)
{
	struct jobs *jobs = arg;
	bool is_long = jobs->table.n_cells >= TABLE_PART * jobs->table.n_columns;

	if (is_long)
		grid_print(&jobs->table);
	return is_long || !jobs->is_table ? ask_flush(jobs->queue.a) : 0;
}

static enum jobs_state
jobs_state_of(const struct queue_job *job)
{
	enum jobs_state state = JOBS_RUNNING;

	while (state < JOBS_DEAD && strcmp(jobs_states[state], job->state) != 0)
		state++;
	return state;
}

/* Jobs that were given to workers, from `next` on; their messages were asked for. */
struct jobs_page {
	struct jobs *jobs;
	const struct queue_job **next;
};

static int
jobs_pending_cb(const struct resp_node *reply, void *arg)
{
	struct jobs_page *page = arg;
	const struct queue_job *job = *page->next++;
	enum jobs_state state = jobs_state_of(job);
	const struct resp_node *list;
	bool has_entry;

	if (!query_take_entries(reply, &list))
		return ASK_FOREIGN;
	has_entry = list && resp_node_is(list + 2, job->id);
	if (state == JOBS_RUNNING || (has_entry && jobs_count(page->jobs, state)))
		jobs_put(page->jobs, state, job, has_entry ? list + 3 : NULL, NULL);
	return 0;
}

/* A page of jobs that were given to workers. Those that run count in any case. */
static int
jobs_take_pending(struct jobs *jobs, const struct queue_job *list, size_t n)
{
	const struct queue_job **asked = memory_alloc((n + 1) * sizeof(*asked));
	struct jobs_page page = { jobs, asked };
	struct buf commands = { 0 };
	char before[QUEUE_ID_MAX];
	size_t n_asked = 0;
	int status;

	for (size_t i = 0; i < n; i++) {
		if (jobs->o->dead && jobs_state_of(&list[i]) != JOBS_DYING)
			continue;
		if (jobs_state_of(&list[i]) == JOBS_RUNNING && !jobs_count(jobs, JOBS_RUNNING))
			continue;
		asked[n_asked++] = &list[i];
		query_id_before(list[i].id, before);
		query_put_command(&commands, "XREAD", "COUNT", "1", "STREAMS", jobs->queue.stream, before, NULL);
	}
	status = ask_all(jobs->queue.a, (struct slice){ commands.data, commands.len }, n_asked, false, jobs_pending_cb,
	                 &page);
	buf_deinit(&commands);
	free(asked);
	return status;
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
		if (status == 0)
			status = jobs_take_pending(jobs, page, n) ?: jobs_turned_cb(jobs);
		if (status == 0 && n > 0)
			snprintf(from, sizeof(from), "(%s", page[n - 1].id);
		free(page);
	} while (status == 0 && n > 0);
	return status;
}

static int
jobs_list_waiting(struct jobs *jobs)
{
	struct queue_job job = { 0 };
	const struct resp_node *list, *entry;
	uint64_t *n = &jobs->n[JOBS_WAITING], wanted;
	int status = 0;

	memcpy(job.id, jobs->queue.last, sizeof(job.id));
	while (status == 0 && *n < jobs->most) {
		wanted = jobs->most - *n < QUERY_PAGE ? jobs->most - *n : QUERY_PAGE;
		status = query_read_entries(jobs->queue.a, jobs->queue.stream, job.id, wanted, &list);
		if (status != 0 || !list)
			return status;
		entry = list + 1;
		for (size_t i = 0; i < list->elements; i++, entry = query_next_entry(entry)) {
			snprintf(job.id, sizeof(job.id), "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
			jobs_count(jobs, JOBS_WAITING);
			jobs_put(jobs, JOBS_WAITING, &job, entry + 2, NULL);
		}
		status = jobs_turned_cb(jobs);
	}
	if (jobs->queue.waiting > (int64_t)*n)
		*n = (uint64_t)jobs->queue.waiting;
	return status;
}

static void
jobs_scheduled_cb(const struct scheduled *scheduled, void *arg)
{
	struct queue_job job = { .due_ms = scheduled->due_ms };
	struct jobs *jobs = arg;

	snprintf(job.id, sizeof(job.id), "%s", scheduled->ticket);
	if (jobs_count(jobs, JOBS_SCHEDULED))
		jobs_put(jobs, JOBS_SCHEDULED, &job, scheduled->fields, NULL);
}

static int
jobs_dead_cb(const struct resp_node *entry, void *arg)
{
	struct jobs *jobs = arg;
	char dead[QUEUE_ID_MAX];
	struct queue_job job;

	if (!jobs_count(jobs, JOBS_DEAD) || !jobs->o->dead)
		return 0;
	snprintf(dead, sizeof(dead), "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	dead_read(entry, &job);
	jobs_put(jobs, JOBS_DEAD, &job, entry + 2, dead);
	return 0;
}

static void
jobs_print_table(struct jobs *jobs)
{
	const struct queue *q = &jobs->queue;

	if (jobs->table.n_cells > 0)
		grid_print(&jobs->table);
	print("%s%s: ", jobs->table.has_titles ? "\n" : "", q->stream);
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
	struct jobs jobs = { .o = o, .is_table = !o->common.json && !o->ids };
	int status = queue_check_arguments("jobs", &o->common, 0, 0, false, "jobs");

	if (status == 0 && !options_are_apart("jobs", "json", o->common.json, "ids", o->ids))
		status = EX_USAGE;
	if (status != 0)
		return status;
	jobs.most = o->count > 0 ? o->count : jobs.is_table ? JOBS_COUNT : UINT64_MAX;
	a = ask_new(&o->common);
	status = queue_open(&jobs.queue, a, o->common.args[0], o->group ? o->group : PLAN_GROUP)
	             ?: queue_require(&jobs.queue, o->group);
	grid_init(&jobs.table, jobs_columns, sizeof(jobs_columns) / sizeof(jobs_columns[0]));
	if (status == 0)
		status = jobs_list_pending(&jobs);
	if (status == 0 && !o->dead)
		status = jobs_list_waiting(&jobs);
	if (status == 0 && !o->dead)
		status = scheduled_each(a, jobs.queue.stream, jobs_scheduled_cb, jobs_turned_cb, &jobs);
	if (status == 0 && (o->dead || jobs.is_table)) /* else they are not even counted */
		status = dead_each(&jobs.queue, jobs_dead_cb, jobs_turned_cb, &jobs);
	if (status == 0 && jobs.is_table)
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
	.examples = "udsctl jobs jobs\nudsctl jobs --ids jobs | xargs -r udsctl wait jobs\n",
	.options_size = sizeof(struct jobs_options),
	.run = verb_jobs_run,
};
