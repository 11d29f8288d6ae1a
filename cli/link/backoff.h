/*
 * How long to wait before trying again: twice as long each time, from 10 ms to 1 s, with jitter, so that
 * many clients of one daemon do not all come back in the same moment. Zero-initialised is the start.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_FIRST_MS 10u
#define BACKOFF_LAST_MS 1000u

struct backoff {
	unsigned int step; /* ms; the longest that the last delay could have been */
};

/*
 * The next delay in ms, between half of the step and the step; `random` is any number, and chooses
 * where in between.
 */
unsigned int backoff_next(struct backoff *b, uint32_t random);

void backoff_reset(struct backoff *b);
