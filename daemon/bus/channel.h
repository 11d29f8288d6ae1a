/*
 * A channel, and what it knows of its receivers. They receive it in different ways: way 0 is its name, every other way
 * a pattern that matches the name. Who is subscribed in several ways gets a message in each of them. routing.h finds
 * the matches, and says when they have to be looked for again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "access.h"
#include "arena.h"
#include "client.h"
#include "hashtable.h"
#include "pattern.h"
#include "protocol.h"
#include "recvset.h"
#include "work.h"

/*
 * From this length on, in bytes, a payload has a chunk of its own, which is shared and never copied; a shorter one,
 * too, if its copies for all ways would take more than BATCH_COPIES_MAX.
 */
#define BATCH_LARGE ((size_t)16 * 1024)
#define BATCH_COPIES_MAX ((size_t)256 * 1024)

/* What the heads of a batch may take in all ways together, in bytes: bounds what copies take. */
#define BATCH_HEADS_MAX ((uint32_t)128 * 1024)

/* A pattern that matches a channel, and the head of messages that are delivered through it. */
struct match {
	struct pattern *pattern;
	char *head; /* in channel.heads */
	uint32_t head_len;
};

struct replays;

struct channel {
	struct hashtable_node node;
	struct recvset receivers; /* subscribed to the channel by name */
	struct match *matches;
	struct arena heads;
	uint32_t n_matches;
	uint32_t heads_len;  /* bytes of one message's heads, in all ways together */
	uint32_t n_total;    /* receivers in all ways, without those that may not receive it */
	uint32_t large_from; /* payloads from this length on, in bytes, are shared and not copied; see BATCH_LARGE */
	uint32_t n_clogged;  /* of these; see slow-policy.h */
	/* Messages: published; queued for a receiver, once for each; not queued for one, as the policy is to drop. */
	uint64_t messages, deliveries, dropped;
	bool is_shard; /* a name space of its own, which patterns do not match */
	bool overlap;  /* some client receives the channel in more than one way; unset if each message is a batch anyway
	                */
	bool is_restricted;      /* its rule says who may receive it */
	bool is_stored;          /* what is published is added to the stream of that name */
	bool is_wide;            /* delivering a message takes so long that it may need several passes; see batch.h */
	int slow;                /* enum slow_policy that holds: SLOW_STORE only if it is stored */
	struct replays *replays; /* of the bus; set while n_replays > 0 */
	uint32_t n_replays;      /* receivers that get it from the store for now */
	const struct access_rule *rule;
	uint64_t patterns_generation, members_generation, clog_generation; /* for which its knowledge holds */
	TAILQ_ENTRY(channel) link;                                         /* of channels.h: `named` or `unnamed` */
	TAILQ_ENTRY(channel) matched_link;                                 /* routing.matched, while n_matches > 0 */
	struct client_list waiters;                                        /* publishers that wait for a receiver */
	uint32_t name_len, name_offset, head_len;
	/* What stands before each payload, for RESP2: "*3\r\n$7\r\nmessage\r\n$LEN\r\nNAME\r\n", or smessage. */
	char head[];
};

TAILQ_HEAD(channel_list, channel);

/* A channel in no list and table, or NULL without memory. Nothing is known of its receivers. */
struct channel *channel_new(struct slice name, bool is_shard);

/* It must be in no list and table, have no subscribers and no matches. */
void channel_free(struct channel *channel);

/* Adds a match. Returns its memory in bytes, or -ENOMEM. */
ssize_t channel_add_match(struct channel *channel, struct pattern *pattern);

/* Removes all matches. Returns their memory, as channel_add_match() did. */
size_t channel_drop_matches(struct channel *channel);

/*
 * The head of a message, for RESP2: everything before its payload. pattern: the one through which it goes, or NULL.
 * channel_put_head() writes as many bytes as channel_head_size() says, and returns that.
 */
size_t channel_head_size(const struct channel *channel, const struct pattern *pattern);
uint32_t channel_put_head(const struct channel *channel, const struct pattern *pattern, char *head);

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

/* What the channel knows of its receivers does not hold any more. */
static inline void
channel_expire(struct channel *channel)
{
	channel->patterns_generation = channel->members_generation = UINT64_MAX;
}

/* The receivers that way i leads to: 0 is the channel's name, the others are its matches. */
static inline const struct recvset *
channel_way(const struct channel *channel, uint32_t i)
{
	return i == 0 ? &channel->receivers : &channel->matches[i - 1].pattern->receivers;
}
