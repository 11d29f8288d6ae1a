/*
 * udsctl retry: puts dead jobs back, some at a time. First jobs are added, with an identifier that is known for each
 * alone (IDMP), then those that were added are deleted among the dead. So nothing is lost if either is refused or the
 * connection ends, and doing both again, or at the same time as somebody else, adds a job once. There are never more
 * under way than a stream knows identifiers of one producer, if nobody has set that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "body.h"
#include "bury.h"
#include "dead.h"
#include "entry.h"
#include "find.h"
#include "memory.h"
#include "plan.h"
#include "print.h"
#include "queue.h"
#include "resp-encode.h"
#include "say.h"

struct retry_options {
	struct options common;
	const char *group;
	bool all;
};

static const struct option_row rows[] = {
	{ "group", 'g', "GROUP", "the workers' group (work)", OPTION_NAME, offsetof(struct retry_options, group) },
	{ "all", 0, NULL, "retry all dead jobs of the stream", OPTION_FLAG, offsetof(struct retry_options, all) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Exit status if there is no such dead job. */
#define STATUS_NONE 1

/* The producer of jobs that are put back. */
#define RETRY_PRODUCER "udsctl-retry"

/* Jobs that are put back together. */
struct retry {
	struct queue *q;
	struct buf commands; /* n of them, which add the jobs */
	struct bury jobs[DEAD_PAGE];
	size_t n;
	/* Of those that were answered, the first n_added of jobs were added, with these ids. */
	char added[DEAD_PAGE][QUEUE_ID_MAX];
	size_t n_answered, n_added;
	int refused; /* the exit status, if one was not added; 0: none */
};

/* Appends the command that adds the job whose fields those are. The notes of who added it first, and when, stay. */
static void
retry_put(struct retry *retry, const char *dead, const struct resp_node *fields)
{
	struct slice *words = memory_alloc((fields->elements + 8) * sizeof(*words));
	struct buf *b = &retry->commands;
	char iid[sizeof(retry->q->dead) + QUEUE_ID_MAX];
	size_t n = 0;

	snprintf(iid, sizeof(iid), "%s/%s", retry->q->dead, dead);
	words[n++] = slice_of("XADD");
	words[n++] = slice_of(retry->q->stream);
	words[n++] = slice_of("IDMP");
	words[n++] = slice_of(RETRY_PRODUCER);
	words[n++] = slice_of(iid);
	words[n++] = slice_of("*");
	for (const struct resp_node *name = fields + 1; name + 1 <= fields + fields->elements; name += 2) {
		if (body_is_note(name) && !resp_node_is(name, "udsd-time") && !resp_node_is(name, ENTRY_SENDER))
			continue;
		words[n++] = name[0].text;
		words[n++] = name[1].text;
	}
	memory_check(buf_reserve(b, resp_command_size(words, n)));
	b->len += resp_put_command((char *)b->data + b->len, words, n);
	free(words);
}

