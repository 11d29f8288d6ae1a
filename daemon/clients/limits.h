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

#define LIMITS_DAY ((uint64_t)24 * 3600 * 1000)
#define LIMITS_GIB ((uint64_t)1 << 30)

/*
 * A row for each limit: X(member, type, default, least, most). The configuration file sets, and CONFIG GET shows, each
 * under the name of its member. The type is COUNT, SIZE or DURATION; the default is written as in the file.
 */
/* clang-format off */
#define LIMITS_ROWS(X)                                                                                                 \
	X(max_clients, COUNT, "20000", 1, 1000000)                                                                     \
	X(max_clients_per_uid, COUNT, "10000", 1, 1000000)                                                             \
	X(max_message, SIZE, "16M", 1024, LIMITS_GIB)                                                                  \
	X(max_subscriptions, COUNT, "10000", 1, 10000000)                                                              \
	X(max_subscriptions_per_uid, COUNT, "1000000", 1, 100000000)                                                   \
	X(max_patterns_per_uid, COUNT, "10000", 0, 10000000)                                                           \
	X(queue_limit, SIZE, "8M", 4096, LIMITS_GIB)                                                                   \
	X(queue_limit_per_uid, SIZE, "256M", 4096, 64 * LIMITS_GIB)                                                    \
	X(slow_timeout, DURATION, "5s", 0, LIMITS_DAY)                                                                 \
	X(idle_timeout, DURATION, "0", 0, LIMITS_DAY)
/* clang-format on */

#define LIMITS_COUNT_ROW(member, type, initial, min, max) +1
_Static_assert(sizeof(struct limits) == (LIMITS_ROWS(LIMITS_COUNT_ROW)) * sizeof(uint64_t),
               "each limit is a uint64_t and has a row");
