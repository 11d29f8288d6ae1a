/*
 * Why a publisher waits, in the order of the checks, and the list that it waits on:
 * - the EXEC of another client is paused, or a wide message is on its way, and nothing may come in between: excluded;
 * - its channel has to be matched with so many patterns that it may take several passes: wide_waiters;
 * - nobody receives the channel, and the client has asked to wait for somebody: the channel's waiters;
 * - fewer receive it than the client has asked to wait for, or only some that may not: gathering;
 * - the message is stored, and too much waits for the disk: the streams' throttled;
 * - a receiver is clogged, and the channel's policy is to wait: throttled;
 * - a receiver is clogged, the policy is to drop or to disconnect, but its socket has not been tried in this pass:
 *   untried. That receiver may be about to read everything. A publisher waits so once for each message at most;
 * - the message is wide, that is, its delivery may take several passes: wide_waiters.
 * A publisher that has to wait has changed nothing. It tries again from the beginning.
 *
 * The answer is queued before the message is, so that a publisher that receives its own message gets the answer first.
 * Hence PUBLISH_LOST: if there is no memory for the message then, the answer is wrong.
 */
#include "publish.h"

#include "slow-policy.h"
#include "stored.h"
#include "streams.h"

/* Of last_published: what the client knows of the channel does not hold. */
#define GENERATION_NONE UINT64_MAX

bool
publish_is_allowed(struct bus *bus, const struct client *c, struct slice name)
{
	bus->flow.work.done += bus->access.n_rules * WORK_VISIT;
	return access_list_admits(&access_find(bus->access.rules, name)->publish, &c->identity);
}

/* Brings last_published, publishes_to_own and publish_allowed of the client up to date. */
static void
publish_refresh_client(struct bus *bus, const struct channel *channel, struct client *c)
{
	uint64_t generation = bus->subscriptions.channels.routing.members_generation;

	if (c->last_published.channel == channel && c->last_published.generation == generation)
		return;
	bus->flow.work.done += ((uint64_t)channel->n_total + channel->n_matches) * WORK_VISIT / 4;
	c->publishes_to_own = channel_is_received_by(channel, c);
	c->publish_allowed = access_list_admits(&channel->rule->publish, &c->identity);
	c->publishes_plainly = c->publish_allowed && !channel->is_stored;
	c->last_published.channel = channel;
	c->last_published.generation = generation;
}

void
publish_set_wait_receivers(struct bus *bus, struct client *c, uint16_t receivers)
{
	const struct channel *channel = c->last_published.channel; /* it is there, if the client is on its list */

	c->wait_receivers = receivers;
	c->last_published.generation = GENERATION_NONE; /* the next message is not published without looking */
	if (c->in_list == &bus->flow.gathering || (channel && c->in_list == &channel->waiters))
		flow_resume(&bus->flow, c);
}

/* Makes a publisher wait for the turn in which its message may take several passes. */
static bool
publish_wait_for_wide(struct bus *bus, struct client *c, bool has_waited)
{
	c->has_waited = has_waited;
	return flow_wait(&bus->flow, c, &bus->flow.wide_waiters);
}

/* Makes a publisher wait until the channel, NULL if it has no receivers, has more of them. */
static bool
publish_wait_for_receivers(struct bus *bus, struct client *c, const struct publish_request *request,
                           struct channel *channel)
{
	int r = 0;

	/* publish_is_more() must not hold when it tries again. */
	c->last_published.generation = GENERATION_NONE;
	if (!channel)
		r = channels_lookup(&bus->subscriptions.channels, request->name, request->is_shard, true, &channel);
	if (r == ROUTING_E_MORE)
		return publish_wait_for_wide(bus, c, c->has_waited);
	if (r < 0) {
		flow_out_of_memory(&bus->flow, c); /* so the caller's reply does not go out */
		return false;
	}
	c->last_published.channel = channel;
	/* Channels with subscribers are not looked at when a pattern comes, even if these may not receive it. */
	return flow_wait(&bus->flow, c,
	                 channel->n_total + channel->receivers.n > 0 ? &bus->flow.gathering : &channel->waiters);
}

