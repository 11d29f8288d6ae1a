/*
 * A listener: one socket that accepts clients, with its mode. It may be a path, an abstract name, a TCP
 * address, or a socket that was handed over by the service manager.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "admission.h"
#include "listener-config.h"
#include "sockfile.h"

struct event_base;
struct filewatch;
struct listener_owner;
struct loop;

/* The list that a listener belongs to, as far as the listener sees it. */
struct listener_owner {
	struct loop *loop;
	struct filewatch *watch;
	char error[256];            /* why a listener could not be opened last */
	admission_refused *refused; /* is called with the owner */
};

struct listener {
	TAILQ_ENTRY(listener) link;
	struct listener_owner *owner;
	struct listener_config config;
	struct addr addr; /* one of the configuration's, or that of a socket that was handed over */
	struct conn_origin *origin;
	struct sockfile file;
	struct event event;
	struct conn *packets; /* serves a datagram socket; else NULL */
	bool is_handed_over;
	bool is_accepting;
};

TAILQ_HEAD(listener_list, listener);

/* Exit statuses for listeners that cannot be opened (sysexits.h). */
enum { LISTENER_E_CONFIG = 78, LISTENER_E_NO_PERMISSION = 77 };

/*
 * Opens one address of what the configuration describes. fd: a listening socket that was handed over, or -1. Returns 0,
 * or LISTENER_E_* after the reason was logged, or -ENOMEM.
 */
int listener_new(struct listener_owner *owner, const struct listener_config *config, const struct addr *addr, int fd,
                 struct listener **ret_listener);

/* Accepts the clients that have connected, which stay; closes the socket and removes its file. */
void listener_free(struct listener *listener);

/* Whether clients still find it: somebody may have removed or replaced its socket file. */
bool listener_is_in_place(const struct listener *listener);

/* Applies a new configuration with the same address. */
void listener_update(struct listener *listener, const struct listener_config *config);

/* Accepts the clients that have connected, and refuses further ones. The file is removed, but stays locked. */
void listener_retire(struct listener *listener);

/* Makes it accept clients, or pauses it. */
void listener_set_accepting(struct listener *listener, bool accepting);
