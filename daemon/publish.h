/*
 * Publishing one message, for commands and for clients that only write: whether the publisher may, whether it has to
 * wait for receivers, and how many it goes to. The answer is queued between beginning and end, so that it stands
 * before the message where the publisher receives its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct barrier;
struct bus;
struct channel;
struct chunk;
struct session;

struct publication {
	struct session *publisher;
	struct slice name;
	bool is_shard;
	struct channel *channel; /* NULL: there is none of that name */
	uint64_t receivers;      /* that the message goes to now */
	struct barrier *barrier; /* that the answer has to wait for; NULL: nobody receives the channel */
};

enum publish_result {
	PUBLISH_READY,  /* publish_end() must follow, and nothing but an answer in between */
	PUBLISH_WAIT,   /* nothing is done, and the session is in state WAITING: the same again later */
	PUBLISH_DENIED, /* the channel's rule does not admit the session */
	PUBLISH_NOMEM,
	PUBLISH_DEAD, /* the session has died */
};

/*
 * Gets ready to publish a message of len bytes to a channel, whose name has at most PROTOCOL_NAME_MAX. may_wait: else
 * it is published now, even if receivers are clogged or the session is dead.
 */
enum publish_result publish_begin(struct bus *bus, struct session *s, struct slice name, bool is_shard, size_t len,
                                  bool may_wait, struct publication *ret_publication);

/* Publishes it. tail: see run_append(). Returns 0, or -ENOMEM and then it was not published. */
int publish_end(struct bus *bus, const struct publication *publication, struct slice payload, struct chunk *tail);

/*
 * Whether a message has to wait, and then the session is in state WAITING. What is refused does not. The work of
 * finding out who receives it is done in any case.
 */
bool publish_wait(struct bus *bus, struct session *s, struct slice name, bool is_shard, size_t len);

/* Whether the session may publish to a channel. */
bool publish_is_allowed(const struct bus *bus, const struct session *s, struct slice name);
