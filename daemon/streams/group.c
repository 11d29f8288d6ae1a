/*
 * Groups in memory; group-store.c has what they are on disk. A group whose stream is on the list of dirty ones has some
 * of these to be saved: its own record (is_dirty), consumers (dirty_consumers, gone), leaves of pending entries.
 * Whatever goes has had its place in an array of what is to be deleted from disk since it came: removal never fails.
 */
#include "group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "stream-owner.h"
#include "stream.h"

int
group_compare_names(const uint8_t *a, size_t a_len, struct slice b)
{
	size_t len = a_len < b.len ? a_len : b.len;
	int order = len > 0 ? memcmp(a, b.p, len) : 0;

	return order != 0 ? order : (a_len > b.len) - (a_len < b.len);
}

struct stream_group *
group_find(const struct stream *stream, struct slice name)
{
	struct stream_group *group;

	TAILQ_FOREACH(group, &stream->groups, link)
		if (group->name_len == name.len && slice_is(name, group->name))
			return group;
	return NULL;
}

struct stream_group *
group_find_no(const struct stream *stream, uint64_t no)
{
	struct stream_group *group;

	TAILQ_FOREACH(group, &stream->groups, link)
		if (group->no == no)
			return group;
	return NULL;
}

void
group_charge(struct streams *streams, struct stream_group *group)
{
	size_t bytes = sizeof(*group) + group->name_len + 2 * group->consumers_cap * sizeof(*group->consumers) +
	               group->gone_cap * sizeof(*group->gone) + group->consumer_bytes + pending_bytes(&group->pending) +
	               (group->values ? sizeof(*group->values) : 0);

	if (bytes != group->charged)
		stream_charge(streams, group->stream->uid, (int64_t)bytes - (int64_t)group->charged);
	group->charged = bytes;
	handouts_charge_histories(streams, group->stream, &group->pending.histories);
}

struct stream_group *
group_insert(struct streams *streams, struct stream *stream, uint64_t no, struct slice name)
{
	struct stream_group *group = calloc(1, sizeof(*group)), *next;

	if (!group || !(group->name = malloc(name.len + 1))) {
		free(group);
		return NULL;
	}
	slice_put(group->name, name);
	group->name_len = name.len;
	group->no = no;
	group->stream = stream;
	TAILQ_INIT(&group->dirty_consumers);
	pending_init(&group->pending);
	TAILQ_FOREACH(next, &stream->groups, link)
		if (group_compare_names(next->name, next->name_len, name) > 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, group, link);
	else
		TAILQ_INSERT_TAIL(&stream->groups, group, link);
	stream->n_groups++;
	group_charge(streams, group);
	return group;
}

struct stream_group *
group_new(struct streams *streams, struct stream *stream, struct slice name, struct stream_id last,
          uint64_t entries_read)
{
	struct stream_group *group = group_insert(streams, stream, streams->last_no + 1, name);

	if (!group)
		return NULL;
	streams->last_no++;
	group_set_last(streams, group, last, entries_read);
	return group;
}

void
group_set_last(struct streams *streams, struct stream_group *group, struct stream_id last, uint64_t entries_read)
{
	group->last = last;
	group->entries_read = entries_read;
	if (entries_read != GROUP_READ_UNKNOWN && entries_read > group->stream->added)
		group->entries_read = group->stream->added;
	group->is_dirty = true;
	stream_touch_part(streams, group->stream);
}

int
group_set_values(struct streams *streams, struct stream_group *group, const struct group_values *values)
{
	if (!group->values && values->set != 0 && !(group->values = malloc(sizeof(*group->values))))
		return -ENOMEM;
	if (values->set == 0) {
		free(group->values);
		group->values = NULL;
	} else {
		*group->values = *values;
		group->values->generation = 0;
	}
	if (group->handouts)
		group->handouts->values = group->values;
	group->is_dirty = true;
	group_charge(streams, group);
	stream_touch(streams, group->stream);
	return 0;
}

