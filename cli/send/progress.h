/*
 * Shows how far a long input has come: one line on the terminal, drawn again twice a second; where stderr is no
 * terminal, one more line every second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "timer.h"

struct loop;

enum progress_mode {
	PROGRESS_OFF,
	PROGRESS_AUTO, /* after 2 s, if stderr is a terminal and stdin is not; erased at the end */
	PROGRESS_ON,   /* at once; the last line stays */
};

struct progress_state {
	uint64_t messages, bytes; /* read */
	uint64_t answered;
	uint64_t reconnects;
};

typedef void progress_cb(void *arg, struct progress_state *ret_state);

struct progress {
	enum progress_mode mode;
	bool terminal;
	struct timer timer;    /* not initialised: nothing is ever shown */
	uint64_t started;      /* loop_now() */
	uint64_t at, answered; /* loop_now() and messages answered when it was last shown */
	double rate;           /* messages answered a second: a moving average, at the end the overall one */
	bool shown;
	progress_cb *cb;
	void *arg;
};

/* cb is called each time before the line is shown. */
void progress_init(struct progress *p, struct loop *loop, enum progress_mode mode, progress_cb *cb, void *arg);

/* Completes or erases the line. Takes a zeroed struct, too. */
void progress_deinit(struct progress *p);
