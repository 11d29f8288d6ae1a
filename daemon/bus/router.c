/*
 * A subscription is linked three times: in the list of its client, in the set of receivers of its channel or pattern
 * (its "topic"), at a known index, and in a table by both, which answers "is this client subscribed to that" and finds
 * the subscription whose index changes when another one leaves the set. A topic lives as long as it has subscribers;
 * channel.c decides what happens to a channel after that.
 *
 * Every change counts up members_generation, and one that makes or frees a pattern patterns_generation: that is how
 * channels notice that what they know is out of date.
 */
#include "router.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "flow.h"
#include "siphash.h"
#include "user.h"

/* A pattern counts once more for each so many bytes of it: long ones take longer to match. */
#define PATTERN_QUOTA_BYTES 32

#define SUBSCRIPTION(node) ((struct subscription *)((char *)(node)-offsetof(struct subscription, node)))

static const struct slice missed_name = { (const uint8_t *)PROTOCOL_MISSED, sizeof(PROTOCOL_MISSED) - 1 };

int
router_init(struct router *router, struct flow *flow, const struct access *access)
{
	*router = (struct router){ .flow = flow };
	return channels_init(&router->channels, access, &flow->work);
}

void
router_deinit(struct router *router)
{
	assert(router->subscriptions.n == 0);
	channels_deinit(&router->channels);
	hashtable_deinit(&router->subscriptions);
}

static void
router_wake_list(struct flow *flow, struct client_list *list)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list))) {
		flow->work.done += WORK_VISIT;
		flow_resume(flow, c);
	}
}

void
router_wake_waiters(struct router *router)
{
	struct channel *channel;

	router->flow->work.done += router->channels.n_unnamed * 3 * WORK_VISIT;
	TAILQ_FOREACH(channel, &router->channels.unnamed, link)
		router_wake_list(router->flow, &channel->waiters); /* publishers wait only on unnamed channels */
	router_wake_list(router->flow, &router->flow->gathering);
}

/* The address of the channel or pattern. */
static const void *
subscription_topic(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? (const void *)sub->pattern : (const void *)sub->channel;
}

static uint64_t
subscription_hash(const struct router *router, const struct client *c, const void *topic)
{
	const void *both[] = { c, topic };

	return siphash(&router->channels.key, both, sizeof(both));
}

static struct subscription *
router_find_by_topic(const struct router *router, const struct client *c, const void *topic)
{
	struct hashtable_node *node = hashtable_first(&router->subscriptions, subscription_hash(router, c, topic));

	for (; node; node = hashtable_next(node)) {
		struct subscription *sub = SUBSCRIPTION(node);

		if (sub->client == c && subscription_topic(sub) == topic)
			return sub;
	}
	return NULL;
}

static bool
router_is_reserved(const struct channel *channel)
{
	return !channel->is_shard && protocol_is_reserved(channel_name(channel));
}

/* Whether the client gets reports of missed messages by this subscription. */
static bool
subscription_is_of_missed(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_CHANNEL && channel_is(sub->channel, missed_name, false);
}

static struct recvset *
subscription_receivers(struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? &sub->pattern->receivers : &sub->channel->receivers;
}

static uint32_t *
subscription_counter(struct subscription *sub)
{
	switch (sub->kind) {
	case SUBSCRIPTION_CHANNEL:
		return &sub->client->n_channels;
	case SUBSCRIPTION_PATTERN:
		return &sub->client->n_patterns;
	case SUBSCRIPTION_SHARD:
		return &sub->client->n_shards;
	}
	return NULL;
}

/* What a subscription counts for max_patterns_per_uid. */
static uint64_t
subscription_patterns(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? 1 + sub->pattern->len / PATTERN_QUOTA_BYTES : 0;
}

/* Frees the channel or pattern of a subscription that has ended or was not made, unless somebody else needs it. */
static void
router_release_topic(struct router *router, struct subscription *sub)
{
	if (subscription_receivers(sub)->n > 0)
		return;
	if (sub->kind == SUBSCRIPTION_PATTERN) {
		pattern_remove(&router->channels.patterns, sub->pattern);
		router->channels.patterns_generation++;
	} else {
		channels_release(&router->channels, sub->channel);
	}
}

