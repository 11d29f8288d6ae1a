#include "publish.h"

#include "access.h"
#include "bus.h"
#include "router.h"
#include "run.h"
#include "session.h"
#include "tap.h"

bool
publish_is_allowed(const struct bus *bus, const struct session *s, struct slice name)
{
	return access_list_admits(&access_find(bus->rules, name)->publish, &s->identity);
}

/* Lets a publisher wait until the channel has a receiver. */
static bool
wait_for_receiver(struct bus *bus, struct session *s, struct slice name, bool is_shard)
{
	struct channel *channel;

	if (router_lookup(bus, name, is_shard, true, &channel) < 0) {
		session_out_of_memory(s, bus); /* whatever the caller replies now does not go out */
		return false;
	}
	return session_wait(s, bus, &channel->waiters);
}

/* Lets a publisher wait for the next pass: receivers that have not been written to in this one may not be slow at all.
 */
static bool
wait_for_untried(struct bus *bus, struct session *s, struct channel *channel)
{
	return bus->has_untried && channel->rule->slow != SLOW_WAIT && router_count_clogged(bus, channel) > 0 &&
	       session_wait(s, bus, &bus->postponed);
}

/* Lets a publisher wait if it has to. channel: NULL if it has no receivers. */
static bool
wait_for_channel(struct bus *bus, struct session *s, struct slice name, bool is_shard, size_t len,
                 struct channel *channel)
{
	if (!channel || channel->n_total == 0)
		return s->wait_receiver && wait_for_receiver(bus, s, name, is_shard);
	if (channel->rule->slow != SLOW_WAIT)
		return wait_for_untried(bus, s, channel);
	if ((bus->n_clogged == 0 || router_count_clogged(bus, channel) == 0) &&
	    (bus->n_over == 0 || len < RUN_LARGE || router_count_clogged_for_large(channel) == 0))
		return false;
	return session_wait(s, bus, &bus->throttled);
}

bool
publish_wait(struct bus *bus, struct session *s, struct slice name, bool is_shard, size_t len)
{
	struct channel *channel;

	if (!publish_is_allowed(bus, s, name) || router_lookup(bus, name, is_shard, false, &channel) < 0)
		return false;
	return wait_for_channel(bus, s, name, is_shard, len, channel);
}

/* Receivers that a message goes to now: a channel whose policy is to drop passes over those that are clogged. */
static uint64_t
count_takers(struct bus *bus, struct channel *channel, bool is_large)
{
	if (channel->rule->slow != SLOW_DROP)
		return channel->n_total;
	if (bus->n_over > 0 && is_large)
		return channel->n_total - router_count_clogged_for_large(channel);
	return channel->n_total - (bus->n_clogged > 0 ? router_count_clogged(bus, channel) : 0);
}

enum publish_result
publish_message(struct bus *bus, struct session *s, struct slice name, bool is_shard, struct slice payload,
                struct chunk *tail, bool may_wait, publish_answer *answer)
{
	struct channel *channel = bus->run.channel;
	uint64_t receivers = 0;

	if (may_wait && bus_has_worked(bus) && router_must_match(&bus->router, name, is_shard))
		return session_wait(s, bus, &bus->postponed) ? PUBLISH_WAIT : PUBLISH_DEAD;
	if ((!channel || !channel_is(channel, name, is_shard)) &&
	    router_lookup(bus, name, is_shard, false, &channel) < 0)
		return PUBLISH_NOMEM;
	if (channel)
		router_know_publisher(bus, channel, s);
	if (channel ? !s->publish_allowed : !publish_is_allowed(bus, s, name))
		return PUBLISH_DENIED;
	if (may_wait && wait_for_channel(bus, s, name, is_shard, payload.len, channel))
		return PUBLISH_WAIT;
	if (may_wait && s->state == SESSION_DEAD)
		return PUBLISH_DEAD;
	if (channel && channel->n_total > 0) {
		if (run_open(bus, s, channel, payload.len) < 0)
			return PUBLISH_NOMEM;
		if (may_wait && wait_for_untried(bus, s, channel)) /* of the run before */
			return PUBLISH_WAIT;
		receivers = count_takers(bus, channel, payload.len >= RUN_LARGE);
		if (answer)
			answer(bus, s, receivers, bus->run.barrier);
		if (run_append(bus, payload, tail) < 0)
			return PUBLISH_LOST;
	} else {
		bus->stats.messages++;
		if (channel)
			channel->messages++;
		if (answer)
			answer(bus, s, 0, NULL);
	}
	s->published++;
	if (bus->taps.n > 0)
		tap_show(bus, &(struct publication){ s, name, is_shard, receivers }, payload);
	return PUBLISH_DONE;
}