/* Makes a publisher wait for the next pass, unless it has, while the socket of a clogged receiver is untried. */
static bool
publish_wait_for_untried(struct bus *bus, struct client *c, struct channel *channel, bool has_waited)
{
	return !has_waited && slow_policy_must_try(&bus->flow, channel) && flow_wait(&bus->flow, c, &bus->flow.untried);
}

/* Whether the message is stored. channel: up to date; may be NULL if it has no receivers. */
static bool
publish_is_stored(struct bus *bus, const struct publish_request *request, const struct channel *channel)
{
	if (channel)
		return channel->is_stored;
	return bus->access.stored && !request->is_shard &&
	       access_is_stored(&bus->access, request->name, &bus->flow.work.done);
}

/* Makes a publisher wait if its receivers require it. channel: may be NULL if it has no receivers. */
static bool
publish_wait_for_channel(struct bus *bus, struct client *c, const struct publish_request *request,
                         struct channel *channel, bool is_stored, bool has_waited)
{
	if (is_stored && streams_must_wait(bus->streams, c))
		return true;
	if (!is_stored && c->wait_receivers > (channel ? channel->n_total : 0))
		return publish_wait_for_receivers(bus, c, request, channel);
	if (!channel || channel->n_total == 0)
		return false;
	if (slow_policy_must_wait(&bus->flow, channel, request->payload.len))
		return flow_wait(&bus->flow, c, &bus->flow.throttled);
	return publish_wait_for_untried(bus, c, channel, has_waited);
}

/* What the message adds to the queues of its receivers beside the payload, which they share. */
static uint64_t
publish_memory(const struct channel *channel, size_t payload_len)
{
	uint64_t memory = (uint64_t)channel->n_total * 2 * OUTQ_SPAN_COST;

	if (channel->n_matches > 0)
		memory += channel->heads_len +
		          (payload_len < channel->large_from ? (uint64_t)channel->n_matches * payload_len : 0);
	return memory;
}

bool
publish_wait(struct bus *bus, struct client *c, const struct publish_request *request, uint64_t *memory)
{
	struct channel *channel;
	int r;

	bus->flow.work.done += WORK_LOOKUP;
	if (!publish_is_allowed(bus, c, request->name))
		return false;
	r = channels_lookup(&bus->subscriptions.channels, request->name, request->is_shard, false, &channel);
	if (r != 0)
		return r == ROUTING_E_MORE && publish_wait_for_wide(bus, c, c->has_waited);
	if (publish_wait_for_channel(bus, c, request, channel, publish_is_stored(bus, request, channel), c->has_waited))
		return true;
	/* Messages to one channel in a row share their spans. */
	if (channel && !(c->last_published.channel == channel && channel->n_matches == 0 &&
	                 request->payload.len < channel->large_from))
		*memory += publish_memory(channel, request->payload.len);
	if (channel)
		publish_refresh_client(bus, channel, c);
	return false;
}

/* As channels_lookup(); but who can neither wait nor go on later gets it done. */
static int
publish_lookup(struct bus *bus, const struct client *c, const struct publish_request *request,
               struct channel **ret_channel)
{
	int r;

	do
		r = channels_lookup(&bus->subscriptions.channels, request->name, request->is_shard, false, ret_channel);
	while (r == ROUTING_E_MORE && !request->may_wait && bus->flow.executing != c);
	return r;
}

/* Whether nothing may be published now. */
static bool
publish_is_excluded(const struct bus *bus, struct client *c, const struct publish_request *request)
{
	return flow_excludes(&bus->flow, c) ||
	       (batch_is_wide(&bus->batch) &&
	        !publish_joins(bus, c, request->name, request->is_shard, request->payload.len));
}

