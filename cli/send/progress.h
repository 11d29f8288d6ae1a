/*
 * How far a long input is: a line on the terminal that is drawn again twice a second, or, where stderr is
 * none, a line a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event;
struct loop;

enum progress_mode {
	PROGRESS_OFF,
	PROGRESS_AUTO, /* on a terminal, when it has taken 2 seconds and stdin is no terminal; erased at the end */
	PROGRESS_ON,   /* at once; the last line stays */
};

struct progress_state {
	uint64_t messages, bytes; /* taken */
	uint64_t answered;
	uint64_t reconnects;
};

typedef void progress_cb(void *arg, struct progress_state *ret_state);

struct progress {
	enum progress_mode mode;
	bool terminal;
	struct event *timer; /* NULL: never on */
	uint64_t started;
	uint64_t at, answered; /* when it was shown last, and what then */
	double rate;           /* messages answered in a second: lately, or at the end in all */
	bool shown;
	progress_cb *cb;
	void *arg;
};

/* cb is asked when it is time. */
void progress_init(struct progress *p, struct loop *loop, enum progress_mode mode, progress_cb *cb, void *arg);

/* Completes or erases the line. Takes what was only zeroed. */
void progress_deinit(struct progress *p);
