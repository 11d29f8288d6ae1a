/* The frames of PUBLISH commands: all that is in front of a message is put together once for each channel. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "protocol.h"

struct sendq;

/* Zero-initialised has no channel. */
struct publish {
	struct buf prefix;
	struct slice channel; /* in the prefix */
};

void publish_deinit(struct publish *p);

/* What is pushed from now on is for this channel. */
void publish_use(struct publish *p, const struct slice *channel);

void publish_push(const struct publish *p, struct sendq *queue, const struct slice *message);

/* Bytes of the message in a frame that was pushed. */
uint64_t publish_message_size(const struct slice *frame);
