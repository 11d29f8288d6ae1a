/* What handlers of commands about groups share. */
#pragma once

#include <stdbool.h>

#include "group-consumers.h"
#include "group-handouts.h"
#include "keyspace.h"

/* Finds the stream and its group, or replies NOGROUP with the text of XPENDING and XCLAIM. */
struct stream_group *xgroup_require(struct bus *bus, struct session *s, struct streams *streams, struct slice key,
                                    struct slice name);

/* Whether the group may have more consumers and pending entries: see streams_group_refusal(). Otherwise replies an
 * error.
 */
bool xgroup_require_room(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream);

/* The consumer of the group, which is made if there is none. NULL after an error reply. */
struct stream_consumer *xgroup_require_consumer(struct bus *bus, struct session *s, struct streams *streams,
                                                struct stream_group *group, struct slice name);

/* Call when the session was given an entry, and delivered_ms and deliveries are set: it has it until it ends. */
void xgroup_hand_out(struct session *s, struct streams *streams, struct stream_group *group,
                     struct stream_pending *entry);

/* Wakes the reader that waits longest, if the group has something to give: call it when that may have become true. */
void xgroup_wake(struct streams *streams, struct stream_group *group);

/* After pending entries were removed, of which there were so many before: the same, if there was no room for more. */
static inline void
xgroup_wake_if_full(struct streams *streams, struct stream_group *group, uint64_t before)
{
	if (before >= stream_rule(streams, group->stream)->max_pending)
		xgroup_wake(streams, group);
}