/* Frees all that a group has but its own struct. */
static void
group_clear(struct streams *streams, struct stream_group *group)
{
	stream_charge(streams, group->stream->uid, -(int64_t)group->charged);
	for (size_t i = 0; i < group->n_consumers; i++)
		free(group->consumers[i]);
	free(group->consumers);
	free(group->numbered);
	free(group->gone);
	free(group->name);
	free(group->values);
	heap_remove(&streams->groups_idle, &group->idle);
	handouts_take_histories(streams, group->stream, &group->pending.histories);
	pending_deinit(&group->pending);
	handouts_end(streams, group->handouts);
}

void
group_delete(struct streams *streams, struct stream *stream, struct stream_group *group)
{
	TAILQ_REMOVE(&stream->groups, group, link);
	stream->n_groups--;
	streams->flow->work.done += group->n_consumers * WORK_VISIT + group->pending.n * WORK_LOOKUP;
	group_clear(streams, group);
	*group = (struct stream_group){ .no = group->no, .is_stored = group->is_stored };
	stream_touch_part(streams, stream);
	blocked_wake_group(streams, stream, group->no);
	if (group->is_stored)
		TAILQ_INSERT_TAIL(&stream->gone_groups, group, link);
	else
		free(group);
}

void
group_retire_all(struct streams *streams, struct stream *stream)
{
	struct stream_group *group;

	streams->flow->work.done += stream->n_groups * WORK_VISIT;
	TAILQ_FOREACH(group, &stream->groups, link) {
		heap_remove(&streams->groups_idle, &group->idle);
		handouts_end(streams, group->handouts);
		group->handouts = NULL;
	}
}

void
group_free_all(struct streams *streams, struct stream *stream)
{
	struct stream_group *group;

	while ((group = TAILQ_FIRST(&stream->groups))) {
		TAILQ_REMOVE(&stream->groups, group, link);
		group_clear(streams, group);
		free(group);
	}
	while ((group = TAILQ_FIRST(&stream->gone_groups))) {
		TAILQ_REMOVE(&stream->gone_groups, group, link);
		free(group);
	}
	stream->n_groups = 0;
}

/* Pending entries have changed; there were so many leaves, and so many of them dirty. */
static void
group_touch_pending(struct streams *streams, struct stream_group *group, size_t leaves, size_t dirty)
{
	size_t more = group->pending.n_dirty > dirty ? group->pending.n_dirty - dirty : 0;

	streams->dirty_bytes += pending_batch_bytes(&group->pending, dirty);
	streams->flow->work.done += more * WORK_LOOKUP; /* of saving them */
	if (group->pending.n != leaves || group->pending.histories.bytes != group->pending.histories.charged)
		group_charge(streams, group);
	stream_touch_part(streams, group->stream);
}

struct stream_pending *
group_give(struct streams *streams, struct stream_group *group, struct stream_consumer *consumer, struct stream_id id)
{
	size_t leaves = group->pending.n, dirty = group->pending.n_dirty;
	struct stream_pending *entry = pending_find(&group->pending, id);

	if (entry && entry->consumer)
		entry->consumer->n_pending--;
	if (entry)
		pending_changed(&group->pending, entry);
	else
		entry = pending_add(&group->pending, id);
	if (!entry)
		return NULL;
	entry->consumer = consumer;
	if (consumer)
		consumer->n_pending++;
	group_touch_pending(streams, group, leaves, dirty);
	return entry;
}

bool
group_acknowledge(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	size_t leaves = group->pending.n, dirty = group->pending.n_dirty;
	struct stream_pending was;

	if (!pending_remove(&group->pending, id, &was))
		return false;
	if (was.consumer)
		was.consumer->n_pending--;
	if (group->handouts)
		handouts_forget(streams, group->handouts, &was);
	group_touch_pending(streams, group, leaves, dirty);
	return true;
}

bool
group_any_needs(const struct stream *stream, struct stream_id id)
{
	struct stream_group *group;

	TAILQ_FOREACH(group, &stream->groups, link)
		if (stream_id_cmp(group->last, id) < 0 || pending_find(&group->pending, id))
			return true;
	return false;
}

void
group_forget_everywhere(struct streams *streams, struct stream *stream, struct stream_id id)
{
	struct stream_group *group;

	TAILQ_FOREACH(group, &stream->groups, link)
		group_acknowledge(streams, group, id);
}
