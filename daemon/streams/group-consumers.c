/* Consumers are kept in two sorted vectors, by name and by number; the latter serves what is read from disk. */
#include "group-consumers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

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
	stream_touch_part(streams, group->stream);
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
	stream_touch_part(streams, group->stream);
}
