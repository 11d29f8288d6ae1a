/* The values of a configuration. The rows of config-rows.c say where each key is stored in it. */
#pragma once

#include <stdint.h>

#include "access.h"
#include "limits.h"
#include "listener-config.h"
#include "store-config.h"
#include "stream-rule.h"

struct config {
	const char *path;          /* the file it was read from, or NULL; not owned */
	int log_level;             /* enum log_level */
	uint64_t shutdown_timeout; /* ms */
	struct limits limits;
	struct store_config store;
	struct access_list admins;        /* beside the daemon's own user */
	struct access_rules rules;        /* in the order of the file */
	struct stream_rules stream_rules; /* likewise */
	struct listener_config_list listeners;
};
