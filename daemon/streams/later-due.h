/* Adds delayed entries (later.h) to their streams when they are due. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "streams-data.h"

/* Adds what is due, up to a value of work.done; and whether there is more now, or until when there is none. */
void later_advance(struct streams *streams, uint64_t work_end);
bool later_have_work(const struct streams *streams);
/* In microseconds of CLOCK_MONOTONIC, as the clocks are now; or UINT64_MAX. */
uint64_t later_next_deadline(const struct streams *streams);
