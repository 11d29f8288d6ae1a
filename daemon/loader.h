/*
 * Reads a new configuration while the loop goes on: a host, user or group name in it may take a name service a minute
 * to look up.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <event2/event_struct.h>

#include "buf.h"

struct config;
struct event_base;
struct options;

struct loader {
	struct event event;
	int fd;       /* an eventfd, or -1 */
	bool is_busy; /* until the result was given */
	bool has_thread;
	pthread_t thread;
	const struct options *options;
	struct config *config; /* the result, the thread's until it writes to fd */
	struct buf mistakes;
	/* Both results are the function's; config is NULL if there are mistakes. */
	void (*on_loaded)(void *arg, struct config *config, struct buf *mistakes);
	void *arg;
};

/* Returns 0 or -errno. */
int loader_init(struct loader *loader, struct event_base *base,
                void (*on_loaded)(void *arg, struct config *config, struct buf *mistakes), void *arg);

/* If it is busy, a thread still uses it and its options: the process has to end without freeing them. */
void loader_deinit(struct loader *loader);

bool loader_is_busy(const struct loader *loader);

/* Reads the configuration that the options ask for; on_loaded is called from the loop. It must not be busy. */
void loader_begin(struct loader *loader, const struct options *options);
