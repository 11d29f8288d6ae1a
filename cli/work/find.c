#include "find.h"

#include <stdio.h>
#include <string.h>

#include "body.h"
#include "dead.h"

struct find_search {
	const char *id;
	bool is_found;
	struct queue_job *job;
	char *dead; /* QUEUE_ID_MAX */
};

/* A dead job is known by the id that it had, and by the one that it has now. */
static int
find_dead_cb(const struct resp_node *entry, void *arg)
{
	struct find_search *search = arg;
	struct slice id = body_find(entry + 2, "udsd-id");
	size_t len = strlen(search->id);

	if (!resp_node_is(entry + 1, search->id) && !(id.len == len && memcmp(id.p, search->id, len) == 0))
		return 0;
	search->is_found = true;
	dead_read(entry, search->job);
	snprintf(search->dead, QUEUE_ID_MAX, "%.*s", (int)entry[1].text.len, (const char *)entry[1].text.p);
	return ASK_DONE;
}

/* Of two ids as text. */
static int
find_compare(const char *a, const char *b)
{
	struct entry_id ids[2] = { 0 };

	(void)entry_id_parse(slice_of(a), 0, &ids[0]);
	(void)entry_id_parse(slice_of(b), 0, &ids[1]);
	return entry_id_compare(ids[0], ids[1]);
}

int
find_job(struct queue *q, const char *id, enum find_place *ret_place, struct queue_job *ret_job,
         char ret_dead[QUEUE_ID_MAX])
{
	struct find_search search = { .id = id, .job = ret_job, .dead = ret_dead };
	const struct resp_node *nodes, *entry;
	int status = 0;

	*ret_place = FIND_NONE;
	if (q->has_group) {
		status = query_ask(q->a, &nodes, "UDSD", "PENDING", q->stream, q->group, id, id, NULL);
		if (status != 0 || resp_node_is_error(nodes))
			return status ?: ask_refuse(nodes);
		if (nodes->elements > 0) {
			queue_read_job(ret_job, &nodes[1]);
			/* What runs goes on though its entry was deleted; else there is nothing left to be done. */
			entry = &nodes[1];
			if (strcmp(ret_job->state, "running") != 0)
				status = query_read_entry(q->a, q->stream, id, &entry);
			if (status != 0 || entry) {
				*ret_place = FIND_PENDING;
				return status;
			}
		}
	}
	if (q->has_stream && find_compare(id, q->last) > 0) {
		status = query_read_entry(q->a, q->stream, id, &nodes);
		if (status != 0 || nodes) {
			*ret_place = FIND_WAITING;
			return status;
		}
	}
	status = dead_each(q, find_dead_cb, NULL, &search);
	if (!search.is_found)
		return status;
	*ret_place = FIND_DEAD;
	return 0;
}
