/*
 * Channels and who receives them. A channel remembers the patterns that match its name; they are looked up again only
 * after patterns have come or gone. Receivers reach it by different ways: way 0 is the channel itself, every other way
 * one of the patterns. Who is subscribed in several ways gets a message in each of them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access.h"
#include "client.h"
#include "pattern.h"
#include "protocol.h"
#include "recvset.h"
#include "siphash.h"
#include "hashtable.h"
#include "work.h"

/*
 * From this length on, in bytes, a payload has a chunk of its own, which is shared and never copied; a shorter one,
 * too, if its copies for all ways would take more than BATCH_COPIES_MAX.
 */
#define BATCH_LARGE ((size_t)16 * 1024)
#define BATCH_COPIES_MAX ((size_t)256 * 1024)

/* A pattern that matches a channel, and the head of messages that are delivered through it. */
struct match {
	struct pattern *pattern;
	char *head; /* owned by the channel */
	uint32_t head_len;
};

struct channel {
	struct hashtable_node node;
	struct recvset receivers; /* subscribed to the channel by name */
	struct match *matches;
	uint32_t n_matches;
	uint32_t heads_len;  /* bytes of one message's heads, in all ways together */
	uint32_t n_total;    /* receivers in all ways, without those that may not receive it */
	uint32_t large_from; /* payloads from this length on, in bytes, are shared and not copied; see BATCH_LARGE */
	uint32_t n_clogged;  /* of these; valid while flow.clog_generation is clog_generation */
	/* Messages: published; queued for a receiver, once for each; not queued for one, as the policy is to drop. */
	uint64_t messages, deliveries, dropped;
	bool is_shard;      /* a name space of its own, which patterns do not match */
	bool overlap;       /* some client receives the channel in more than one way */
	bool is_restricted; /* its rule says who may receive it */
	const struct access_rule *rule;
	uint64_t patterns_generation, members_generation, clog_generation;
	TAILQ_ENTRY(channel) link;         /* in `named` or `unnamed` */
	TAILQ_ENTRY(channel) matched_link; /* in `matched`, while n_matches > 0 */
	struct client_list waiters;        /* publishers that wait for a receiver */
	uint32_t name_len, name_offset, head_len;
	/* What stands before each payload, for RESP2: "*3\r\n$7\r\nmessage\r\n$LEN\r\nNAME\r\n", or smessage. */
	char head[];
};

struct channels {
	struct siphash_key key;
	struct hashtable table; /* of all channels, and shard channels */
	struct pattern_index patterns;
	const struct access *access;
	struct work *work;
	const struct channel *pinned;            /* the channel of the open batch, which must stay as it is; or NULL */
	size_t bytes;                            /* memory of all channels and patterns, without their receivers */
	size_t match_bytes;                      /* of the matches of all channels */
	uint64_t patterns_generation;            /* is counted up when a pattern comes or goes */
	uint64_t members_generation;             /* is counted up with every change of a subscription or rule */
	TAILQ_HEAD(channel_list, channel) named; /* channels that somebody is subscribed to by name */
	struct channel_list unnamed;             /* all others, oldest first */
	struct channel_list matched;             /* channels that remember matches, those looked up last at the end */
	uint32_t n_unnamed;
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
 * else *ret_channel is NULL. Returns 0 or -ENOMEM.
 */
int channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make,
                    struct channel **ret_channel);

/* Brings up to date what the channel knows of its receivers. Returns 0 or -ENOMEM. */
int channels_update(struct channels *channels, struct channel *channel);

/* Call when a channel has got its first subscriber by name; or has lost its last one, or is new. */
void channels_name(struct channels *channels, struct channel *channel);
void channels_unname(struct channels *channels, struct channel *channel);

/* Frees a channel without subscribers, if nobody waits for it. */
void channels_release(struct channels *channels, struct channel *channel);

/* Frees all unnamed channels that nobody waits for. */
void channels_forget_unnamed(struct channels *channels);

/* How many receivers of an up-to-date channel are clogged. clog_generation: of the flow. */
uint32_t channel_count_clogged(struct channel *channel, uint64_t clog_generation, struct work *work);

/* Likewise, with those for which just large messages are dropped now; see output_drops(). */
uint32_t channel_count_clogged_for_large(const struct channel *channel, struct work *work);

/* Whether one of the receivers is the client's own, see client_is_own(). */
bool channel_is_received_by(const struct channel *channel, const struct client *c);

/* Whether the client may receive the channel: a pattern may match channels that its subscriber may not read. */
static inline bool
channel_admits(const struct channel *channel, const struct client *c)
{
	return !channel->is_restricted || access_list_admits(&channel->rule->subscribe, &c->identity);
}

static inline struct slice
channel_name(const struct channel *channel)
{
	return (struct slice){ (const uint8_t *)channel->head + channel->name_offset, channel->name_len };
}

static inline bool __attribute__((always_inline))
channel_is(const struct channel *channel, struct slice name, bool is_shard)
{
	return channel->name_len == name.len && channel->is_shard == is_shard &&
	       slice_is(name, (const uint8_t *)channel->head + channel->name_offset);
}

/* The receivers that way i leads to: 0 is the channel's name, the others are its matches. */
static inline const struct recvset *
channel_way(const struct channel *channel, uint32_t i)
{
	return i == 0 ? &channel->receivers : &channel->matches[i - 1].pattern->receivers;
}
