/*
 * A call at a moment of the monotonic clock, exact to a fraction of a millisecond: libevent's own timers look at a
 * clock that may stand still for four. Takes no descriptor until it is set for the first time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

struct event_base;

struct alarm {
	struct event_base *base;
	struct event event;
	int fd;          /* a timerfd; or -1 */
	uint64_t due_us; /* of CLOCK_MONOTONIC; UINT64_MAX: it is not set */
	void (*callback)(void *arg);
	void *arg;
};

void alarm_init(struct alarm *alarm, struct event_base *base, void (*callback)(void *arg), void *arg);
void alarm_deinit(struct alarm *alarm);

/*
 * Sets it to a moment, unless it is due earlier anyway: whoever is called looks at what is due, and sets it again. So a
 * moment that moves away costs nothing. UINT64_MAX: no-op. Returns false if nobody will be called, for lack of a
 * descriptor.
 */
bool alarm_set(struct alarm *alarm, uint64_t due_us);
