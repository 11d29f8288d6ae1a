/* The consumers of a group. */
#pragma once

#include "group.h"

struct stream_consumer *group_find_consumer(const struct stream_group *group, struct slice name);
/* Makes a consumer that does not exist; the caller has looked at GROUP_CONSUMERS_MAX. Times are Unix time. NULL without
 * memory. */
struct stream_consumer *group_new_consumer(struct streams *streams, struct stream_group *group, struct slice name,
                                           uint64_t now_ms);
/* Its pending entries go with it, as in Redis. */
void group_delete_consumer(struct streams *streams, struct stream_group *group, struct stream_consumer *consumer);
/* The consumer has called now, and perhaps got an entry. That it called reaches the disk only with another change. */
void group_see_consumer(struct stream_group *group, struct stream_consumer *consumer, uint64_t now_ms, bool is_active);

/* By number, for what is read from disk; the first makes one, NULL without memory. */
struct stream_consumer *group_insert_consumer(struct streams *streams, struct stream_group *group, uint64_t no,
                                              struct slice name);
struct stream_consumer *group_find_consumer_no(const struct stream_group *group, uint64_t no);
