/* What handlers of commands about groups share. */
#pragma once

#include <stdbool.h>

#include "group.h"
#include "keyspace.h"

/* Finds the stream and its group, or replies NOGROUP with the text of XPENDING and XCLAIM. */
struct stream_group *xgroup_require(struct bus *bus, struct session *s, struct streams *streams, struct slice key,
                                    struct slice name);

/* Whether the group has the consumer; it is made if not. Otherwise replies an error. */
bool xgroup_require_consumer(struct bus *bus, struct session *s, struct streams *streams, struct stream_group *group,
                             struct slice name);

/* What was acknowledged or forgotten makes room among a group's pending entries, of which it had so many before: wakes
 * a reader that waits for that. */
void xgroup_wake(struct streams *streams, struct stream_group *group, uint64_t before);
