/*
 * Tells when the clock of the machine is set, so that what waits for a time of day need not look at it again and again.
 * Takes no descriptor until it is opened.
 */
#pragma once

#include <stdbool.h>

#include <event2/event_struct.h>

struct event_base;

struct clock_watch {
	struct event_base *base;
	struct event event;
	int fd; /* a timerfd; or -1 */
	void (*callback)(void *arg);
	void *arg;
};

void clock_watch_init(struct clock_watch *watch, struct event_base *base, void (*callback)(void *arg), void *arg);
void clock_watch_deinit(struct clock_watch *watch);

/* Begins to watch, unless it does already. Returns false if it cannot, for lack of a descriptor. */
bool clock_watch_open(struct clock_watch *watch);
