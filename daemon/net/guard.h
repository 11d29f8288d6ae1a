/*
 * Watches socket files: somebody may remove or replace one under a running daemon. Nothing else that happens in
 * their directories wakes it.
 */
#pragma once

#include <event2/event_struct.h>

struct event_base;

struct guard {
	int fd; /* inotify(7); -1: not to be had, and nothing is watched */
	struct event event;
	void (*on_change)(void *arg);
	void *arg;
};

/* on_change: something happened to a watched file; which one, the caller looks for itself. */
void guard_init(struct guard *guard, struct event_base *base, void (*on_change)(void *arg), void *arg);
void guard_deinit(struct guard *guard);

/* Watches the file until it is gone. Returns 0 or -errno. */
int guard_watch(struct guard *guard, const char *path);