static int
router_link(struct router *router, struct subscription *sub)
{
	struct recvset *set = subscription_receivers(sub);
	uint64_t hash = subscription_hash(router, sub->client, subscription_topic(sub));
	int r = hashtable_insert(&router->subscriptions, &sub->node, hash);

	if (r < 0)
		return r;
	r = recvset_add(set, sub->client);
	if (r < 0) {
		hashtable_remove(&router->subscriptions, &sub->node);
		return r;
	}
	sub->index = set->n - 1;
	LIST_INSERT_HEAD(&sub->client->subscriptions, sub, link);
	router->flow->n_subscribed += sub->client->n_channels + sub->client->n_patterns + sub->client->n_shards == 0;
	++*subscription_counter(sub);
	if (subscription_is_of_missed(sub))
		sub->client->wants_missed = true;
	sub->client->user->subscriptions++;
	sub->client->user->patterns += subscription_patterns(sub);
	router->channels.members_generation++;
	if (sub->kind == SUBSCRIPTION_PATTERN && set->n == 1)
		router->channels.patterns_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 1) {
		channels_name(&router->channels, sub->channel);
		router->n_shards += sub->channel->is_shard;
		router->n_reserved += router_is_reserved(sub->channel);
	}
	return 0;
}

int
router_subscribe(struct router *router, struct client *c, enum subscription_kind kind, struct slice name)
{
	const struct limits *limits = &router->flow->limits;
	struct subscription *sub = malloc(sizeof(*sub));
	int r = 0;

	router->flow->work.done += 6 * WORK_LOOKUP;
	if (!sub)
		return -ENOMEM;
	*sub = (struct subscription){ .client = c, .kind = kind };
	if (kind == SUBSCRIPTION_PATTERN)
		sub->pattern = pattern_get(&router->channels.patterns, name);
	else
		sub->channel = channels_get(&router->channels, name, kind == SUBSCRIPTION_SHARD);
	if (!subscription_topic(sub)) {
		free(sub);
		return -ENOMEM;
	}
	if (router_find_by_topic(router, c, subscription_topic(sub)))
		r = ROUTER_E_EXISTS;
	else if (c->n_channels + c->n_patterns + c->n_shards >= limits->max_subscriptions)
		r = ROUTER_E_TOO_MANY;
	else if (c->user->subscriptions >= limits->max_subscriptions_per_uid)
		r = ROUTER_E_TOO_MANY_OF_USER;
	else if (c->user->patterns + subscription_patterns(sub) > limits->max_patterns_per_uid)
		r = ROUTER_E_TOO_MANY_PATTERNS;
	else
		r = router_link(router, sub);
	if (r != 0) {
		router_release_topic(router, sub);
		free(sub);
		return r;
	}
	/* Those to whose channels it does not belong wait again. */
	router_wake_list(router->flow, &router->flow->gathering);
	if (kind == SUBSCRIPTION_PATTERN)
		router_wake_waiters(router);
	else
		router_wake_list(router->flow, &sub->channel->waiters);
	return 0;
}

struct subscription *
router_find(const struct router *router, const struct client *c, enum subscription_kind kind, struct slice name)
{
	const void *topic;

	router->flow->work.done += 3 * WORK_LOOKUP + WORK_BYTES(name.len);
	if (kind == SUBSCRIPTION_PATTERN)
		topic = pattern_find(&router->channels.patterns, name);
	else
		topic = channels_find(&router->channels, name, kind == SUBSCRIPTION_SHARD);
	return topic ? router_find_by_topic(router, c, topic) : NULL;
}

void
router_unsubscribe(struct router *router, struct subscription *sub)
{
	struct recvset *set = subscription_receivers(sub);
	struct client *moved = recvset_remove(set, sub->index);

	router->flow->work.done += 5 * WORK_LOOKUP;

	if (moved)
		router_find_by_topic(router, moved, subscription_topic(sub))->index = sub->index;
	hashtable_remove(&router->subscriptions, &sub->node);
	LIST_REMOVE(sub, link);
	--*subscription_counter(sub);
	router->flow->n_subscribed -= LIST_EMPTY(&sub->client->subscriptions);
	router->flow->chunks.released += sizeof(*sub) + 128; /* with its channel, nearly always */
	if (subscription_is_of_missed(sub))
		sub->client->wants_missed = false;
	sub->client->user->subscriptions--;
	sub->client->user->patterns -= subscription_patterns(sub);
	router->channels.members_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 0) {
		router->n_shards -= sub->channel->is_shard;
		router->n_reserved -= router_is_reserved(sub->channel);
		channels_unname(&router->channels, sub->channel);
	}
	router_release_topic(router, sub);
	free(sub);
}

void
router_set_encoding(struct router *router, struct client *c, enum encoding encoding)
{
	struct subscription *sub;

	router->flow->work.done += (c->n_channels + c->n_patterns + c->n_shards) * (uint64_t)WORK_VISIT;
	LIST_FOREACH(sub, &c->subscriptions, link) {
		subscription_receivers(sub)->n_of[c->encoding]--;
		subscription_receivers(sub)->n_of[encoding]++;
	}
	c->encoding = (uint8_t)encoding;
}
