/*
 * Consumers that do nothing for consumer_timeout are removed (stream-rule.h), and what they had is released. One that
 * waits for entries does something. Nobody counts as idle since a time at which the daemon did not run, or since before
 * the clock was set.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "group.h"

/* Call when the group has got a consumer, or other values hold for it. */
void group_idle_watch(struct streams *streams, struct stream_group *group);

/* Removes who is idle, up to a value of work.done; and whether there is more now, or until when there is none. */
void group_idle_advance(struct streams *streams, uint64_t work_end);
bool group_idle_have_work(const struct streams *streams);
/* In microseconds of CLOCK_MONOTONIC, or UINT64_MAX. */
uint64_t group_idle_next_deadline(const struct streams *streams);
