/* Encodes PUBLISH commands. What stands before the message is encoded once for each channel. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "protocol.h"

struct sendq;

/* Zero-initialised: publish_use() must come first. */
struct publish {
	struct buf prefix;    /* the command up to the message */
	struct slice channel; /* within the prefix */
};

void publish_deinit(struct publish *p);

/* Sets the channel of the messages to come. */
void publish_use(struct publish *p, const struct slice *channel);

/* Queues the command for one message as a frame. */
void publish_push(const struct publish *p, struct sendq *queue, const struct slice *message);

/* The length of the message in such a frame. */
uint64_t publish_message_size(const struct slice *frame);
