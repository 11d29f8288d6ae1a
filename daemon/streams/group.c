/*
 * Groups in memory; group-store.c has what they are on disk. A group whose stream is on the list of dirty ones has some
 * of these to be saved: its own record (is_dirty), consumers (dirty_consumers, gone), leaves of pending entries.
 * Whatever goes has had its place in an array of what is to be deleted from disk since it came: removal never fails.
 *
 * Consumers are kept in two sorted vectors, by name and by number; the latter serves what is read from disk.
 */
#include "group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "stream-owner.h"
#include "stream.h"

/* About what a leaf takes in a batch. */
#define GROUP_LEAF_BYTES 400

static int
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
	               group->gone_cap * sizeof(*group->gone) + group->consumer_bytes + pending_bytes(&group->pending);

	if (bytes != group->charged)
		stream_charge(streams, group->stream->uid, (int64_t)bytes - (int64_t)group->charged);
	group->charged = bytes;
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
	group->is_dirty = true;
	stream_touch(streams, group->stream);
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
	stream_touch(streams, stream);
	blocked_wake_group(streams, stream, group->no);
	if (group->is_stored)
		TAILQ_INSERT_TAIL(&stream->gone_groups, group, link);
	else
		free(group);
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

/* Where the consumer is among those by name, or belongs. */
static size_t
group_consumer_place(const struct stream_group *group, struct slice name)
{
	size_t low = 0, high = group->n_consumers;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct stream_consumer *consumer = group->consumers[middle];

		if (group_compare_names(consumer->name, consumer->name_len, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct stream_consumer *
group_find_consumer(const struct stream_group *group, struct slice name)
{
	size_t i = group_consumer_place(group, name);
	struct stream_consumer *consumer = i < group->n_consumers ? group->consumers[i] : NULL;

	return consumer && consumer->name_len == name.len && slice_is(name, consumer->name) ? consumer : NULL;
}

/* Where the consumer with this number is among those by number, or belongs. */
static size_t
group_number_place(const struct stream_group *group, uint64_t no)
{
	size_t low = 0, high = group->n_consumers;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (group->numbered[middle]->no < no)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct stream_consumer *
group_find_consumer_no(const struct stream_group *group, uint64_t no)
{
	size_t i = group_number_place(group, no);

	return i < group->n_consumers && group->numbered[i]->no == no ? group->numbered[i] : NULL;
}

/* Room for one more consumer, and for its number when it goes. Returns 0 or -ENOMEM. */
static int
group_reserve_consumer(struct stream_group *group)
{
	size_t cap = 2 * group->n_consumers + 4, gone = group->n_consumers + group->n_gone + 1;
	struct stream_consumer **consumers;
	uint64_t *numbers;

	if (gone > group->gone_cap) {
		numbers = reallocarray(group->gone, 2 * gone, sizeof(*numbers));
		if (!numbers)
			return -ENOMEM;
		group->gone = numbers;
		group->gone_cap = 2 * gone;
	}
	if (group->n_consumers < group->consumers_cap)
		return 0;
	consumers = reallocarray(group->consumers, cap, sizeof(*consumers));
	if (!consumers)
		return -ENOMEM;
	group->consumers = consumers;
	consumers = reallocarray(group->numbered, cap, sizeof(*consumers));
	if (!consumers)
		return -ENOMEM;
	group->numbered = consumers;
	group->consumers_cap = cap;
	return 0;
}

struct stream_consumer *
group_insert_consumer(struct streams *streams, struct stream_group *group, uint64_t no, struct slice name)
{
	size_t by_name, by_number;
	struct stream_consumer *consumer;

	if (group_reserve_consumer(group) < 0)
		return NULL;
	consumer = calloc(1, sizeof(*consumer) + name.len);
	if (!consumer)
		return NULL;
	slice_put(consumer->name, name);
	consumer->name_len = name.len;
	consumer->no = no;
	by_name = group_consumer_place(group, name);
	by_number = group_number_place(group, no);
	memmove(group->consumers + by_name + 1, group->consumers + by_name,
	        (group->n_consumers - by_name) * sizeof(consumer));
	memmove(group->numbered + by_number + 1, group->numbered + by_number,
	        (group->n_consumers - by_number) * sizeof(consumer));
	group->consumers[by_name] = group->numbered[by_number] = consumer;
	group->n_consumers++;
	group->consumer_bytes += sizeof(*consumer) + name.len;
	if (no > group->last_consumer_no)
		group->last_consumer_no = no;
	group_charge(streams, group);
	return consumer;
}

static void
group_touch_consumer(struct stream_group *group, struct stream_consumer *consumer)
{
	if (consumer->is_dirty)
		return;
	consumer->is_dirty = true;
	TAILQ_INSERT_TAIL(&group->dirty_consumers, consumer, dirty_link);
}

struct stream_consumer *
group_new_consumer(struct streams *streams, struct stream_group *group, struct slice name, uint64_t now_ms)
{
	struct stream_consumer *consumer = group_insert_consumer(streams, group, group->last_consumer_no + 1, name);

	if (!consumer)
		return NULL;
	consumer->seen_ms = now_ms;
	group_touch_consumer(group, consumer);
	group->is_dirty = true; /* has the last number */
	stream_touch(streams, group->stream);
	return consumer;
}

void
group_see_consumer(struct stream_group *group, struct stream_consumer *consumer, uint64_t now_ms, bool is_active)
{
	consumer->seen_ms = now_ms;
	consumer->active_ms = is_active ? now_ms : consumer->active_ms;
	group_touch_consumer(group, consumer);
}

void
group_delete_consumer(struct streams *streams, struct stream_group *group, struct stream_consumer *consumer)
{
	size_t by_name = group_consumer_place(group, (struct slice){ consumer->name, consumer->name_len });
	size_t by_number = group_number_place(group, consumer->no);
	struct stream_id id = STREAM_ID_MIN;
	struct stream_pending *entry;

	while (consumer->n_pending > 0 && (entry = pending_next(&group->pending, id))) {
		id = entry->id;
		streams->flow->work.done += WORK_VISIT;
		if (entry->consumer == consumer)
			group_acknowledge(streams, group, id);
		else
			stream_id_next(&id);
	}
	group->n_consumers--;
	memmove(group->consumers + by_name, group->consumers + by_name + 1,
	        (group->n_consumers - by_name) * sizeof(consumer));
	memmove(group->numbered + by_number, group->numbered + by_number + 1,
	        (group->n_consumers - by_number) * sizeof(consumer));
	if (consumer->is_dirty)
		TAILQ_REMOVE(&group->dirty_consumers, consumer, dirty_link);
	if (consumer->is_stored)
		group->gone[group->n_gone++] = consumer->no;
	group->consumer_bytes -= sizeof(*consumer) + consumer->name_len;
	free(consumer);
	group_charge(streams, group);
	stream_touch(streams, group->stream);
}

/* Pending entries have changed; there were so many leaves, and so many of them dirty. */
static void
group_touch_pending(struct streams *streams, struct stream_group *group, size_t leaves, size_t dirty)
{
	size_t more = group->pending.n_dirty > dirty ? group->pending.n_dirty - dirty : 0;

	streams->dirty_bytes += more * GROUP_LEAF_BYTES;
	streams->flow->work.done += more * WORK_LOOKUP; /* of saving them */
	if (group->pending.n != leaves)
		group_charge(streams, group);
	stream_touch(streams, group->stream);
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
