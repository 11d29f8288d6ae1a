/*
 * A rate limit: a token bucket that is refilled evenly. It holds the tokens of a fiftieth of a second, at least one;
 * that is the largest burst.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "timer.h"

struct loop;

struct rate {
	double per_ns; /* 0: no limit */
	double room;   /* tokens in the full bucket */
	double tokens;
	uint64_t at; /* loop_now_ns() when it was refilled */
	struct timer timer;
};

/* At most `count` events in `period` ms; count 0: no limit. The first event may happen at once. */
void rate_init(struct rate *r, uint64_t count, uint64_t period);

/* Whether an event may happen now. */
bool rate_is_ready(struct rate *r);

/* An event happened. */
void rate_spend(struct rate *r);

/* In how many ns the next event may happen; 0: now. */
uint64_t rate_wait(struct rate *r);

/* Needed for rate_allows(): gives it a timer and the callback. */
void rate_start(struct rate *r, struct loop *loop, timer_cb *cb, void *arg);
void rate_deinit(struct rate *r);

/* Whether an event may happen now; if not, cb is called when it may. */
bool rate_allows(struct rate *r);
