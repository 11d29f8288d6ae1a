/*
 * What udsctl recv subscribes to: the user's channels and patterns, and the channel on which the daemon says how many
 * messages it dropped for this receiver.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"

struct recv_options;

struct subscription {
	struct buf commands; /* to be written after each connect */
	size_t n;            /* the user's channels and patterns */
	size_t confirmed;    /* subscriptions that the daemon has confirmed on this connection, in order */
	bool asks_missed;    /* false if PROTOCOL_MISSED is one of the user's channels: then its messages are printed */
};

void subscription_init(struct subscription *s, const struct recv_options *o);
void subscription_deinit(struct subscription *s);

/*
 * Whether the message is a notice of dropped messages that the user has not subscribed to. Then sets how many were
 * dropped and the channel, which lies in the payload.
 */
bool subscription_parse_missed(const struct subscription *s, struct slice channel, struct slice payload,
                               uint64_t *ret_missed, struct slice *ret_channel);
