/*
 * The daemon as a whole: a loop, its listeners, signals, and the configuration that they come from.
 */
#pragma once

#include <stdbool.h>

#include <event2/event_struct.h>

#include "guard.h"
#include "listener.h"
#include "loop.h"

struct config;
struct options;

#define SERVER_N_SIGNALS 4

struct server {
	const struct options *options;
	struct config *config;
	struct loop loop;
	struct listener_list listeners;
	struct event signals[SERVER_N_SIGNALS];
	struct event accept_timer; /* accepts again after descriptors had run out */
	struct event stop_timer;   /* ends a graceful stop */
	struct guard guard;
	struct event restore_timer; /* tries again to put socket files back */
	bool is_blocked;            /* something stands where one of them belongs; that was logged */
	bool is_pausing;            /* does not accept for now */
	uint64_t accept_log_ms;     /* when it was last logged that clients wait or are refused; 0: never */
	bool is_stopping;
	bool is_done;
};

/* Takes over config. Returns 0, or an exit status after the reason was logged; then nothing is left open. */
int server_init(struct server *server, const struct options *options, struct config *config);

/* Serves until a signal ends it. */
void server_run(struct server *server);

/* Closes everything. */
void server_deinit(struct server *server);

/* Descriptors or memory have run out: accepts again when a client leaves, or after a while. */
void server_pause_accepting(struct server *server, int error);

/* A client was turned away since there are max_clients. */
void server_note_refused(struct server *server);

/* Likewise for a process of a user who has max_clients_per_uid. */
void server_note_user_refused(struct server *server, const struct identity *identity, const char *command);
