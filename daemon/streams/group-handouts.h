/* What a group does by itself, by its own values and the rule of its stream: see handouts.h. */
#pragma once

#include "group.h"

/*
 * Call after group_give(), when delivered_ms and deliveries are set. group_hand_out(): the entry was given to a
 * connection; *holder is made if it is NULL, and holder NULL means that it is not known to whom. group_take_back(): it
 * was given back. group_offer(): it is given again at once, and that it was given counts for nothing. They do nothing
 * for groups that do not redeliver.
 */
void group_hand_out(struct streams *streams, struct stream_group *group, struct stream_pending *entry,
                    const struct client *client, struct holder **holder);
void group_take_back(struct streams *streams, struct stream_group *group, struct stream_pending *entry,
                     enum pending_cause cause);
void group_offer(struct streams *streams, struct stream_group *group, struct stream_pending *entry);

/* Whether the entry, which is pending, may not be delivered once more: max_deliveries. Then it is doomed. */
bool group_doom(struct streams *streams, struct stream_group *group, struct stream_pending *entry);

static inline bool
group_redelivers(struct streams *streams, struct stream_group *group)
{
	return stream_delivery_redelivers(group_delivery(streams, group->stream, group->values));
}

static inline bool
group_is_paused(const struct stream_group *group)
{
	return group->values && group->values->is_paused;
}

/* The first entry from id on that can be given at once though it is pending; or NULL. */
struct stream_pending *group_next_released(struct streams *streams, struct stream_group *group, struct stream_id id);

/* Call when the rule or the values have changed. has_orphans: see handouts_scan(). */
void group_apply_rule(struct streams *streams, struct stream_group *group, bool has_orphans);
