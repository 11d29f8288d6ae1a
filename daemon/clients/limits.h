/* What clients may have and use, as the configuration says. */
#pragma once

#include <stdint.h>

/* Bytes; durations in milliseconds. */
struct limits {
	uint64_t max_clients, max_clients_per_uid;
	uint64_t max_message;
	uint64_t max_subscriptions, max_subscriptions_per_uid; /* the former per client */
	uint64_t max_patterns_per_uid;
	uint64_t queue_limit, queue_limit_per_uid; /* unsent output; the former per client */
	uint64_t slow_timeout;
	uint64_t idle_timeout; /* 0: none */
};
