/* The beginning and the end of a session. */
#pragma once

#include <stddef.h>

struct bus;
struct session;
struct identity;

/* Takes over the identity's reference to its groups, also on failure. Returns 0 or -ENOMEM. */
int session_init(struct bus *bus, struct session *s, const struct identity *identity);

/* Leaves all channels and lists and drops unsent output. The caller frees the input before, and s afterwards. */
void session_deinit(struct bus *bus, struct session *s);
