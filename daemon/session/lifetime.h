/* What a session keeps of its input, and its end. */
#pragma once

#include <stddef.h>

struct bus;
struct session;
struct identity;

/* Takes over the identity's reference of its groups, also on failure. Returns 0 or -ENOMEM. */
int session_init(struct session *s, struct bus *bus, const struct identity *identity);

/* Leaves all channels and lists and drops what is queued; its input is gone already. Does not free s itself. */
void session_deinit(struct session *s, struct bus *bus);

/* Charges its user with what it has sent and is not handled; if that is too much, it waits or is closed. */
void session_hold(struct session *s, struct bus *bus, size_t input);
