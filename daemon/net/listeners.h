/*
 * All listeners of the daemon: opening and closing them as the configuration says, putting back socket files that were
 * removed, and pausing when no more clients can be served.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "filewatch.h"
#include "listener.h"
#include "log.h"

struct listeners {
	struct listener_owner owner;               /* first */
	const struct listener_config_list *config; /* as of listeners_update() */
	struct listener_list list;
	struct event accept_timer;   /* accepts again after descriptors had run out */
	bool is_pausing;             /* does not accept for now */
	struct log_limit accept_log; /* of lines that clients wait or are refused */
	struct filewatch watch;
	struct event restore_timer; /* tries again to put socket files back */
	bool is_blocked;            /* something stands where one of them belongs; that was logged */
	bool is_retired;            /* the daemon stops */
};

/* The loop outlives them. */
void listeners_init(struct listeners *listeners, struct loop *loop);

/* Closes all. */
void listeners_deinit(struct listeners *listeners);

/* Opens those of the configured listeners that are not open yet: all, or none. Returns 0 or an exit status. */
int listeners_open(struct listeners *listeners, const struct listener_config_list *config);

/*
 * Opens one, or takes over fd, a socket that was handed over, or -1; adds it to the list. Returns 0 or an exit status,
 * after the reason was logged.
 */
int listeners_open_one(struct listeners *listeners, const struct listener_config *config, const struct addr *addr,
                       int fd, struct listener_list *list);

/* The configured listener of an address, or else of a name, which may be NULL; or NULL. */
const struct listener_config *listeners_find_config(const struct listener_config_list *config, const struct addr *addr,
                                                    const char *name);

/*
 * The configuration holds from now on, until the next call: closes the listeners that it does not have, and brings
 * the others up to date.
 */
void listeners_update(struct listeners *listeners, const struct listener_config_list *config);

/* Closes the listeners that keep configured ones from being opened: with another type, or address for the port. */
void listeners_make_way(struct listeners *listeners, const struct listener_config_list *config);

/* Closes the listeners that clients cannot find any more. */
void listeners_close_lost(struct listeners *listeners);

/* Closes lost listeners and reopens them, now or once their paths are free. */
void listeners_restore(struct listeners *listeners);

/* Calls listener_retire() for all. */
void listeners_retire(struct listeners *listeners);
