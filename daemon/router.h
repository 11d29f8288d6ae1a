/*
 * Who receives what: channels, patterns and the subscriptions between them and the sessions. A channel keeps
 * the patterns that match its name, so that publishing to it looks for none; they are looked up anew only
 * after patterns have come or gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access.h"
#include "pattern.h"
#include "protocol.h"
#include "recvset.h"
#include "session.h"
#include "siphash.h"
#include "table.h"

struct bus;

enum subscription_kind { SUBSCRIPTION_CHANNEL, SUBSCRIPTION_PATTERN, SUBSCRIPTION_SHARD };

/* A pattern that matches a channel, with the bytes that stand before each message delivered through it. */
struct match {
	struct pattern *pattern;
	char *head; /* owned by the channel */
	uint32_t head_len;
};

struct channel {
	struct table_node node;
	struct recvset receivers; /* of the channel itself */
	struct match *matches;
	uint32_t n_matches;
	uint32_t heads_len; /* bytes that one message's heads take, for all ways */
	uint32_t n_total;   /* receivers, those through patterns included; who may not receive is none */
	uint32_t n_clogged; /* of these; as of clog_generation */
	/* Messages: published, queued for a receiver (once for each), not queued as the policy is to drop. */
	uint64_t messages, deliveries, dropped;
	bool is_shard;      /* has a name space of its own, and no pattern matches it */
	bool overlap;       /* a session receives messages of the channel in more than one way */
	bool is_restricted; /* not everybody may receive it */
	const struct access_rule *rule;
	uint64_t patterns_generation, members_generation, clog_generation;
	TAILQ_ENTRY(channel) unnamed_link;
	struct session_list waiters; /* publishers that wait for a receiver */
	uint32_t name_len, name_offset, head_len;
	/* What stands before each message, for RESP2: "*3\r\n$7\r\nmessage\r\n$LEN\r\nNAME\r\n", or smessage. */
	char head[];
};

struct subscription {
	struct table_node node;
	LIST_ENTRY(subscription) link; /* among the session's */
	struct session *session;
	enum subscription_kind kind;
	uint32_t index; /* in the recvset */
	union {
		struct channel *channel;
		struct pattern *pattern;
	};
};

struct router {
	struct siphash_key key;
	struct table channels; /* and shard channels */
	uint64_t n_shards;     /* those that are subscribed to */
	uint64_t n_reserved;   /* likewise udsd's own, without shard channels */
	struct table subscriptions;
	struct pattern_index patterns;
	size_t match_bytes;           /* that all channels' matches take */
	uint64_t patterns_generation; /* counts up when patterns come or go */
	uint64_t members_generation;  /* counts up with every change of a subscription */
	/* Channels that nobody is subscribed to by name: they remember what matches them, or who waits. Oldest first.
	 */
	TAILQ_HEAD(, channel) unnamed;
	uint32_t n_unnamed;
};

/* Returns 0 or -errno. */
int router_init(struct router *router);

/* All subscriptions must be gone. */
void router_deinit(struct router *router);

/* Results of router_subscribe() beside 0. */
enum {
	ROUTER_E_EXISTS = 1,   /* is subscribed already */
	ROUTER_E_TOO_MANY = 2, /* limits.max_subscriptions */
	ROUTER_E_TOO_MANY_OF_USER = 3,
	ROUTER_E_TOO_MANY_PATTERNS = 4,
};

/* Returns 0, ROUTER_E_* or -ENOMEM. Publishers that waited for a receiver of it go on. */
int router_subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, struct slice name);

/* Returns whether there was such a subscription. */
bool router_unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, struct slice name);

/* Whether the session is subscribed to the channel by name. */
bool router_is_subscribed(const struct router *router, const struct session *s, struct slice name);

/* Ends all subscriptions of the session. */
void router_leave(struct bus *bus, struct session *s);

/* What is published from now on comes to the session in that encoding. */
void router_set_encoding(struct bus *bus, struct session *s, enum encoding encoding);

/* The channel of a name as it stands, or NULL. */
struct channel *router_find(const struct router *router, struct slice name, bool is_shard);

/*
 * The channel of a name, brought up to date, if anybody receives it or make is set; else *ret_channel is NULL.
 * Returns 0 or -ENOMEM.
 */
int router_lookup(struct bus *bus, struct slice name, bool is_shard, bool make, struct channel **ret_channel);

/* Brings the channel up to date. Returns 0 or -ENOMEM. */
int router_update(struct bus *bus, struct channel *channel);

/* Whether patterns have to be matched before it is known who receives a channel, which may take long. */
bool router_must_match(const struct router *router, struct slice name, bool is_shard);

/* Forgets the channels that nobody is subscribed to by name and nobody waits for. */
void router_forget_unnamed(struct bus *bus);

/* How many of the channel's receivers are clogged; the channel must be up to date. */
uint32_t router_count_clogged(struct bus *bus, struct channel *channel);

/* Likewise with those that take no large message now since their user is over his quota; see session_drops(). */
uint32_t router_count_clogged_for_large(const struct channel *channel);

/*
 * Brings s->last_published up to date: whether the session may publish to the channel, and whether one of its
 * receivers is the session or belongs to its process.
 */
void router_know_publisher(struct bus *bus, const struct channel *channel, struct session *s);

/* Other rules hold from now on; who is subscribed to a channel that is not open to him any more is disconnected. */
void router_set_rules(struct bus *bus, const struct access_rules *rules);

/* Whether a receiver of the channel is to get its messages: a pattern may cover more than its owner may read. */
static inline bool
channel_admits(const struct channel *channel, const struct session *s)
{
	return !channel->is_restricted || access_list_admits(&channel->rule->subscribe, &s->identity);
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
