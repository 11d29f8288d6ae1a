/*
 * The policies for slow receivers: what becomes of a message to a channel that a clogged client receives. All decisions
 * that depend on the channel's policy are here. Channels must be up to date.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "flow.h"
#include "output-limit.h"

/* How many receivers of the channel are clogged. */
uint32_t slow_policy_count_clogged(struct flow *flow, struct channel *channel);

/* Whether a publisher has to wait with a payload of this length until a receiver is no longer clogged. */
bool slow_policy_must_wait(struct flow *flow, struct channel *channel, size_t len);

/* Whether a publisher has to wait until the sockets of clogged receivers have been tried, which may be about to read.
 */
bool slow_policy_must_try(struct flow *flow, struct channel *channel);

/* How many receivers a payload of this length goes to now. */
uint64_t slow_policy_count_receivers(struct flow *flow, struct channel *channel, size_t len);

/* Whether the receiver misses a message, or gets it later. is_large: the message has its own chunk. */
static inline bool
slow_policy_withholds(int slow, const struct client *c, bool is_large)
{
	return (slow == SLOW_DROP || slow == SLOW_STORE) && output_limit_is_reached(c, is_large);
}

/* Whether the receiver is to be disconnected, after a message was queued for it. */
static inline bool
slow_policy_disconnects(int slow, const struct client *c)
{
	return slow == SLOW_DISCONNECT && c->clogged;
}
