/*
 * A limit on how long something may take without progress. It runs while there is something to wait for. Starting,
 * stopping and progress are cheap enough for every message.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "timer.h"

struct loop;

/* The limit is over. why: "timed out after 5s", valid during the call. */
typedef void deadline_cb(void *arg, const char *why);

struct deadline {
	struct timer timer;
	uint64_t limit; /* ms; 0: none */
	uint64_t since; /* loop_now() of the start or the last progress */
	bool running;
	deadline_cb *cb;
	void *arg;
};

/* limit in ms; 0: cb is never called. Starts stopped. */
void deadline_init(struct deadline *d, struct loop *loop, uint64_t limit, deadline_cb *cb, void *arg);
void deadline_deinit(struct deadline *d);

/* Starts it from now, or stops it; no-op where it already is so. */
void deadline_run(struct deadline *d, bool running);

/* ms until the limit is over; UINT64_MAX while it is stopped, or where there is none. */
uint64_t deadline_left(const struct deadline *d);

/* The limit counts from now; no-op while it is stopped. */
void deadline_progress(struct deadline *d);
