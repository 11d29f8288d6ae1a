/* The rules of streams, and what groups do by themselves because of them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stream-rule.h"

/* Other rules hold from now on; they stay the caller's, and must stay until the next call. */
void streams_set_rules(struct streams *streams, const struct stream_rules *rules);

/* Call in each pass: gives back what connections had that are gone, and what is due. */
void streams_advance(struct streams *streams);
/* Whether streams_advance() has something to do, which must not wait for an event. */
bool streams_have_work(const struct streams *streams);
/* Whether the next deadline changes when the clock of the machine is set: then call streams_advance() again. */
bool streams_want_clock(const struct streams *streams);
/* Until when there is nothing to do, but for clients: microseconds of CLOCK_MONOTONIC, or UINT64_MAX. */
uint64_t streams_next_deadline(const struct streams *streams);
