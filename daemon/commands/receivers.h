/*
 * Who receives a channel, by name or by patterns, at one moment: for a list of clients, which is made in turns, while
 * channels and subscriptions may go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "protocol.h"

struct receivers {
	size_t n;
	uint64_t ids[]; /* of the clients, ascending */
};

/*
 * Finds those that may receive it; there may be none. The caller frees *ret_receivers. Returns 0, -ENOMEM, or
 * ROUTING_E_MORE if that goes on in a later turn.
 */
int receivers_find(struct bus *bus, struct slice channel, struct receivers **ret_receivers);

bool receivers_include(const struct receivers *receivers, uint64_t id);
