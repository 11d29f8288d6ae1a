/* The limit for input that the clients of a user have sent and the daemon has not handled yet. */
#pragma once

#include <stddef.h>

struct bus;
struct session;

/*
 * Charges the session's user for `input` bytes of memory of unhandled input, and for the transaction. Over the limit,
 * the session waits until others of the user have finished theirs; see input-quota.c.
 */
void input_quota_charge(struct bus *bus, struct session *s, size_t input);

/* Closes sessions that send nothing while others of their user wait for them. Call about once a second. */
void input_quota_close_stalled(struct bus *bus);
