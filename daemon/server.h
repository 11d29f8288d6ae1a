/*
 * The daemon as a whole: a loop, its listeners, signals, and the configuration that they come from.
 */
#pragma once

#include <stdbool.h>

#include <event2/event_struct.h>

#include "client.h"
#include "listeners.h"
#include "loader.h"
#include "loop.h"
#include "signals.h"
#include "status.h"
#include "store.h"
#include "turn.h"

struct config;
struct options;

struct server {
	const struct options *options;
	struct config *config;
	struct loop loop;
	struct turn turn;
	struct store store;
	struct listeners listeners;
	struct signals signals;
	struct loader loader;
	bool wants_reload;                /* was asked for, and has not begun */
	struct client_list reloading_for; /* clients that the reload that goes on was asked for by */
	struct event stop_timer;          /* ends a graceful stop */
	struct event watchdog_timer;
	uint64_t watchdog_ms; /* between signs of life; 0: none are wanted */
	struct status status;
	bool is_stopping;
	bool is_done;
};

/* Takes over config. Returns 0, or an exit status after the reason was logged; then nothing is left open. */
int server_init(struct server *server, const struct options *options, struct config *config);

/* Waits until something happens, and handles it. is_done afterwards: the daemon is to end. */
void server_turn(struct server *server);

/* Serves until a signal ends it. */
void server_run(struct server *server);

/* Closes everything. */
void server_deinit(struct server *server);
