/*
 * Watches socket files: somebody may remove or replace one under a running daemon. Nothing else that happens in
 * their directories wakes it.
 */
#pragma once

#include <event2/event_struct.h>

struct event_base;

struct filewatch {
	int fd; /* inotify(7); -1: not to be had, and nothing is watched */
	struct event event;
	void (*on_change)(void *arg);
	void *arg;
};

/* on_change: something happened to a watched file; which one, the caller looks for itself. */
void filewatch_init(struct filewatch *watch, struct event_base *base, void (*on_change)(void *arg), void *arg);
void filewatch_deinit(struct filewatch *watch);

/* Watches the file until it is gone. Returns 0 or -errno. */
int filewatch_add(struct filewatch *watch, const char *path);
