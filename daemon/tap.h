/*
 * UDSD MONITOR: sessions that are told of every message that is published: who sent it, and to how many. Each notice
 * is a message of the channel PROTOCOL_PUBLISHED. Publishers never wait for a tap: one that does not keep up misses
 * notices, and is told how many (missed.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

struct bus;
struct publication;
struct session;
struct tap;

/* Takes NULL. */
void tap_free(struct tap *tap);

/* From now on, the session is told of channels that match the pattern (NULL: of all). Returns 0 or -ENOMEM. */
int tap_join(struct bus *bus, struct session *s, const struct slice *pattern);

/* Does nothing for who is no tap. */
void tap_leave(struct bus *bus, struct session *s);

/* Disconnects the taps that are no administrators any more. */
void tap_check_rights(struct bus *bus);

/* Tells of a message that was published. */
void tap_show(struct bus *bus, const struct publication *publication, struct slice payload);
