/*
 * Publishing one message, for commands and for clients that only write: whether the publisher may, whether it has to
 * wait for receivers, and how many it goes to. The answer stands before the message where the publisher receives its
 * own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

struct barrier;
struct chunk;

enum publish_result {
	PUBLISH_DONE,
	PUBLISH_WAIT,   /* nothing is done, and the client is in state WAITING: the same again later */
	PUBLISH_DENIED, /* the channel's rule does not admit the client */
	PUBLISH_NOMEM,
	PUBLISH_LOST, /* there was no memory, and it was answered that it was published */
	PUBLISH_DEAD, /* the client has died */
};

/* Queues the answer to the publisher: how many receivers. It has to wait for the barrier, or NULL. */
typedef void publish_answer(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier);

/*
 * Publishes a message to a channel, whose name has at most PROTOCOL_NAME_MAX. tail: see run_append(). may_wait: else it
 * is published now, even if receivers are clogged or the client is dead. answer: or NULL.
 */
enum publish_result publish_message(struct bus *bus, struct client *c, struct slice name, bool is_shard,
                                    struct slice payload, struct chunk *tail, bool may_wait, publish_answer *answer);

/*
 * Whether it is one more message for the open run, of somebody who has published to its channel before, while nobody is
 * slow and nothing has changed: then publish_more() does what publish_message() would.
 */
static inline bool
publish_is_more(const struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len)
{
	const struct channel *channel = bus->run.channel;

	return channel && c->last_published.channel == channel &&
	       c->last_published.generation == bus->router.channels.members_generation && c->publish_allowed &&
	       bus->run.own == run_own(c) && !client_is_subscribed(c) && bus->flow.n_clogged == 0 &&
	       bus->flow.users.n_over == 0 && bus->taps.n == 0 && run_has_room(&bus->run, len) &&
	       channel_is(channel, name, is_shard);
}

static inline void
publish_more(struct bus *bus, struct client *c, struct slice payload, publish_answer *answer)
{
	if (answer)
		answer(bus, c, bus->run.channel->n_total, bus->run.barrier);
	if (run_put(&bus->run, payload) || bus->flow.users.n_over > 0) /* by the answer */
		run_close(&bus->run);
	bus->flow.stats.messages++;
	c->published++;
}

/*
 * Whether a message has to wait, and then the client is in state WAITING. What is refused does not. The work of
 * finding out who receives it is done in any case.
 */
bool publish_wait(struct bus *bus, struct client *c, struct slice name, bool is_shard, size_t len);

/* Whether the client may publish to a channel. */
bool publish_is_allowed(const struct bus *bus, const struct client *c, struct slice name);
