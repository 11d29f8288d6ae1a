/*
 * What udsctl recv subscribes to: the user's channels and patterns; and the channel that tells what was
 * dropped here, last and by a command of its own, so that a daemon that refuses only this still gives the
 * messages.
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
	size_t confirmed;    /* of all, on this connection */
	bool asks_missed;    /* false where PROTOCOL_MISSED is one of the user's */
};

void subscription_init(struct subscription *s, const struct recv_options *o);
void subscription_deinit(struct subscription *s);

/* Whether the user's subscriptions are confirmed. */
bool subscription_is_complete(const struct subscription *s);

/* Whether an error that comes now refuses nothing but to tell what was dropped. */
bool subscription_may_be_refused(const struct subscription *s);

/* Whether the message tells how many messages of a channel were dropped, to one who did not ask for it himself. */
bool subscription_tells_missed(const struct subscription *s, struct slice channel, struct slice payload,
                               uint64_t *ret_missed, struct slice *ret_channel);
