/* The beginning and the end of a session, and the limit for its unhandled input. */
#pragma once

#include <stddef.h>

struct bus;
struct session;
struct identity;

/* Takes over the identity's reference to its groups, also on failure. Returns 0 or -ENOMEM. */
int session_init(struct bus *bus, struct session *s, const struct identity *identity);

/* Leaves all channels and lists and drops unsent output. The caller frees the input before, and s afterwards. */
void session_deinit(struct bus *bus, struct session *s);

/*
 * Charges the session's user for `input` bytes of memory of unhandled input, and for the transaction. Over the limit,
 * the session waits until others of the user have finished theirs; see lifetime.c.
 */
void session_charge_input(struct bus *bus, struct session *s, size_t input);

/* Closes sessions that send nothing while others of their user wait for them. Call about once a second. */
void session_close_stalled(struct bus *bus);
