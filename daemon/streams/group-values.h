/*
 * What a client has set for one group (UDSD GROUP). It stands before the rule of the stream (stream-rule.h); what is
 * not set comes from there. Most groups have no values of their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream-rule.h"

enum group_value {
	GROUP_REDELIVER = 1 << 0,
	GROUP_RETRY_DELAY = 1 << 1,
	GROUP_MAX_DELIVERIES = 1 << 2,
	GROUP_DEAD_LETTER = 1 << 3,
	GROUP_CONSUMER_TIMEOUT = 1 << 4,
	GROUP_PAUSED = 1 << 5,
};
#define GROUP_VALUES_ALL ((1 << 6) - 1)

struct group_values {
	uint64_t set; /* of enum group_value: those that were */
	struct stream_delivery own;
	bool is_paused; /* gives nothing to those who ask for new entries */
	/* For group_delivery(): both together, as of a rule and a generation. */
	struct stream_delivery merged;
	const struct stream_rule *rule;
	uint64_t generation;
};

/* For group_delivery(). */
const struct stream_delivery *group_values_merge(struct streams *streams, struct stream *stream,
                                                 struct group_values *values);

/* What holds for a group of the stream; values: those of the group, or NULL. Valid until rules or values change. */
static inline const struct stream_delivery *
group_delivery(struct streams *streams, struct stream *stream, struct group_values *values)
{
	return values ? group_values_merge(streams, stream, values) : &stream_rule(streams, stream)->delivery;
}

/* The values as they are on disk: at most so many bytes. group_values_get() returns false if they are damaged. */
#define GROUP_VALUES_BYTES (PROTOCOL_NAME_MAX + (8 + STREAM_DELAYS_MAX) * (size_t)10)
uint8_t *group_values_put(uint8_t *p, const struct group_values *values);
bool group_values_get(const uint8_t **p, const uint8_t *end, struct group_values *ret_values);
