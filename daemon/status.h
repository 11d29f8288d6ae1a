/*
 * The line that the service manager shows of the daemon (STATUS= of sd_notify(3)): clients, messages, and whether the
 * last reload failed. It follows what happens, at most once in STATUS_INTERVAL_MS; an idle daemon sends nothing.
 *
 * A manager that does not read for a while does not stop the daemon: a line that its socket does not take is left out,
 * READY and RELOADING are sent again until it takes them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "stats.h"

struct loop;

#define STATUS_INTERVAL_MS 2000

/* How long after a full socket it is tried again. */
#define STATUS_RETRY_MS 100

struct status {
	struct loop *loop;
	struct event timer; /* runs for a while after each line */
	struct stats told;  /* as of the last line */
	uint64_t told_ms;   /* when that was */
	uint64_t rate;      /* messages in a second, as told */
	bool is_on;         /* there is a service manager */
	bool is_waiting;    /* the timer runs */
	bool owes_ready;    /* READY=1 could not be sent yet */
	/* When the reload began whose RELOADING=1 could not be sent yet, in microseconds of the monotonic clock; or 0.
	 */
	uint64_t owes_reloading_us;
};

void status_init(struct status *status, struct loop *loop);

/* From then on nothing is told. */
void status_deinit(struct status *status);

/* After each pass: tells what has changed, or leaves it to the timer. */
void status_update(struct status *status);

/* Tells RELOADING=1. status_ready() follows. */
void status_reloading(struct status *status);

/* Tells READY=1 and the line: it has started, or a reload is over. */
void status_ready(struct status *status);