/* Takes a dead job, to be put back with the others of its page. */
static int
retry_take_cb(const struct resp_node *entry, void *arg)
{
	struct retry *retry = arg;
	struct bury *job = &retry->jobs[retry->n++];
	struct queue_job was;

	dead_read(entry, &was);
	memcpy(job->id, was.id, sizeof(job->id));
	snprintf(job->dead, sizeof(job->dead), "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	retry_put(retry, job->dead, entry + 2);
	return 0;
}

static int
retry_added_cb(const struct resp_node *reply, void *arg)
{
	struct retry *retry = arg;
	size_t at = retry->n_answered++;

	if (resp_node_is_error(reply)) {
		retry->refused = retry->refused ?: ask_refuse(reply);
		return 0;
	}
	snprintf(retry->added[retry->n_added], QUEUE_ID_MAX, "%.*s", (int)reply->text.len, (const char *)reply->text.p);
	retry->jobs[retry->n_added++] = retry->jobs[at];
	return 0;
}

/* Puts back what was taken. */
static int
retry_turned_cb(void *arg)
{
	struct retry *retry = arg;
	const struct queue *q = retry->q;
	struct slice commands = { retry->commands.data, retry->commands.len };
	int status;

	retry->n_answered = retry->n_added = 0;
	status =
	    ask_all(q->a, commands, retry->n, true, retry_added_cb, retry) ?: bury_dead(q, retry->jobs, retry->n_added);
	for (size_t i = 0; status == 0 && i < retry->n_added; i++) {
		if (retry->jobs[i].stays)
			say("%s: job %s stays in %s, too: another group there has not acknowledged it", q->stream,
			    retry->jobs[i].id, q->dead);
		print("%s is %s now\n", retry->jobs[i].id, retry->added[i]);
	}
	retry->commands.len = retry->n = 0;
	return (status ?: retry->refused) ?: ask_flush(q->a);
}

/*
 * A job that cannot go to the stream of dead jobs, since the store is full, is still in its own: it is only counted
 * anew.
 */
static int
retry_revive(struct retry *retry, const char *id, int *ret_status)
{
	const struct queue *q = retry->q;
	const struct resp_node *reply;
	int status = ask(q->a, &reply, "XNACK", q->stream, q->group, "SILENT", "IDS", "1", id, "RETRYCOUNT", "0", NULL);

	if (status == 0 && reply->integer == 0)
		*ret_status = STATUS_NONE;
	else if (status == 0)
		print("%s is tried again\n", id);
	return status;
}

static int
retry_revive_all(struct retry *retry)
{
	char from[QUEUE_ID_MAX + 1] = "-";
	struct queue_job *page;
	size_t n;
	int status, gone;

	do {
		status = queue_read(retry->q, from, &page, &n);
		for (size_t i = 0; status == 0 && i < n; i++) {
			snprintf(from, sizeof(from), "(%s", page[i].id);
			if (strcmp(page[i].state, "dead") == 0)
				status = retry_revive(retry, page[i].id, &gone);
		}
		free(page);
	} while (status == 0 && n > 0);
	return status ?: ask_flush(retry->q->a);
}

/* Returns 0, STATUS_NONE or as ask(). */
static int
retry_named(struct retry *retry, const char *id)
{
	const struct resp_node *entry;
	struct queue *q = retry->q;
	char dead[QUEUE_ID_MAX];
	enum find_place place;
	struct queue_job job;
	int status = find_job(q, id, &place, &job, dead), gone = 0;

	if (status != 0)
		return status;
	if (place == FIND_PENDING && strcmp(job.state, "dead") == 0)
		return retry_revive(retry, id, &gone) ?: gone;
	if (place == FIND_DEAD) {
		status = query_read_entry(q->a, q->dead, dead, &entry);
		if (status != 0 || entry)
			return status ?: retry_take_cb(entry, retry) ?: retry_turned_cb(retry);
	}
	say("%s: job %s is not dead; 'udsctl jobs --dead %s' lists dead ones", q->stream, id, q->stream);
	return STATUS_NONE;
}

static int
retry_run(struct retry *retry, const struct retry_options *o)
{
	char id[QUEUE_ID_MAX];
	int missing = 0, status = 0;

	if (o->all)
		return dead_each(retry->q, retry_take_cb, retry_turned_cb, retry) ?: retry_revive_all(retry);
	for (size_t i = 1; status == 0 && i < o->common.n_args; i++) {
		queue_read_id(o->common.args[i], id);
		status = retry_named(retry, id);
		if (status == STATUS_NONE) {
			missing = STATUS_NONE;
			status = 0;
		}
	}
	return status ?: missing;
}

static int
verb_retry_run(const void *options)
{
	const struct retry_options *o = options;
	int status =
	    queue_check_arguments("retry", &o->common, o->all ? 0 : 1, o->all ? 0 : SIZE_MAX, false, "jobs --dead");
	struct retry *retry;
	struct queue q;
	struct ask *a;

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	retry = memory_alloc(sizeof(*retry));
	retry->q = &q;
	status = queue_open(&q, a, o->common.args[0], o->group ? o->group : PLAN_GROUP) ?: queue_require(&q, o->group);
	if (status == 0)
		status = retry_run(retry, o);
	buf_deinit(&retry->commands);
	free(retry);
	return ask_end(a, status);
}

const struct verb verb_retry = {
	.name = "retry",
	.arguments = "STREAM [ID]...",
	.summary = "put dead jobs back into their stream",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "udsctl retry --all jobs\n",
	.options_size = sizeof(struct retry_options),
	.run = verb_retry_run,
};