/* Publishes to an up-to-date channel with receivers. */
static enum publish_result
publish_to_receivers(struct bus *bus, struct client *c, const struct publish_request *request, struct channel *channel,
                     bool has_waited, uint64_t *ret_receivers)
{
	bool is_wide = channel->is_wide;

	if (is_wide && request->may_wait && bus->flow.wide != c)
		return publish_wait_for_wide(bus, c, has_waited) ? PUBLISH_WAIT : PUBLISH_DEAD;
	if (batch_open(&bus->batch, c, channel, request->payload.len) < 0)
		return PUBLISH_NOMEM;
	if (channel->is_stored && stored_bind_batch(bus, c, channel, request->payload.len) < 0)
		return PUBLISH_NOMEM;
	if (request->may_wait &&
	    publish_wait_for_untried(bus, c, channel, has_waited)) /* the batch before may have clogged it */
		return PUBLISH_WAIT;
	*ret_receivers = slow_policy_count_receivers(&bus->flow, channel, request->payload.len);
	if (channel->is_stored && (bus->refusal = stored_add_to_batch(bus, c, request)))
		return PUBLISH_REFUSED;
	if (request->answer)
		request->answer(bus, c, *ret_receivers, bus->batch.barrier);
	if (batch_append(&bus->batch, request->payload, request->tail) < 0)
		return PUBLISH_LOST;
	if (is_wide && client_is_subscribed(c))
		bus->flow.work.turn_end = bus->flow.work.done; /* further replies come after the message */
	return PUBLISH_DONE;
}

/* Publishes to a channel that nobody receives now. channel: up to date; may be NULL. */
static enum publish_result
publish_to_nobody(struct bus *bus, struct client *c, const struct publish_request *request, struct channel *channel,
                  bool is_stored)
{
	struct barrier *barrier = NULL;

	if (is_stored && (bus->refusal = stored_add(bus, c, request, &barrier)))
		return PUBLISH_REFUSED;
	bus->flow.stats.messages++;
	if (channel)
		channel->messages++;
	if (request->answer)
		request->answer(bus, c, 0, barrier);
	return PUBLISH_DONE;
}

enum publish_result
publish_message(struct bus *bus, struct client *c, const struct publish_request *request)
{
	struct channel *channel = bus->batch.channel;
	bool may_wait = request->may_wait, has_waited = c->has_waited;
	enum publish_result result = PUBLISH_DONE;
	uint64_t receivers = 0;
	bool is_stored;
	int r = 0;

	if (may_wait && publish_is_excluded(bus, c, request))
		return flow_wait(&bus->flow, c, &bus->flow.excluded) ? PUBLISH_WAIT : PUBLISH_DEAD;
	c->has_waited = false;
	if (!channel || !channel_is(channel, request->name, request->is_shard))
		r = publish_lookup(bus, c, request, &channel);
	if (r == ROUTING_E_MORE)
		return publish_wait_for_wide(bus, c, has_waited) ? PUBLISH_WAIT : PUBLISH_DEAD;
	if (r < 0)
		return PUBLISH_NOMEM;
	if (channel)
		publish_refresh_client(bus, channel, c);
	if (channel ? !c->publish_allowed : !publish_is_allowed(bus, c, request->name))
		return PUBLISH_DENIED;
	is_stored = publish_is_stored(bus, request, channel);
	if (may_wait && publish_wait_for_channel(bus, c, request, channel, is_stored, has_waited))
		return PUBLISH_WAIT;
	if (may_wait && c->state == CLIENT_DEAD)
		return PUBLISH_DEAD;
	if (channel && channel->n_total > 0)
		result = publish_to_receivers(bus, c, request, channel, has_waited, &receivers);
	else
		result = publish_to_nobody(bus, c, request, channel, is_stored);
	if (result != PUBLISH_DONE)
		return result;
	bus->flow.stats.unreceived += receivers == 0; /* publish_more() has receivers */
	c->published++;
	if (bus->taps.n > 0)
		taps_show(
		    &bus->taps,
		    &(struct publication){ c, request->name, request->is_shard ? "spublish" : "publish", receivers },
		    request->payload);
	return PUBLISH_DONE;
}
