/*
 * What is published to a channel with a clogged receiver: the rule of the channel says whether its publishers wait, the
 * receiver misses the message, it is disconnected, or it gets the message from the store later. Who is clogged is
 * decided in clients/output-limit.c.
 *
 * A receiver that misses messages or is disconnected must have had its chance: its socket is tried first, so the
 * publisher waits for that, once for each message. A receiver that is disconnected gets the message that was its last.
 *
 * While its user is over the quota, a receiver that is not clogged misses large messages too, see
 * output_limit_is_reached().
 */
#include "slow-policy.h"

#include "replay.h"

/* Whether a receiver gets the channel from the store now. */
static bool
slow_policy_is_behind(const struct channel *channel, uint32_t way, const struct client *c)
{
	return replay_find(c, channel, way > 0 ? channel->matches[way - 1].pattern : NULL);
}

/* Counts the receivers that have reached their limit; without those for which it does not matter. */
static uint32_t
slow_policy_count_limited(struct flow *flow, const struct channel *channel, bool is_large)
{
	uint32_t n = 0;

	flow->work.done += ((uint64_t)channel->n_total + channel->n_matches) * WORK_VISIT;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++) {
			const struct client *c = recvset_array(set)[i];

			n += output_limit_is_reached(c, is_large) && channel_admits(channel, c) &&
			     !slow_policy_is_behind(channel, way, c);
		}
	}
	return n;
}

uint32_t
slow_policy_count_clogged(struct flow *flow, struct channel *channel)
{
	if (channel->clog_generation != flow->clog_generation) {
		channel->n_clogged = slow_policy_count_limited(flow, channel, false);
		channel->clog_generation = flow->clog_generation;
	}
	return channel->n_clogged;
}

/* How many receivers have no room for a payload of this length. */
static uint32_t
slow_policy_count_full(struct flow *flow, struct channel *channel, size_t len)
{
	if (flow->users.n_over > 0 && len >= channel->large_from)
		return slow_policy_count_limited(flow, channel, true); /* with those that are clogged */
	return flow->n_clogged > 0 ? slow_policy_count_clogged(flow, channel) : 0;
}

bool
slow_policy_must_wait(struct flow *flow, struct channel *channel, size_t len)
{
	return channel->slow == SLOW_WAIT && slow_policy_count_full(flow, channel, len) > 0;
}

bool
slow_policy_must_try(struct flow *flow, struct channel *channel)
{
	return channel->slow != SLOW_WAIT && flow->has_untried && slow_policy_count_clogged(flow, channel) > 0;
}

uint64_t
slow_policy_count_receivers(struct flow *flow, struct channel *channel, size_t len)
{
	uint64_t n = channel->n_total;

	if (channel->slow == SLOW_DROP || channel->slow == SLOW_STORE)
		n -= slow_policy_count_full(flow, channel, len);
	return n > channel->n_replays ? n - channel->n_replays : 0;
}
