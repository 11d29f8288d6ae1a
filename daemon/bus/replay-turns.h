/* Gives receivers that are behind their messages from the store, until they have caught up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bus;

/* Call at the end of each pass, when the open batch is delivered and before output is written. */
void replays_advance(struct bus *bus);

/* Whether replays_advance() has something to do, which must not wait for an event. */
bool replays_have_work(const struct bus *bus);

/* When it has, if not now: microseconds of CLOCK_MONOTONIC, or UINT64_MAX. */
uint64_t replays_next_deadline(const struct bus *bus);
