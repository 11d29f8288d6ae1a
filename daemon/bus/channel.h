/*
 * Channels, and who receives them. A channel keeps the patterns that match its name, so that publishing to it looks for
 * none; they are looked up anew only after patterns have come or gone.
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

/* A pattern that matches a channel, with the bytes that stand before each message delivered through it. */
struct match {
	struct pattern *pattern;
	char *head; /* owned by the channel */
	uint32_t head_len;
};

struct channel {
	struct hashtable_node node;
	struct recvset receivers; /* of the channel itself */
	struct match *matches;
	uint32_t n_matches;
	uint32_t heads_len; /* bytes that one message's heads take, for all ways */
	uint32_t n_total;   /* receivers, those through patterns included; who may not receive is none */
	uint32_t n_clogged; /* of these; as of clog_generation */
	/* Messages: published, queued for a receiver (once for each), not queued as the policy is to drop. */
	uint64_t messages, deliveries, dropped;
	bool is_shard;      /* has a name space of its own, and no pattern matches it */
	bool overlap;       /* a client receives messages of the channel in more than one way */
	bool is_restricted; /* not everybody may receive it */
	const struct access_rule *rule;
	uint64_t patterns_generation, members_generation, clog_generation;
	TAILQ_ENTRY(channel) unnamed_link;
	struct client_list waiters; /* publishers that wait for a receiver */
	uint32_t name_len, name_offset, head_len;
	/* What stands before each message, for RESP2: "*3\r\n$7\r\nmessage\r\n$LEN\r\nNAME\r\n", or smessage. */
	char head[];
};

struct channels {
	struct siphash_key key;
	struct hashtable table; /* and shard channels */
	struct pattern_index patterns;
	const struct access *access;
	const struct channel *pinned; /* stays as it is: a run is open for it; or NULL */
	size_t match_bytes;           /* that all channels' matches take */
	uint64_t patterns_generation; /* counts up when patterns come or go */
	uint64_t members_generation;  /* counts up with every change of a subscription */
	/* Channels that nobody is subscribed to by name: they remember what matches them, or who waits. Oldest first.
	 */
	TAILQ_HEAD(channel_list, channel) unnamed;
	uint32_t n_unnamed;
};

/* work: is counted up by what is held against patterns. Returns 0 or -errno. */
int channels_init(struct channels *channels, const struct access *access, uint64_t *work);

/* All subscriptions must be gone. */
void channels_deinit(struct channels *channels);

/* The channel of a name as it stands, or NULL. */
struct channel *channels_find(const struct channels *channels, struct slice name, bool is_shard);

/* The channel of a name, made if need be but not brought up to date, or NULL when there is no memory. */
struct channel *channels_get(struct channels *channels, struct slice name, bool is_shard);

/*
 * The channel of a name, brought up to date, if anybody receives it or make is set; else *ret_channel is NULL.
 * Returns 0 or -ENOMEM.
 */
int channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make,
                    struct channel **ret_channel);

/* Brings the channel up to date. Returns 0 or -ENOMEM. */
int channels_update(struct channels *channels, struct channel *channel);

/* Whether patterns have to be matched before it is known who receives a channel, which may take long. */
bool channels_must_match(const struct channels *channels, struct slice name, bool is_shard);

/* The channel has its first subscriber, or has lost its last one. */
void channels_name(struct channels *channels, struct channel *channel);
void channels_unname(struct channels *channels, struct channel *channel);

/* Frees a channel without subscribers, if nobody waits for it. */
void channels_release(struct channels *channels, struct channel *channel);

/* Forgets the channels that nobody is subscribed to by name and nobody waits for. */
void channels_forget_unnamed(struct channels *channels);

/* How many of the channel's receivers are clogged, as of the generation; the channel must be up to date. */
uint32_t channel_count_clogged(struct channel *channel, uint64_t clog_generation);

/* Likewise with those that take no large message now since their user is over his quota; see flow_drops(). */
uint32_t channel_count_clogged_for_large(const struct channel *channel);

/* Whether one of its receivers is the client or belongs to its process. */
bool channel_is_received_by(const struct channel *channel, const struct client *c);

/* Whether a receiver of the channel is to get its messages: a pattern may cover more than its owner may read. */
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

/* The receivers of a channel's way number i: 0 the channel's own, then each match's. */
static inline const struct recvset *
channel_way(const struct channel *channel, uint32_t i)
{
	return i == 0 ? &channel->receivers : &channel->matches[i - 1].pattern->receivers;
}
