/*
 * Watches the socket files, which somebody may remove or replace while the daemon runs. Other changes in their
 * directories do not wake the daemon.
 */
#pragma once

#include <event2/event_struct.h>

struct event_base;

struct filewatch {
	int fd; /* inotify(7); -1: there is none, and nothing is watched */
	struct event event;
	void (*on_change)(void *arg);
	void *arg;
};

/* on_change: some watched file has changed; the caller finds out which. */
void filewatch_init(struct filewatch *watch, struct event_base *base, void (*on_change)(void *arg), void *arg);
void filewatch_deinit(struct filewatch *watch);

/* Watches the file until it is gone. Returns 0 or -errno. */
int filewatch_add(struct filewatch *watch, const char *path);
