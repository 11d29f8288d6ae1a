/*
 * The signals that stop the daemon (SIGTERM, SIGINT, SIGQUIT) or reload it (SIGHUP). They are counted when they come,
 * however busy the loop is, and handled when it looks.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

struct event_base;

struct signals {
	struct event event; /* wakes the loop */
	int fd;             /* an eventfd, or -1 */
};

/* Whether signals have come that signals_next() has not returned yet. */
extern volatile sig_atomic_t signals_pending;

/*
 * Catches the signals. SIGHUP, SIGINT and SIGQUIT stay ignored if they are, as nohup(1) and shells start programs that
 * are to outlive their terminal. Returns 0 or -errno.
 */
int signals_init(struct signals *signals, struct event_base *base);
void signals_deinit(struct signals *signals);

/* Sets how long a stop may take. A second beyond that, a process that is still there ends without cleaning up. */
void signals_set_patience(uint64_t ms);

/* Returns the number of a signal that has come, and takes it off; 0: there is none. */
int signals_next(void);

/* Counts a stop that no signal has asked for, or SIGHUP. */
void signals_count_stop(void);

/* Whether a second stop was asked for: the daemon is to end at once. */
bool signals_are_urgent(void);
