/*
 * Publishes one message, for commands and for clients that only write: whether the client may, whether it has to wait
 * for receivers, how many the message goes to, and whether it is stored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "publish-request.h"

enum publish_result {
	PUBLISH_DONE,
	PUBLISH_WAIT,    /* nothing was done; the client is in state WAITING and has to try again. EXEC waits, too. */
	PUBLISH_REFUSED, /* it would be stored, and cannot be: bus.refusal is the text of the error reply */
	PUBLISH_DENIED,  /* the channel's rule does not admit the client */
	PUBLISH_NOMEM,   /* nothing was done */
	PUBLISH_LOST,    /* there was no memory, although the answer is queued already: the client must not get it */
	PUBLISH_DEAD,    /* the client has died meanwhile */
};

enum publish_result publish_message(struct bus *bus, struct client *c, const struct publish_request *request);

/* Whether the open batch takes one more message; is_allowed: as far as the client's last_published is up to date. */
static inline bool __attribute__((always_inline))
publish_joins_if(const struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len, bool is_allowed)
{
	const struct channel *channel = bus->batch.channel;

	return channel && c->last_published.channel == channel &&
	       c->last_published.generation == bus->subscriptions.channels.routing.members_generation && is_allowed &&
	       bus->batch.own == batch_own(c) && !client_is_subscribed(c) && batch_has_room(&bus->batch, len) &&
	       channel_is(channel, name, is_shard);
}

/* Whether the open batch takes one more message by a client that has published to its channel before. */
static inline bool
publish_joins(const struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len)
{
	return publish_joins_if(bus, c, name, is_shard, len, c->publish_allowed);
}

/*
 * Likewise, if the message is not stored, while nobody is clogged or over a quota. Then publish_more() does the same as
 * publish_message().
 */
static inline bool
publish_is_more(const struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len)
{
	return bus->flow.n_clogged == 0 && bus->flow.users.n_over == 0 && bus->taps.n == 0 &&
	       publish_joins_if(bus, c, name, is_shard, len, c->publishes_plainly);
}

static inline void
publish_more(struct bus *bus, struct client *c, struct slice payload, publish_answer *answer)
{
	if (answer)
		answer(bus, c, bus->batch.channel->n_total, bus->batch.barrier);
	if (batch_put(&bus->batch, payload) || bus->flow.users.n_over > 0) /* which the answer may have caused */
		batch_send(&bus->batch);
	bus->flow.stats.messages++;
	c->published++;
}

/*
 * Whether a message would have to wait; then the client is in state WAITING. One that would be refused does not wait.
 * Otherwise adds to *memory what it would take in the queues of its receivers, in bytes. For each message that EXEC
 * publishes, in order.
 */
bool publish_wait(struct bus *bus, struct client *c, const struct publish_request *request, uint64_t *memory);

/* From now on what the client publishes waits until its channel has so many receivers. */
void publish_set_wait_receivers(struct bus *bus, struct client *c, uint16_t receivers);

/* Whether the client may publish to a channel. */
bool publish_is_allowed(struct bus *bus, const struct client *c, struct slice name);
