/*
 * udsctl retry: puts dead jobs back. First the job is added, with an identifier that is known for it alone (IDMP), then
 * the dead one is deleted. So nothing is lost if either is refused or the connection ends, and doing both again, or at
 * the same time as somebody else, adds the job once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "body.h"
#include "bury.h"
#include "memory.h"
#include "plan.h"
#include "print.h"
#include "queue.h"
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

/* Adds the job whose fields those of the entry are. A note of when it was first added stays. */
static int
retry_add(const struct queue *q, const char *dead, const struct resp_node *fields, char ret_id[QUEUE_ID_MAX])
{
	struct slice *words = memory_alloc((fields->elements + 8) * sizeof(*words));
	const struct resp_node *reply;
	char iid[sizeof(q->dead) + QUEUE_ID_MAX];
	size_t n = 0;
	int status;

	snprintf(iid, sizeof(iid), "%s/%s", q->dead, dead);
	words[n++] = slice_of("XADD");
	words[n++] = slice_of(q->stream);
	words[n++] = slice_of("IDMP");
	words[n++] = slice_of(RETRY_PRODUCER);
	words[n++] = slice_of(iid);
	words[n++] = slice_of("*");
	for (const struct resp_node *name = fields + 1; name + 1 <= fields + fields->elements; name += 2) {
		if (body_is_note(name) && !resp_node_is(name, "udsd-time"))
			continue;
		words[n++] = name[0].text;
		words[n++] = name[1].text;
	}
	status = ask_try(q->a, &reply, words, n);
	free(words);
	if (status != 0 || queue_is_error(reply))
		return status ?: ask_refuse(reply);
	snprintf(ret_id, QUEUE_ID_MAX, "%.*s", (int)reply->text.len, (const char *)reply->text.p);
	return 0;
}

/* id: of the job; dead: among the dead. Returns 0, STATUS_NONE or as ask(). */
static int
retry_one(const struct queue *q, const char *id, const char *dead)
{
	const struct resp_node *nodes;
	char added[QUEUE_ID_MAX];
	bool stays;
	int status = queue_ask(q->a, &nodes, "XRANGE", q->dead, dead, dead, NULL);

	if (status != 0 || queue_is_error(nodes))
		return status ?: ask_refuse(nodes);
	if (nodes->elements == 0) {
		say("%s: there is no dead job %s any more", q->stream, id);
		return STATUS_NONE;
	}
	status = retry_add(q, dead, &nodes[3], added) ?: bury_dead(q, dead, &stays);
	if (status != 0)
		return status;
	if (stays)
		say("%s: job %s stays in %s, too: another group there has not acknowledged it", q->stream, id, q->dead);
	print("%s is %s now\n", id, added);
	return 0;
}

struct retry_list {
	char (*ids)[2][QUEUE_ID_MAX]; /* of the job, and among the dead; n of them */
	size_t n;
};

static int
retry_collect_cb(const struct resp_node *entry, void *arg)
{
	struct retry_list *list = arg;
	struct queue_job job;

	queue_read_dead(entry, &job);
	list->ids = memory_resize(list->ids, (list->n + 1) * sizeof(*list->ids));
	memcpy(list->ids[list->n][0], job.id, QUEUE_ID_MAX);
	snprintf(list->ids[list->n++][1], QUEUE_ID_MAX, "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	return 0;
}

/* Those that are dead now. */
static int
retry_all(struct queue *q)
{
	struct retry_list list = { 0 };
	int status = queue_each_dead(q, retry_collect_cb, &list);

	for (size_t i = 0; (status == 0 || status == STATUS_NONE) && i < list.n; i++)
		status = retry_one(q, list.ids[i][0], list.ids[i][1]);
	free(list.ids);
	return status == STATUS_NONE ? 0 : status;
}

/* Returns 0, STATUS_NONE or as ask(). */
static int
retry_named(struct queue *q, const char *id)
{
	char dead[QUEUE_ID_MAX];
	enum queue_place place;
	struct queue_job job;
	int status = queue_find(q, id, &place, &job, dead);

	if (status != 0)
		return status;
	if (place == QUEUE_DEAD)
		return retry_one(q, job.id, dead);
	say("%s: job %s is not dead; 'udsctl jobs --dead %s' lists dead ones", q->stream, id, q->stream);
	return STATUS_NONE;
}

static int
verb_retry_run(const void *options)
{
	const struct retry_options *o = options;
	int status = queue_check_arguments("retry", &o->common, o->all ? 0 : 1, o->all ? 0 : SIZE_MAX, false),
	    missing = 0;
	char id[QUEUE_ID_MAX];
	struct queue q;
	struct ask *a;

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = queue_open(&q, a, o->common.args[0], o->group ? o->group : PLAN_GROUP);
	if (status == 0 && o->all)
		status = retry_all(&q);
	for (size_t i = 1; status == 0 && i < o->common.n_args; i++) {
		queue_read_id(o->common.args[i], id);
		status = retry_named(&q, id);
		if (status == STATUS_NONE) {
			missing = STATUS_NONE;
			status = 0;
		}
	}
	return ask_end(a, status ?: missing);
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
