/* How much of its stream a group has read. */
#pragma once

#include "group.h"

/* Entries were read for the group up to `id`: sets last and entries_read. Call it for each entry in turn. */
void group_lag_advance(struct streams *streams, struct stream_group *group, struct stream_id id);

/* How many of the entries ever added have ids up to `id`, as Redis estimates it; or GROUP_READ_UNKNOWN. */
uint64_t group_lag_estimate_read(const struct stream *stream, struct stream_id id);

/* XSETID has set how many entries were ever added: groups have not read more. */
void group_lag_limit(struct streams *streams, struct stream *stream);

/* Entries that the group has not been given yet. Returns false if that is not known without counting them. */
bool group_lag_get(const struct stream_group *group, int64_t *ret_lag);
