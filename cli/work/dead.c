#include "dead.h"

#include <stdio.h>
#include <string.h>

#include "body.h"
#include "num.h"
#include "queue.h"

/* A number that a dead job has as text. */
static uint64_t
dead_number(const struct resp_node *fields, const char *name)
{
	struct slice text = body_find(fields, name);

	return num_leading_u64(text.p, text.len);
}

void
dead_read(const struct resp_node *entry, struct queue_job *ret_job)
{
	const struct resp_node *fields = entry + 2;
	struct queue_job job = { .state = "dead" };

	queue_copy(job.id, sizeof(job.id), body_find(fields, "udsd-id"));
	queue_copy(job.consumer, sizeof(job.consumer), body_find(fields, "udsd-consumer"));
	queue_copy(job.cause, sizeof(job.cause), body_find(fields, "udsd-cause"));
	queue_copy(job.text, sizeof(job.text), body_find(fields, "udsd-text"));
	job.deliveries = dead_number(fields, "udsd-deliveries");
	job.failed = dead_number(fields, "udsd-failed");
	job.timed_out = dead_number(fields, "udsd-timed-out");
	job.died = dead_number(fields, "udsd-died");
	job.released = dead_number(fields, "udsd-released");
	job.has_status = body_find(fields, "udsd-status").len > 0;
	job.status = (int64_t)dead_number(fields, "udsd-status");
	*ret_job = job;
}

/* Whether the entry of the stream of dead jobs is of this stream and group. */
static bool
dead_is_of(const struct queue *q, const struct resp_node *entry)
{
	struct slice stream = body_find(entry + 2, "udsd-stream"), group = body_find(entry + 2, "udsd-group");

	return stream.len == strlen(q->stream) && memcmp(stream.p, q->stream, stream.len) == 0 &&
	       group.len == strlen(q->group) && memcmp(group.p, q->group, group.len) == 0;
}

/* The last id that there is now: jobs that die meanwhile are not listed. */
static int
dead_find_last(const struct queue *q, struct entry_id *ret_last)
{
	const struct resp_node *reply, *last;
	int status = query_ask(q->a, &reply, "XINFO", "STREAM", q->dead, NULL);

	*ret_last = ENTRY_ID_MIN;
	if (status != 0)
		return status;
	if (resp_node_is_error(reply))
		return slice_is_word(reply->text, "ERR no such key") ? 0 : ask_refuse(reply);
	last = ask_lookup(reply, "last-generated-id");
	return last && entry_id_parse(last->text, 0, ret_last) ? 0 : ASK_FOREIGN;
}

/* A page of entries. Returns 0 or what the callback has returned. */
static int
dead_take(struct queue *q, const struct resp_node *list, struct entry_id last, ask_cb *cb, void *arg,
          struct entry_id *ret_at)
{
	const struct resp_node *entry = list + 1;
	int status = 0;

	for (size_t i = 0; status == 0 && i < list->elements; i++, entry = query_next_entry(entry)) {
		if (!entry_id_parse(entry[1].text, 0, ret_at))
			return ASK_FOREIGN;
		if (entry_id_compare(*ret_at, last) > 0)
			break;
		status = dead_is_of(q, entry) ? cb(entry, arg) : 0;
	}
	return status;
}

int
dead_each(struct queue *q, ask_cb *cb, int (*turned)(void *arg), void *arg)
{
	struct entry_id last, at = ENTRY_ID_MIN;
	const struct resp_node *list;
	char after[QUEUE_ID_MAX];
	int status = dead_find_last(q, &last);

	while (status == 0 && entry_id_compare(at, last) < 0) {
		entry_id_format(after, at);
		status = query_read_entries(q->a, q->dead, after, DEAD_PAGE, &list);
		if (status != 0 || !list)
			return status;
		status = dead_take(q, list, last, cb, arg, &at);
		if (status == 0 && turned)
			status = turned(arg);
	}
	return status;
}
