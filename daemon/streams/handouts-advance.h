/* What becomes of entries that are due, and of those whose connection or group is gone: see handouts.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "streams-data.h"

/* All streams are gone, and all holders have ended. */
void handouts_deinit_all(struct streams *streams);

/* Does what is due, up to a value of work.done; and whether there is more, but for what is due at a later time. */
void handouts_advance(struct streams *streams, uint64_t work_end);
bool handouts_have_work(const struct streams *streams);
/* The next time at which something is due, in microseconds of CLOCK_MONOTONIC; or UINT64_MAX. */
uint64_t handouts_next_deadline(const struct streams *streams);
