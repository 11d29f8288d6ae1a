/*
 * Lets a loop turn: each turn handles what the kernel reported, then ends the pass (pass.h). A tick looks at timeouts
 * (timeouts.h) and returns spare memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "alarm.h"
#include "clock-watch.h"
#include "loop.h"
#include "stop.h"

struct turn {
	struct loop *loop;
	struct stop stop;
	struct event tick; /* while something has to be looked at again by time */
	bool is_ticking;
	uint64_t tick_due_ms;
	uint64_t last_sweep_ms;
	struct alarm deadline;    /* the next one of services, streams and replays */
	struct clock_watch clock; /* while entries wait for a time of day */
	bool has_no_alarm;        /* these are looked at with each tick instead */
	uint64_t trim_after_ms;   /* when the heap may be trimmed again */
};

void turn_init(struct turn *turn, struct loop *loop);

/* Closes what is still connected; the log says how much of its output is lost. */
void turn_deinit(struct turn *turn);

/* One turn; blocks until something happens. */
void turn_once(struct turn *turn);

/* What a turn ends with; for what was done outside of one. */
void turn_end_pass(struct turn *turn);
