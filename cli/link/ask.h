/*
 * Questions to the daemon, one after another, for verbs that ask and print. All errors are reported to people and
 * returned as an exit status.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"
#include "resp-reply.h"

struct ask;
struct options;

/* Connects with the first question. --timeout, or 5 s, limits the wait for each answer. */
struct ask *ask_new(const struct options *o);
void ask_free(struct ask *a);

/*
 * Sends a command, whose words end with NULL, and waits for the reply, which is valid until the next call. Returns 0 or
 * an exit status; an error reply is EX_NOPERM or EX_PROTOCOL.
 */
int ask(struct ask *a, const struct resp_node **ret_reply, ...) __attribute__((sentinel));

/* Called with one reply, message or element. Returns 0, or the exit status to end with. */
typedef int ask_cb(const struct resp_node *node, void *arg);

/* The same where the reply is an array of any length: cb gets each element. */
int ask_each(struct ask *a, ask_cb *cb, void *arg, ...) __attribute__((sentinel));

/* Sends encoded commands and waits for so many replies and messages, which are only counted. Returns as ask() does. */
int ask_many(struct ask *a, struct slice commands, size_t replies);

/* ask_listen()'s cb returns this to end with status 0. */
#define ASK_DONE (-1)

/*
 * Sends a command, waits for its reply, and gives everything that comes then to cb, until that returns a status or the
 * connection is lost. Returns the status.
 */
int ask_listen(struct ask *a, ask_cb *cb, void *arg, ...) __attribute__((sentinel));

/* Waits for `ms` milliseconds. Returns 0, or the exit status if the connection is lost or a signal comes. */
int ask_wait(struct ask *a, uint64_t ms);

/* How long the last reply took, from the write of its command on, in ns. */
uint64_t ask_took(const struct ask *a);

/* The last reply is not one of a bus: says so, and returns the exit status. */
int ask_foreign(struct ask *a);

/* The address as text. */
const char *ask_name(const struct ask *a);

/* The value of a key in a map or flat array of plain values; NULL where there is none. */
const struct resp_node *ask_lookup(const struct resp_node *map, const char *key);
