/* What the configuration says of a listener. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "addr.h"
#include "mode.h"

#define LISTENER_NAME_MAX 32

struct listener_config {
	STAILQ_ENTRY(listener_config) link;
	char name[LISTENER_NAME_MAX];
	struct addr addr; /* len 0: not set */
	struct mode_options options;
	unsigned int socket_mode;
	uid_t socket_owner;  /* (uid_t)-1: as it comes */
	gid_t socket_group;  /* (gid_t)-1: as it comes */
	bool make_directory; /* the default socket's, where it is missing */
};

STAILQ_HEAD(listener_config_list, listener_config);
