/*
 * A limit of so many events in a time: a bucket that holds what may happen in a fiftieth of a second, at
 * least one, and is filled evenly.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event;
struct loop;

typedef void rate_cb(void *arg);

struct rate {
	double per_ns; /* 0: no limit */
	double room;   /* of the bucket */
	double tokens;
	uint64_t at; /* loop_now_ns() when it was filled */
	struct event *timer;
	rate_cb *cb;
	void *arg;
};

/* At most `count` events in `period` ms; count 0: no limit. The first may happen at once. */
void rate_init(struct rate *r, uint64_t count, uint64_t period);

/* Whether one may happen now. */
bool rate_is_ready(struct rate *r);

/* It happened. */
void rate_spend(struct rate *r);

/* In how many nanoseconds the next may happen; 0: now. */
uint64_t rate_wait(struct rate *r);

/* From now on rate_allows() has cb called when the answer is another. */
void rate_start(struct rate *r, struct loop *loop, rate_cb *cb, void *arg);
void rate_deinit(struct rate *r);

/* Whether one may happen now; if not, cb is called when it may. */
bool rate_allows(struct rate *r);
