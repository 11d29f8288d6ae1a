/* Limits for clients, from the configuration. */
#pragma once

#include <stdint.h>

/* Sizes in bytes, durations in milliseconds. */
struct limits {
	uint64_t max_clients, max_clients_per_uid;
	uint64_t max_message;
	uint64_t max_subscriptions, max_subscriptions_per_uid; /* the first one for each client */
	uint64_t max_patterns_per_uid;
	uint64_t queue_limit, queue_limit_per_uid; /* unsent output; the first one for each client */
	uint64_t slow_timeout;
	uint64_t idle_timeout; /* 0: no timeout */
};
