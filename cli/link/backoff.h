/*
 * How long to wait before the next attempt to connect: exponential backoff from 10 ms to 1 s, with jitter, so that the
 * clients of a daemon that was restarted do not all come back at the same moment. Zero-initialised is the start.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_FIRST_MS 10u
#define BACKOFF_LAST_MS 1000u

struct backoff {
	unsigned int step; /* ms; upper bound of the last delay; 0 at the start */
};

/* The next delay in ms. `random`, any number, chooses it between half of the step and the step. */
unsigned int backoff_next(struct backoff *b, uint32_t random);

void backoff_reset(struct backoff *b);
