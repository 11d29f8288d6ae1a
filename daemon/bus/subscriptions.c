/*
 * A subscription is linked three times: in the list of its client, in the set of receivers of its channel or pattern
 * (its "topic"), at a known index, and in a table by both, which answers "is this client subscribed to that" and finds
 * the subscription whose index changes when another one leaves the set. A topic lives as long as it has subscribers;
 * channels.c decides what happens to a channel after that.
 *
 * Every change counts up members_generation, and one that makes or frees a pattern patterns_generation: that is how
 * channels notice that what they know is out of date.
 */
#include "subscriptions.h"

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
subscriptions_init(struct subscriptions *subscriptions, struct flow *flow, struct replays *replays,
                   const struct access *access)
{
	*subscriptions = (struct subscriptions){ .flow = flow, .replays = replays };
	return channels_init(&subscriptions->channels, access, &flow->work);
}

void
subscriptions_deinit(struct subscriptions *subscriptions)
{
	assert(subscriptions->table.n == 0);
	channels_deinit(&subscriptions->channels);
	hashtable_deinit(&subscriptions->table);
}

static void
subscriptions_wake_list(struct flow *flow, struct client_list *list)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list))) {
		flow->work.done += WORK_VISIT;
		flow_resume(flow, c);
	}
}

void
subscriptions_wake_waiters(struct subscriptions *subscriptions)
{
	struct channel *channel;

	subscriptions->flow->work.done += subscriptions->channels.n_unnamed * 3 * WORK_VISIT;
	TAILQ_FOREACH(channel, &subscriptions->channels.unnamed, link)
		subscriptions_wake_list(subscriptions->flow,
		                        &channel->waiters); /* publishers wait only on unnamed channels */
	subscriptions_wake_list(subscriptions->flow, &subscriptions->flow->gathering);
}

/* The address of the channel or pattern. */
static const void *
subscription_topic(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? (const void *)sub->pattern : (const void *)sub->channel;
}

static uint64_t
subscription_hash(const struct subscriptions *subscriptions, const struct client *c, const void *topic)
{
	const void *both[] = { c, topic };

	return siphash(&subscriptions->channels.key, both, sizeof(both));
}

static struct subscription *
subscriptions_find_by_topic(const struct subscriptions *subscriptions, const struct client *c, const void *topic)
{
	struct hashtable_node *node =
	    hashtable_first(&subscriptions->table, subscription_hash(subscriptions, c, topic));

	for (; node; node = hashtable_next(node)) {
		struct subscription *sub = SUBSCRIPTION(node);

		if (sub->client == c && subscription_topic(sub) == topic)
			return sub;
	}
	return NULL;
}

static bool
subscriptions_is_reserved(const struct channel *channel)
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
subscriptions_release_topic(struct subscriptions *subscriptions, struct subscription *sub)
{
	if (subscription_receivers(sub)->n > 0)
		return;
	if (sub->kind == SUBSCRIPTION_PATTERN) {
		pattern_remove(&subscriptions->channels.routing.patterns, sub->pattern);
		subscriptions->channels.routing.patterns_generation++;
	} else {
		channels_release(&subscriptions->channels, sub->channel);
	}
}

static int
subscriptions_link(struct subscriptions *subscriptions, struct subscription *sub)
{
	struct recvset *set = subscription_receivers(sub);
	uint64_t hash = subscription_hash(subscriptions, sub->client, subscription_topic(sub));
	int r = hashtable_insert(&subscriptions->table, &sub->node, hash);

	if (r < 0)
		return r;
	r = recvset_add(set, sub->client);
	if (r < 0) {
		hashtable_remove(&subscriptions->table, &sub->node);
		return r;
	}
	sub->index = set->n - 1;
	LIST_INSERT_HEAD(&sub->client->subscriptions, sub, link);
	subscriptions->flow->n_subscribed +=
	    sub->client->n_channels + sub->client->n_patterns + sub->client->n_shards == 0;
	++*subscription_counter(sub);
	if (subscription_is_of_missed(sub))
		sub->client->wants_missed = true;
	sub->client->user->subscriptions++;
	sub->client->user->patterns += subscription_patterns(sub);
	subscriptions->channels.routing.members_generation++;
	if (sub->kind == SUBSCRIPTION_PATTERN && set->n == 1)
		subscriptions->channels.routing.patterns_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 1) {
		channels_name(&subscriptions->channels, sub->channel);
		subscriptions->n_shards += sub->channel->is_shard;
		subscriptions->n_reserved += subscriptions_is_reserved(sub->channel);
	}
	return 0;
}

