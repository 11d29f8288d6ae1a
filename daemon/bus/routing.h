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

/* How many names that no pattern matches are remembered. */
#define ROUTING_UNMATCHED 1024

struct routing {
	struct pattern_index patterns;
	const struct access *access;
	struct work *work;
	const struct channel *pinned; /* the channel of the open batch, which must stay as it is; or NULL */
	struct channel_list matched;  /* channels that remember matches, those looked up last at the end */
	size_t match_bytes;           /* memory of the matches of all channels */
	uint64_t patterns_generation; /* is counted up when a pattern comes or goes */
	uint64_t members_generation;  /* is counted up with every change of a subscription or rule */
	/* The search for matches that was begun last and is not done; its channel has found a part of them. */
	struct {
		struct channel *channel; /* NULL: there is none */
		uint64_t generation;     /* the patterns for which it holds */
		struct pattern_cursor cursor;
	} search;
	/* Names, by their hashes, that none of the patterns of a generation matches. */
	struct {
		uint64_t hash, generation;
	} unmatched[ROUTING_UNMATCHED];
};

/* *bytes is counted up by the memory of the patterns. */
void routing_init(struct routing *routing, const struct siphash_key *key, const struct access *access,
                  struct work *work, size_t *bytes);

/* All patterns must have been removed. */
void routing_deinit(struct routing *routing);

/* The search for matches is not done: call again, in a later turn. */
#define ROUTING_E_MORE 1

/*
 * Brings up to date what the channel knows of its receivers. Returns 0, -ENOMEM or ROUTING_E_MORE. A search that is not
 * done is lost when another one begins, or a pattern comes or goes.
 */
int routing_update(struct routing *routing, struct channel *channel);

/* Goes on with the search that is not done, until work.done is `end`. Returns whether there is none any more. */
bool routing_search(struct routing *routing, uint64_t end);

/* Whether no pattern can match the name of a channel, as far as is known without a search. hash: of the name. */
bool routing_is_unmatched(const struct routing *routing, uint64_t hash);

/* Remembers that no pattern matches a name, until one comes. */
void routing_note_unmatched(struct routing *routing, uint64_t hash);

/* Call before a channel is freed. */
void routing_forget_matches(struct routing *routing, struct channel *channel);
