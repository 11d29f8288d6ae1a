/*
 * How many receivers a session's publications wait for, UDSD WAITRECEIVER: a number that holds until further notice,
 * and perhaps another one for some time, after which the first holds again. client.wait_receivers is the one that holds
 * now; bus/ knows only that.
 */
#pragma once

#include <stdint.h>

struct bus;
struct session;

/* Sets the number that holds until further notice. */
void wait_receivers_set(struct bus *bus, struct session *s, uint16_t receivers);

/* Sets the number for the next `ms` milliseconds, at most PROTOCOL_WAIT_MS_MAX. Returns 0 or -ENOMEM. */
int wait_receivers_set_for(struct bus *bus, struct session *s, uint16_t receivers, uint64_t ms);

/* Ends what is over, and resumes those that wait for it. Call from time to time while sessions wait. */
void wait_receivers_expire(struct bus *bus);