int
subscriptions_add(struct subscriptions *subscriptions, struct client *c, enum subscription_kind kind, struct slice name)
{
	const struct limits *limits = &subscriptions->flow->limits;
	struct subscription *sub = malloc(sizeof(*sub));
	int r = 0;

	subscriptions->flow->work.done += 6 * WORK_LOOKUP;
	if (!sub)
		return -ENOMEM;
	*sub = (struct subscription){ .client = c, .kind = kind };
	if (kind == SUBSCRIPTION_PATTERN)
		sub->pattern = pattern_get(&subscriptions->channels.routing.patterns, name);
	else
		sub->channel = channels_get(&subscriptions->channels, name, kind == SUBSCRIPTION_SHARD);
	if (!subscription_topic(sub)) {
		free(sub);
		return -ENOMEM;
	}
	if (subscriptions_find_by_topic(subscriptions, c, subscription_topic(sub)))
		r = SUBSCRIPTIONS_E_EXISTS;
	else if (c->n_channels + c->n_patterns + c->n_shards >= limits->max_subscriptions)
		r = SUBSCRIPTIONS_E_TOO_MANY;
	else if (c->user->subscriptions >= limits->max_subscriptions_per_uid)
		r = SUBSCRIPTIONS_E_TOO_MANY_OF_USER;
	else if (c->user->patterns + subscription_patterns(sub) > limits->max_patterns_per_uid)
		r = SUBSCRIPTIONS_E_TOO_MANY_PATTERNS;
	else
		r = subscriptions_link(subscriptions, sub);
	if (r != 0) {
		subscriptions_release_topic(subscriptions, sub);
		free(sub);
		return r;
	}
	/* Those to whose channels it does not belong wait again. */
	subscriptions_wake_list(subscriptions->flow, &subscriptions->flow->gathering);
	if (kind == SUBSCRIPTION_PATTERN)
		subscriptions_wake_waiters(subscriptions);
	else
		subscriptions_wake_list(subscriptions->flow, &sub->channel->waiters);
	return 0;
}

struct subscription *
subscriptions_find(const struct subscriptions *subscriptions, const struct client *c, enum subscription_kind kind,
                   struct slice name)
{
	const void *topic;

	subscriptions->flow->work.done += 3 * WORK_LOOKUP + WORK_BYTES(name.len);
	if (kind == SUBSCRIPTION_PATTERN)
		topic = pattern_find(&subscriptions->channels.routing.patterns, name);
	else
		topic = channels_find(&subscriptions->channels, name, kind == SUBSCRIPTION_SHARD);
	return topic ? subscriptions_find_by_topic(subscriptions, c, topic) : NULL;
}

void
subscriptions_remove(struct subscriptions *subscriptions, struct subscription *sub)
{
	struct recvset *set = subscription_receivers(sub);
	struct client *moved;

	subscriptions->flow->work.done += 5 * WORK_LOOKUP;
	if (sub->client->has_replays && sub->kind == SUBSCRIPTION_PATTERN)
		replays_end_for(subscriptions->replays, sub->client, NULL, sub->pattern);
	else if (sub->client->has_replays)
		replays_end_for(subscriptions->replays, sub->client, sub->channel, NULL);
	moved = recvset_remove(set, sub->index);
	if (moved)
		subscriptions_find_by_topic(subscriptions, moved, subscription_topic(sub))->index = sub->index;
	hashtable_remove(&subscriptions->table, &sub->node);
	LIST_REMOVE(sub, link);
	--*subscription_counter(sub);
	subscriptions->flow->n_subscribed -= LIST_EMPTY(&sub->client->subscriptions);
	subscriptions->flow->chunks.released += sizeof(*sub) + 128; /* with its channel, nearly always */
	if (subscription_is_of_missed(sub))
		sub->client->wants_missed = false;
	sub->client->user->subscriptions--;
	sub->client->user->patterns -= subscription_patterns(sub);
	subscriptions->channels.routing.members_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 0) {
		subscriptions->n_shards -= sub->channel->is_shard;
		subscriptions->n_reserved -= subscriptions_is_reserved(sub->channel);
		channels_unname(&subscriptions->channels, sub->channel);
	}
	subscriptions_release_topic(subscriptions, sub);
	free(sub);
}

void
subscriptions_set_encoding(struct subscriptions *subscriptions, struct client *c, enum encoding encoding)
{
	struct subscription *sub;

	subscriptions->flow->work.done += (c->n_channels + c->n_patterns + c->n_shards) * (uint64_t)WORK_VISIT;
	LIST_FOREACH(sub, &c->subscriptions, link) {
		subscription_receivers(sub)->n_of[c->encoding]--;
		subscription_receivers(sub)->n_of[encoding]++;
	}
	c->encoding = encoding & 0x3f; /* as wide as the field */
}
