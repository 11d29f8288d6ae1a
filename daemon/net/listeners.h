/*
 * All listeners of the daemon: opening and closing them as the configuration says, taking over sockets from the
 * service manager, putting back socket files that were removed, and pausing when no more clients can be served.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "guard.h"
#include "listener.h"
#include "log.h"

struct listeners {
	struct listener_owner owner;               /* first */
	const struct listener_config_list *config; /* as of listeners_update() */
	struct listener_list list;
	struct event accept_timer;   /* accepts again after descriptors had run out */
	bool is_pausing;             /* does not accept for now */
	struct log_limit accept_log; /* of lines that clients wait or are refused */
	struct guard guard;
	struct event restore_timer; /* tries again to put socket files back */
	bool is_blocked;            /* something stands where one of them belongs; that was logged */
	bool is_retired;            /* the daemon stops */
};

/* The loop outlives them. */
void listeners_init(struct listeners *listeners, struct loop *loop);

/* Closes all. */
void listeners_deinit(struct listeners *listeners);

/* Takes over the sockets that the service manager handed over. Returns 0 or an exit status. */
int listeners_adopt(struct listeners *listeners, const struct listener_config_list *config);

/* Opens those of the configured listeners that are not open yet: all, or none. Returns 0 or an exit status. */
int listeners_open(struct listeners *listeners, const struct listener_config_list *config);

/*
 * The configuration holds from now on, until the next call: closes the listeners that it does not have, and brings
 * the others up to date.
 */
void listeners_update(struct listeners *listeners, const struct listener_config_list *config);

/* Closes the listeners whose sockets are to be of another type. */
void listeners_close_changed(struct listeners *listeners, const struct listener_config_list *config);

/* Closes the listeners that clients cannot find any more. */
void listeners_close_lost(struct listeners *listeners);

/* Closes lost listeners and reopens them, now or once their paths are free. */
void listeners_restore(struct listeners *listeners);

/* Clients find no socket any more, but their paths stay taken. */
void listeners_retire(struct listeners *listeners);
