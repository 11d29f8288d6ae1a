#include "group-handouts.h"

#include "blocked.h"
#include "group-idle.h"

/* Returns NULL without memory, or if the rule of the stream does not redeliver. */
static struct handouts *
group_get_handouts(struct streams *streams, struct stream_group *group)
{
	if (!group_redelivers(streams, group))
		return NULL;
	if (!group->handouts)
		group->handouts = handouts_new(streams, group->stream, group->no, &group->pending, group->values);
	return group->handouts;
}

void
group_hand_out(struct streams *streams, struct stream_group *group, struct stream_pending *entry,
               const struct client *client, struct holder **holder)
{
	struct handouts *handouts = group_get_handouts(streams, group);

	if (handouts && holder && !*holder)
		*holder = holder_new(client);
	if (handouts)
		handouts_give(streams, handouts, entry, holder ? *holder : NULL);
	else if (group->handouts) /* of a rule that held before */
		handouts_forget(streams, group->handouts, entry);
}

void
group_take_back(struct streams *streams, struct stream_group *group, struct stream_pending *entry,
                enum pending_cause cause)
{
	struct handouts *handouts = group_get_handouts(streams, group);

	if (handouts)
		handouts_release(streams, handouts, entry, cause);
	else if (group->handouts)
		handouts_forget(streams, group->handouts, entry);
}

void
group_offer(struct streams *streams, struct stream_group *group, struct stream_pending *entry)
{
	struct handouts *handouts = group_get_handouts(streams, group);

	if (handouts)
		handouts_settle(streams, handouts, entry, 0);
	else if (group->handouts)
		handouts_forget(streams, group->handouts, entry);
}

bool
group_doom(struct streams *streams, struct stream_group *group, struct stream_pending *entry)
{
	uint64_t max = group_delivery(streams, group->stream, group->values)->max_deliveries;
	struct handouts *handouts;

	if (max == 0 || entry->deliveries < max)
		return false;
	handouts = group_get_handouts(streams, group);
	if (!handouts)
		return false;
	if (!entry->history || !entry->history->is_over)
		handouts_note(streams, handouts, entry, PENDING_TIMED_OUT, 0);
	handouts_settle(streams, handouts, entry, 0);
	return true;
}

struct stream_pending *
group_next_released(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	const struct stream_pending *released;

	if (!group->handouts || group->handouts->released.n_entries == 0 || !group_redelivers(streams, group))
		return NULL;
	released = pending_next(&group->handouts->released, id);
	return released ? pending_find(&group->pending, released->id) : NULL;
}

void
group_apply_rule(struct streams *streams, struct stream_group *group, bool has_orphans)
{
	struct handouts *handouts;

	streams->flow->work.done += WORK_VISIT;
	handouts = group->pending.n_entries > 0 ? group_get_handouts(streams, group) : NULL;
	if (handouts)
		handouts_scan(streams, handouts, has_orphans);
	group_idle_watch(streams, group);
	/* Perhaps max_pending was reached, or something can be given again; or the group was paused. */
	blocked_wake_next(streams, group->stream, group->no);
	blocked_wake_claims(streams, group->stream, group->no);
}
