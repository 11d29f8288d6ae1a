/*
 * A listener: one socket that accepts clients, with its mode. It may be a path, an abstract name, a TCP
 * address, or a socket that was handed over by the service manager.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "listener-config.h"
#include "sockfile.h"

struct event_base;
struct filewatch;
struct identity;
struct listener_owner;
struct loop;

/* Why a client was not accepted. */
enum listener_refusal {
	LISTENER_FULL,         /* there are max_clients */
	LISTENER_USER_FULL,    /* the identity's user has max_clients_per_uid */
	LISTENER_NO_RESOURCES, /* descriptors or memory have run out, as errno tells: none is to be accepted for a while
	                        */
};

/* What a listener needs of who has it. */
struct listener_owner {
	struct loop *loop;
	struct filewatch *watch;
	char error[256]; /* why one could last not be opened */
	void (*refused)(struct listener_owner *owner, enum listener_refusal why, const struct identity *identity);
};

struct listener {
	TAILQ_ENTRY(listener) link;
	struct listener_owner *owner;
	struct listener_config config;
	struct addr addr; /* one of the configuration's, or that of a socket that was handed over */
	struct conn_origin *origin;
	struct sockfile file;
	struct event event;
	struct conn *packets; /* that serves the socket if it is for datagrams; else NULL */
	bool is_handed_over;
	bool is_accepting;
};

TAILQ_HEAD(listener_list, listener);

/* Exit statuses a listener that cannot be opened asks for (sysexits.h). */
enum { LISTENER_E_CONFIG = 78, LISTENER_E_NO_PERMISSION = 77 };

/*
 * Opens one address of what the configuration describes. fd: a listening socket that was handed over, or -1. Returns 0,
 * or LISTENER_E_* after the reason was logged, or -ENOMEM.
 */
int listener_new(struct listener_owner *owner, const struct listener_config *config, const struct addr *addr, int fd,
                 struct listener **ret_listener);

/* Closes the socket and removes its file. Clients that have connected stay, and are accepted before. */
void listener_free(struct listener *listener);

/* Whether clients still find it: its socket file may have been removed or replaced. */
bool listener_is_in_place(const struct listener *listener);

/* Applies what may change while the address stays the same. */
void listener_update(struct listener *listener, const struct listener_config *config);

/* Accepts those that have connected; from then on clients find the socket no longer, but its path stays taken. */
void listener_retire(struct listener *listener);

/* Accepts or does not, for now. */
void listener_set_accepting(struct listener *listener, bool accepting);
