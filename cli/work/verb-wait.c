/* udsctl wait: asks again and again, less often with time, until all jobs are done or dead. */
#include <inttypes.h>
#include <sysexits.h>

#include "find.h"
#include "loop.h"
#include "memory.h"
#include "plan.h"
#include "queue.h"
#include "say.h"

struct wait_options {
	struct options common;
	const char *group;
	uint64_t limit; /* ms; 0: none */
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct wait_options, group) },
	{ "timeout", 0, "DURATION", "give up after so long (never)", OPTION_DURATION,
	  offsetof(struct wait_options, limit) },
	{ 0 },
};

/* ms between questions. */
#define WAIT_FIRST ((uint64_t)10)
#define WAIT_LAST ((uint64_t)500)

/* Exit status of a job that died without one of its own. */
#define STATUS_DEAD 1

/* A job that is not there any more is done. But one whose ID is still to come was never there. Returns as ask(). */
static int
wait_require_past(struct queue *q, const char *id)
{
	const struct resp_node *reply, *node;
	struct entry_id last, asked;
	int status = query_ask(q->a, &reply, "XINFO", "STREAM", q->stream, NULL);

	if (status != 0)
		return status;
	if (resp_node_is_error(reply))
		return ask_refuse(reply);
	node = ask_lookup(reply, "last-generated-id");
	if (!node || !entry_id_parse(node->text, 0, &last) || !entry_id_parse(slice_of(id), 0, &asked))
		return ASK_FOREIGN;
	if (entry_id_compare(asked, last) <= 0)
		return 0;
	say("%s has had no job %s", q->stream, id);
	return EX_NOINPUT;
}

/* Waits for one job. *ret_status: 0, or the status with which it died. Returns as ask(). */
static int
wait_one(struct queue *q, const char *id, uint64_t end, int *ret_status)
{
	char dead[QUEUE_ID_MAX];
	enum find_place place;
	struct queue_job job;
	int status;

	for (uint64_t ms = WAIT_FIRST;; ms = ms < WAIT_LAST / 2 ? 2 * ms : WAIT_LAST) {
		status = queue_open(q, q->a, q->stream, q->group) ?: queue_require_stream(q);
		if (status == 0)
			status = find_job(q, id, &place, &job, dead);
		if (status != 0)
			return status;
		if (place == FIND_NONE)
			return wait_require_past(q, id);
		if (place == FIND_DEAD) {
			*ret_status = job.has_status && job.status > 0 ? (int)job.status : STATUS_DEAD;
			say("%s: job %s is dead: %s", q->stream, id,
			    *queue_reason(&job) ? queue_reason(&job) : "no reason is known");
			return 0;
		}
		if (loop_now() >= end) {
			say("%s: job %s is not done", q->stream, id);
			return EX_TEMPFAIL;
		}
		if (ms > end - loop_now())
			ms = end - loop_now() + 1;
		status = ask_wait(q->a, ms);
		if (status != 0)
			return status;
	}
}

static int
verb_wait_run(const void *options)
{
	const struct wait_options *o = options;
	struct queue q = { .stream = o->common.args[0], .group = o->group ? o->group : PLAN_GROUP };
	uint64_t end = o->limit > 0 ? loop_now() + o->limit : UINT64_MAX;
	int status = queue_check_arguments("wait", &o->common, 1, SIZE_MAX, false, "jobs"), first = 0, died;
	char id[QUEUE_ID_MAX];

	if (status != 0)
		return status;
	q.a = ask_new_lasting(&o->common, o->limit);
	status = queue_open(&q, q.a, q.stream, q.group) ?: queue_require(&q, o->group);
	for (size_t i = 1; status == 0 && i < o->common.n_args; i++) {
		died = 0;
		queue_read_id(o->common.args[i], id);
		status = wait_one(&q, id, end, &died);
		first = first ?: died;
	}
	return ask_end(q.a, status ?: first);
}

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "STREAM ID...",
	.summary = "wait until jobs are done; the exit status is theirs",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct wait_options),
	.run = verb_wait_run,
};
