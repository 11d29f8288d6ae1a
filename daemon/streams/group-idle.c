/*
 * A group is looked at when the first of its consumers may be idle for long enough; then it is known when that is so
 * next. So a consumer that works costs nothing meanwhile. One with many entries takes several passes.
 */
#include "group-idle.h"

#include "blocked.h"
#include "group-consumers.h"
#include "streams-clock.h"

/* The two clocks may differ by so much more or less than before, in ms. */
#define STEP_MS 1000

/* When a group is looked at again for which there was no memory. */
#define RETRY_US 1000000

#define GROUP(node_) ((struct stream_group *)((char *)(node_)-offsetof(struct stream_group, idle)))

static uint64_t
group_idle_timeout(struct streams *streams, struct stream_group *group)
{
	return group_delivery(streams, group->stream, group->values)->consumer_timeout_ms;
}

/* Without memory, nobody is removed until the group is watched again. */
static void
group_idle_schedule(struct streams *streams, struct stream_group *group, uint64_t us)
{
	heap_remove(&streams->groups_idle, &group->idle);
	heap_add(&streams->groups_idle, &group->idle, us);
}

void
group_idle_watch(struct streams *streams, struct stream_group *group)
{
	uint64_t timeout_ms = group_idle_timeout(streams, group);

	if (timeout_ms == 0 || group->n_consumers == 0)
		heap_remove(&streams->groups_idle, &group->idle);
	else if (group->idle.at == 0 || group->idle.key > streams_now_us() + timeout_ms * 1000)
		group_idle_schedule(streams, group, streams_now_us());
}

/* Those who wait for entries are seen now. */
static void
group_idle_see_waiters(struct streams *streams, struct stream_group *group, uint64_t now_ms)
{
	const struct blocked_group *waiting =
	    LIST_EMPTY(&group->stream->blocked_groups) ? NULL : blocked_find_group(streams, group->no);
	const struct blocked_stream *entry;

	if (!waiting)
		return;
	TAILQ_FOREACH(entry, &waiting->waiters, link) {
		struct stream_consumer *consumer = group_find_consumer_no(group, entry->consumer);

		streams->flow->work.done += WORK_LOOKUP;
		if (consumer)
			consumer->seen_ms = now_ms;
	}
}

/* Releases what the consumer has. Returns whether that is all. */
static bool
group_idle_release(struct streams *streams, struct stream_group *group, const struct stream_consumer *consumer,
                   uint64_t work_end)
{
	struct stream_pending *entry;

	while (consumer->n_pending > 0 && (entry = pending_next(&group->pending, group->idle_at))) {
		struct stream_id id = entry->id;

		if (streams->flow->work.done >= work_end)
			return false;
		streams->flow->work.done += WORK_VISIT;
		if (entry->consumer == consumer) {
			handouts_note(streams, group->handouts, entry, PENDING_TIMED_OUT, 0);
			entry = group_give(streams, group, NULL, id);
			entry->delivered_ms = 0;
			handouts_settle(streams, group->handouts, entry, 0);
		}
		group->idle_at = id;
		if (!stream_id_next(&group->idle_at))
			break;
	}
	group->idle_at = STREAM_ID_MIN;
	return consumer->n_pending == 0;
}

/* Since when nobody has heard of the consumer. */
static uint64_t
group_idle_since(const struct streams *streams, const struct stream_consumer *consumer)
{
	return consumer->seen_ms > streams->idle_from_ms ? consumer->seen_ms : streams->idle_from_ms;
}

/* Removes the consumers of one group that are idle. */
static void
group_idle_check(struct streams *streams, struct stream_group *group, uint64_t now_ms, uint64_t work_end)
{
	uint64_t timeout_ms = group_idle_timeout(streams, group), next_ms = UINT64_MAX;

	if (!group->handouts &&
	    !(group->handouts = handouts_new(streams, group->stream, group->no, &group->pending, group->values))) {
		group_idle_schedule(streams, group, streams_now_us() + RETRY_US);
		return;
	}
	group_idle_see_waiters(streams, group, now_ms);
	for (size_t i = 0; i < group->n_consumers;) {
		struct stream_consumer *consumer = group->consumers[i];
		uint64_t due_ms = group_idle_since(streams, consumer) + timeout_ms;

		streams->flow->work.done += WORK_VISIT;
		if (due_ms > now_ms) {
			next_ms = due_ms < next_ms ? due_ms : next_ms;
			i++;
		} else if (group_idle_release(streams, group, consumer, work_end)) {
			streams->flow->work.done += 2 * WORK_LOOKUP;
			group_delete_consumer(streams, group, consumer);
			streams->idle_consumers++;
		} else {
			next_ms = now_ms;
			break;
		}
	}
	heap_remove(&streams->groups_idle, &group->idle);
	if (next_ms < UINT64_MAX)
		group_idle_schedule(streams, group, streams_now_us() + (next_ms - now_ms) * 1000);
}

void
group_idle_advance(struct streams *streams, uint64_t work_end)
{
	struct heap_node *first = heap_first(&streams->groups_idle);
	uint64_t now_us = first ? streams_now_us() : 0, now_ms, offset_ms;

	if (!first || first->key > now_us)
		return;
	now_ms = streams_unix_ms();
	offset_ms = now_ms - now_us / 1000;
	if (streams->idle_from_ms == 0 || offset_ms - streams->idle_offset_ms + STEP_MS > 2 * STEP_MS)
		streams->idle_from_ms = now_ms;
	streams->idle_offset_ms = offset_ms;
	for (; first && first->key <= now_us && streams->flow->work.done < work_end;
	     first = heap_first(&streams->groups_idle)) {
		struct stream_group *group = GROUP(first);

		if (group_idle_timeout(streams, group) > 0)
			group_idle_check(streams, group, now_ms, work_end);
		else
			heap_remove(&streams->groups_idle, first);
	}
}

bool
group_idle_have_work(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->groups_idle);

	return first && first->key <= streams_now_us();
}

uint64_t
group_idle_next_deadline(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->groups_idle);

	return first ? first->key : UINT64_MAX;
}
