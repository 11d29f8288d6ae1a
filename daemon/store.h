/* The store of a running daemon: opens it, and lets the loop know of what is durable. */
#pragma once

#include <stdbool.h>

#include <event2/event_struct.h>

#include "config-data.h"
#include "loop.h"
#include "streams.h"

struct store {
	struct loop *loop;
	struct streams streams;
	struct event event; /* the storage thread has done something */
	bool is_open;
	char directory[STORE_PATH_MAX + 1];
};

/*
 * Opens the store that the configuration names, if it names one, and loads it. Returns 0, or an exit status after the
 * reason was logged.
 */
int store_open(struct store *store, struct loop *loop, const struct config *config);

/* Other limits and rules hold from now on; the rules stay the configuration's. The directory stays the same. */
void store_configure(struct store *store, const struct config *config);

/*
 * The daemon is about to stop: what waits for commit_delay waits no longer. Connections end, but their clients live,
 * and go on with the entries that they have: these are kept for them.
 */
void store_stop(struct store *store, const struct store_config *config);

/* Makes durable what was changed, and closes the store. All clients must be gone. */
void store_close(struct store *store);
