/* Subscriptions: which client is subscribed to which channels and patterns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "client.h"
#include "pattern.h"
#include "protocol.h"
#include "hashtable.h"

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

struct router {
	struct flow *flow;
	struct channels channels;
	struct hashtable subscriptions;
	uint64_t n_shards;   /* shard channels with subscribers */
	uint64_t n_reserved; /* udsd's own channels with subscribers */
};

/* Returns 0 or -errno. */
int router_init(struct router *router, struct flow *flow, const struct access *access);

/* All subscriptions must be gone. */
void router_deinit(struct router *router);

/* Expected results of router_subscribe() beside 0. */
enum {
	ROUTER_E_EXISTS = 1,   /* the client is subscribed already */
	ROUTER_E_TOO_MANY = 2, /* limits.max_subscriptions */
	ROUTER_E_TOO_MANY_OF_USER = 3,
	ROUTER_E_TOO_MANY_PATTERNS = 4,
};

/*
 * Subscribes the client, and resumes publishers that wait for such a receiver. No run may be open. Returns 0,
 * ROUTER_E_* or -ENOMEM.
 */
int router_subscribe(struct router *router, struct client *c, enum subscription_kind kind, struct slice name);

/* The client's subscription, or NULL. */
struct subscription *router_find(const struct router *router, const struct client *c, enum subscription_kind kind,
                                 struct slice name);

/* Ends a subscription. No run may be open. */
void router_unsubscribe(struct router *router, struct subscription *sub);

/* Changes the encoding of messages to the client. No run may be open. */
void router_set_encoding(struct router *router, struct client *c, enum encoding encoding);

/* Resumes all publishers that wait for a receiver. */
void router_wake_waiters(struct router *router);
