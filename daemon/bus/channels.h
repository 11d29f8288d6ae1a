/* All channels, found by name: those that somebody is subscribed to by name, and some others. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "hashtable.h"
#include "routing.h"
#include "siphash.h"

struct channels {
	struct siphash_key key;
	struct hashtable table; /* of all channels, and shard channels */
	struct routing routing;
	struct work *work;
	size_t bytes;                /* memory of all channels and patterns, without their receivers */
	struct channel_list named;   /* channels that somebody is subscribed to by name */
	struct channel_list unnamed; /* all others, oldest first */
	uint32_t n_unnamed;
	struct channel *candidate; /* of a name without channel, whose matches are searched for; or NULL */
	LIST_HEAD(, channel_walk) walks;
};

/* Stands before a channel, in a walk over several passes. */
struct channel_walk {
	LIST_ENTRY(channel_walk) link;
	struct channel *next; /* or NULL */
};

/* A walk over all channels, named ones first. One that comes or goes meanwhile may be left out or met twice. */
void channels_begin_walk(struct channels *channels, struct channel_walk *walk);
struct channel *channels_walk(struct channels *channels, struct channel_walk *walk); /* NULL: the walk has ended */
void channels_end_walk(struct channel_walk *walk);

/* Returns 0 or -errno. */
int channels_init(struct channels *channels, const struct access *access, struct work *work);

/* All subscriptions must be gone. */
void channels_deinit(struct channels *channels);

/* The channel of a name, not brought up to date; or NULL. */
struct channel *channels_find(const struct channels *channels, struct slice name, bool is_shard);

/* Likewise, but makes it if it does not exist; NULL when there is no memory. */
struct channel *channels_get(struct channels *channels, struct slice name, bool is_shard);

/*
 * The channel of a name, brought up to date. If it does not exist, it is made if anybody receives it or make is set;
 * else *ret_channel is NULL. Returns 0, -ENOMEM or ROUTING_E_MORE.
 */
int channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make,
                    struct channel **ret_channel);

/* Call when a channel has got its first subscriber by name; or has lost its last one, or is new. */
void channels_name(struct channels *channels, struct channel *channel);
void channels_unname(struct channels *channels, struct channel *channel);

/* Frees a channel without subscribers, if nobody waits for it. */
void channels_release(struct channels *channels, struct channel *channel);

/* Frees all unnamed channels that nobody waits for. */
void channels_forget_unnamed(struct channels *channels);
