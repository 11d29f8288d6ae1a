/* One message that is published, and how. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

struct barrier;
struct bus;
struct chunk;
struct client;

/* Queues the answer to the publisher: the number of receivers. The answer has to wait for the barrier, or NULL. */
typedef void publish_answer(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier);

/* Adds the message to its stream. Returns NULL; or, for bus.refusal, why it has not; then nothing is published. */
typedef const char *publish_store(struct bus *bus, void *arg);

struct publish_request {
	struct slice name; /* of the channel, at most PROTOCOL_NAME_MAX bytes */
	bool is_shard;
	bool may_wait; /* false: publish now, even if receivers are clogged or the publisher is dead */
	struct slice payload;
	struct chunk *tail;     /* see batch_append(); or NULL */
	publish_answer *answer; /* called before the message is queued for a receiver; NULL: no answer */
	publish_store *store;   /* if it is stored: adds it to its stream; NULL: as PUBLISH does */
	void *store_arg;
};
