#include "publish.h"

bool
publish_is_allowed(const struct bus *bus, const struct client *c, struct slice name)
{
	return access_list_admits(&access_find(bus->access.rules, name)->publish, &c->identity);
}

/*
 * Brings c->last_published up to date: whether the client may publish to the channel, and whether one of its receivers
 * is the client or belongs to its process.
 */
static void
know(const struct bus *bus, const struct channel *channel, struct client *c)
{
	uint64_t generation = bus->router.channels.members_generation;

	if (c->last_published.channel == channel && c->last_published.generation == generation)
		return;
	c->publishes_to_own = channel_is_received_by(channel, c);
	c->publish_allowed = access_list_admits(&channel->rule->publish, &c->identity);
	c->last_published.channel = channel;
	c->last_published.generation = generation;
}

/* Lets a publisher wait until the channel has a receiver. */
static bool
wait_for_receiver(struct bus *bus, struct client *c, struct slice name, bool is_shard)
{
	struct channel *channel;

	if (channels_lookup(&bus->router.channels, name, is_shard, true, &channel) < 0) {
		flow_out_of_memory(&bus->flow, c); /* whatever the caller replies now does not go out */
		return false;
	}
	return flow_wait(&bus->flow, c, &channel->waiters);
}

/*
 * Puts a publisher off until the next pass, once for each message, while the socket of a clogged receiver has not been
 * tried: that receiver may take everything at once.
 */
static bool
wait_for_untried(struct bus *bus, struct client *c, struct channel *channel, bool has_waited)
{
	return !has_waited && bus->flow.has_untried && channel->rule->slow != SLOW_WAIT &&
	       channel_count_clogged(channel, bus->flow.clog_generation) > 0 &&
	       flow_wait(&bus->flow, c, &bus->flow.untried);
}

/* Lets a publisher wait if it has to. channel: NULL if it has no receivers. */
static bool
wait_for_channel(struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len,
                 struct channel *channel, bool has_waited)
{
	if (!channel || channel->n_total == 0)
		return c->wait_receiver && wait_for_receiver(bus, c, name, is_shard);
	if (channel->rule->slow != SLOW_WAIT)
		return wait_for_untried(bus, c, channel, has_waited);
	if ((bus->flow.n_clogged == 0 || channel_count_clogged(channel, bus->flow.clog_generation) == 0) &&
	    (bus->flow.users.n_over == 0 || len < RUN_LARGE || channel_count_clogged_for_large(channel) == 0))
		return false;
	return flow_wait(&bus->flow, c, &bus->flow.throttled);
}

bool
publish_wait(struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len)
{
	struct channel *channel;

	if (!publish_is_allowed(bus, c, name) ||
	    channels_lookup(&bus->router.channels, name, is_shard, false, &channel) < 0)
		return false;
	return wait_for_channel(bus, c, name, is_shard, len, channel, c->has_waited);
}

/* Receivers that a message goes to now: a channel whose policy is to drop passes over those that are clogged. */
static uint64_t
count_takers(struct bus *bus, struct channel *channel, bool is_large)
{
	if (channel->rule->slow != SLOW_DROP)
		return channel->n_total;
	if (bus->flow.users.n_over > 0 && is_large)
		return channel->n_total - channel_count_clogged_for_large(channel);
	return channel->n_total -
	       (bus->flow.n_clogged > 0 ? channel_count_clogged(channel, bus->flow.clog_generation) : 0);
}

enum publish_result
publish_message(struct bus *bus, struct client *c, struct slice name, bool is_shard, struct slice payload,
                struct chunk *tail, bool may_wait, publish_answer *answer)
{
	struct channel *channel = bus->run.channel;
	uint64_t receivers = 0;
	bool has_waited = c->has_waited;

	c->has_waited = false;
	if (may_wait && flow_has_worked(&bus->flow) && channels_must_match(&bus->router.channels, name, is_shard))
		return flow_wait(&bus->flow, c, &bus->flow.postponed) ? PUBLISH_WAIT : PUBLISH_DEAD;
	if ((!channel || !channel_is(channel, name, is_shard)) &&
	    channels_lookup(&bus->router.channels, name, is_shard, false, &channel) < 0)
		return PUBLISH_NOMEM;
	if (channel)
		know(bus, channel, c);
	if (channel ? !c->publish_allowed : !publish_is_allowed(bus, c, name))
		return PUBLISH_DENIED;
	if (may_wait && wait_for_channel(bus, c, name, is_shard, payload.len, channel, has_waited))
		return PUBLISH_WAIT;
	if (may_wait && c->state == CLIENT_DEAD)
		return PUBLISH_DEAD;
	if (channel && channel->n_total > 0) {
		if (run_open(&bus->run, c, channel, payload.len) < 0)
			return PUBLISH_NOMEM;
		if (may_wait && wait_for_untried(bus, c, channel, has_waited)) /* of the run before */
			return PUBLISH_WAIT;
		receivers = count_takers(bus, channel, payload.len >= RUN_LARGE);
		if (answer)
			answer(bus, c, receivers, bus->run.barrier);
		if (run_append(&bus->run, payload, tail) < 0)
			return PUBLISH_LOST;
	} else {
		bus->flow.stats.messages++;
		if (channel)
			channel->messages++;
		if (answer)
			answer(bus, c, 0, NULL);
	}
	c->published++;
	if (bus->taps.n > 0)
		taps_show(&bus->taps, &(struct publication){ c, name, is_shard, receivers }, payload);
	return PUBLISH_DONE;
}
