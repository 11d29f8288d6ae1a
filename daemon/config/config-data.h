/* The values of a configuration. The rows of config-rows.c say where each key is stored in it. */
#pragma once

#include <stdint.h>

#include "access.h"
#include "limits.h"
#include "listener-config.h"
#include "service-rule.h"
#include "store-config.h"
#include "stream-rule.h"

/* What offsets are into: struct config, or for sections that have a name struct listener_config, access_rule,
 * service_rule or stream_rule. */
enum config_scope { SCOPE_CONFIG, SCOPE_LISTENER, SCOPE_CHANNEL, SCOPE_SERVICE, SCOPE_STREAM };

struct config {
	const char *path;          /* the file it was read from, or NULL; not owned */
	int log_level;             /* enum log_level */
	uint64_t shutdown_timeout; /* ms */
	struct limits limits;
	struct store_config store;
	struct access_list admins;          /* beside the daemon's own user */
	struct access_rules rules;          /* in the order of the file */
	struct service_rules service_rules; /* likewise */
	struct stream_rules stream_rules;
	struct listener_config_list listeners;
};
