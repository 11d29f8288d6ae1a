/*
 * What a receiver missed since it was clogged and a channel's policy is to drop. It is told in the place where
 * the messages would have stood, by a message of the channel PROTOCOL_MISSED, if it is subscribed to that or is a tap.
 */
#pragma once

#include <stdint.h>

#include "protocol.h"

struct bus;
struct missed;
struct session;

/* Takes NULL. */
void missed_free(struct missed *missed);

/* The session does not get so many messages of the channel. */
void missed_add(struct bus *bus, struct session *s, struct slice channel, uint32_t messages);

/* Tells the session, before it gets anything else. Does nothing for who missed nothing. */
void missed_tell(struct bus *bus, struct session *s);
