/*
 * Routing: finds the receivers of a channel, by the patterns that match its name and by the rules of access. The
 * channel remembers them; they are looked up again only after something has changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "pattern.h"
#include "work.h"

struct routing {
	struct pattern_index patterns;
	const struct access *access;
	struct work *work;
	const struct channel *pinned; /* the channel of the open batch, which must stay as it is; or NULL */
	struct channel_list matched;  /* channels that remember matches, those looked up last at the end */
	size_t match_bytes;           /* memory of the matches of all channels */
	uint64_t patterns_generation; /* is counted up when a pattern comes or goes */
	uint64_t members_generation;  /* is counted up with every change of a subscription or rule */
};

/* *bytes is counted up by the memory of the patterns. */
void routing_init(struct routing *routing, const struct siphash_key *key, const struct access *access,
                  struct work *work, size_t *bytes);

/* All patterns must have been removed. */
void routing_deinit(struct routing *routing);

/* Brings up to date what the channel knows of its receivers. Returns 0 or -ENOMEM. */
int routing_update(struct routing *routing, struct channel *channel);

/* Whether a pattern matches a name. */
bool routing_has_match(struct routing *routing, struct slice name);

/* Call before a channel is freed. */
void routing_forget_matches(struct routing *routing, struct channel *channel);
