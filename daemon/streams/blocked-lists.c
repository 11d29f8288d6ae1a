#include "blocked-lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hashtable.h"
#include "stream-name.h"

#define OF(type, member, p) ((type *)((char *)(p)-offsetof(type, member)))

struct blocked_group *
blocked_find_group(struct streams *streams, uint64_t no)
{
	struct hashtable_node *node;

	streams->flow->work.done += WORK_LOOKUP;
	for (node = hashtable_first(&streams->blocked_groups, no); node; node = hashtable_next(node))
		return OF(struct blocked_group, node, node); /* the hash is the number */
	return NULL;
}

struct blocked_name *
blocked_find_name(struct streams *streams, struct slice name)
{
	uint64_t hash = stream_name_hash(streams, name);
	struct hashtable_node *node;

	streams->flow->work.done += WORK_LOOKUP;
	for (node = hashtable_first(&streams->blocked_names, hash); node; node = hashtable_next(node)) {
		struct blocked_name *waiting = OF(struct blocked_name, node, node);

		if (waiting->len == name.len && memcmp(waiting->name, name.p, name.len) == 0)
			return waiting;
	}
	return NULL;
}

static struct blocked_group *
blocked_get_group(struct streams *streams, struct stream *stream, uint64_t no)
{
	struct blocked_group *group = blocked_find_group(streams, no);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group || hashtable_insert(&streams->blocked_groups, &group->node, no) < 0) {
		free(group);
		return NULL;
	}
	group->no = no;
	TAILQ_INIT(&group->waiters);
	LIST_INSERT_HEAD(&stream->blocked_groups, group, link);
	return group;
}

static struct blocked_name *
blocked_get_name(struct streams *streams, struct slice name)
{
	struct blocked_name *waiting = blocked_find_name(streams, name);

	if (waiting)
		return waiting;
	waiting = malloc(sizeof(*waiting) + name.len);
	if (!waiting ||
	    hashtable_insert(&streams->blocked_names, &waiting->node, stream_name_hash(streams, name)) < 0) {
		free(waiting);
		return NULL;
	}
	TAILQ_INIT(&waiting->waiters);
	waiting->len = name.len;
	memcpy(waiting->name, name.p, name.len);
	return waiting;
}

int
blocked_enter(struct streams *streams, struct blocked_stream *entry)
{
	/* An expired stream as well: the command finds out when it runs. */
	struct stream *stream = stream_name_find(streams, entry->name, stream_name_hash(streams, entry->name));

	streams->flow->work.done += WORK_LOOKUP;
	if (entry->group > 0 && !stream)
		return 0; /* the command finds that out */
	if (entry->group > 0) {
		entry->waiting_group = blocked_get_group(streams, stream, entry->group);
		entry->list = entry->waiting_group ? &entry->waiting_group->waiters : NULL;
	} else if (stream) {
		entry->list = &stream->blocked;
	} else {
		entry->waiting_name = blocked_get_name(streams, entry->name);
		entry->list = entry->waiting_name ? &entry->waiting_name->waiters : NULL;
	}
	if (!entry->list)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(entry->list, entry, link);
	if (entry->waiting_group)
		entry->waiting_group->n_claims += entry->claims;
	return 0;
}

void
blocked_leave(struct streams *streams, struct blocked_stream *entry)
{
	struct blocked_group *group = entry->waiting_group;
	struct blocked_name *name = entry->waiting_name;

	if (!entry->list)
		return;
	streams->flow->work.done += WORK_VISIT;
	TAILQ_REMOVE(entry->list, entry, link);
	entry->list = NULL;
	entry->waiting_group = NULL;
	entry->waiting_name = NULL;
	if (group)
		group->n_claims -= entry->claims;
	if (group && TAILQ_EMPTY(&group->waiters)) {
		hashtable_remove(&streams->blocked_groups, &group->node);
		LIST_REMOVE(group, link);
		free(group);
	}
	if (name && TAILQ_EMPTY(&name->waiters)) {
		hashtable_remove(&streams->blocked_names, &name->node);
		free(name);
	}
}
