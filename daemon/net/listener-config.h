/* What the configuration says of a listener. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "addr.h"
#include "listener-mode.h"

#define LISTENER_NAME_MAX 32

struct listener_config {
	STAILQ_ENTRY(listener_config) link;
	char name[LISTENER_NAME_MAX];
	struct addr_list listen; /* each address has a listener of its own */
	struct mode_options options;
	unsigned int socket_mode;
	uid_t socket_owner; /* (uid_t)-1: as it comes */
	gid_t socket_group; /* (gid_t)-1: as it comes */
	/* It is not configured, but the default: its directory is made, and handed over sockets take its place. */
	bool is_default;
};

STAILQ_HEAD(listener_config_list, listener_config);
