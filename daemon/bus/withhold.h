/* What a receiver does not get now: it misses it, or gets it later from the store. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "replay.h"

struct missed_table;

/* The messages of a batch, as they go one way. */
struct withheld {
	struct missed_table *missed;
	struct replays *replays;
	struct channel *channel;
	uint32_t way;
	uint32_t messages;
	bool is_large;
	struct replay_place stored_before; /* the last entry of the stream before the first of them */
};

/* Whether the receiver does not get the messages now, by the policy of the channel or since it gets it from the store.
 */
bool withhold_messages(const struct withheld *withheld, struct client *c);
