/* Subscriptions: which client is subscribed to which channels and patterns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channels.h"
#include "client.h"
#include "hashtable.h"
#include "pattern.h"
#include "protocol.h"
#include "replay.h"

struct flow;

enum subscription_kind { SUBSCRIPTION_CHANNEL, SUBSCRIPTION_PATTERN, SUBSCRIPTION_SHARD };

struct subscription {
	struct hashtable_node node;
	LIST_ENTRY(subscription) link; /* client.subscriptions */
	struct client *client;
	enum subscription_kind kind;
	uint32_t index; /* in the receivers of the channel or pattern */
	union {
		struct channel *channel;
		struct pattern *pattern;
	};
};

struct subscriptions {
	struct flow *flow;
	struct replays *replays;
	struct channels channels;
	struct hashtable table; /* of all, by client and channel or pattern */
	uint64_t n_shards;      /* shard channels with subscribers */
	uint64_t n_reserved;    /* udsd's own channels with subscribers */
};

/* Returns 0 or -errno. */
int subscriptions_init(struct subscriptions *subscriptions, struct flow *flow, struct replays *replays,
                       const struct access *access);

/* All subscriptions must be gone. */
void subscriptions_deinit(struct subscriptions *subscriptions);

/* Expected results of subscriptions_add() beside 0. */
enum {
	SUBSCRIPTIONS_E_EXISTS = 1,   /* the client is subscribed already */
	SUBSCRIPTIONS_E_TOO_MANY = 2, /* limits.max_subscriptions */
	SUBSCRIPTIONS_E_TOO_MANY_OF_USER = 3,
	SUBSCRIPTIONS_E_TOO_MANY_PATTERNS = 4,
};

/*
 * Subscribes the client, and resumes publishers that wait for such a receiver. No batch may be open. Returns 0,
 * SUBSCRIPTIONS_E_* or -ENOMEM.
 */
int subscriptions_add(struct subscriptions *subscriptions, struct client *c, enum subscription_kind kind,
                      struct slice name);

/* The client's subscription, or NULL. */
struct subscription *subscriptions_find(const struct subscriptions *subscriptions, const struct client *c,
                                        enum subscription_kind kind, struct slice name);

/* Ends a subscription. No batch may be open. */
void subscriptions_remove(struct subscriptions *subscriptions, struct subscription *sub);

/* Changes the encoding of messages to the client. No batch may be open. */
void subscriptions_set_encoding(struct subscriptions *subscriptions, struct client *c, enum encoding encoding);

/* Resumes all publishers that wait for a receiver. */
void subscriptions_wake_waiters(struct subscriptions *subscriptions);
