/*
 * A session is a client that is spoken to, in RESP or one of the other modes: its unhandled input, how it wants its
 * answers, what it says of itself. It has no socket; a connection embeds it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct feed;
struct input;
struct transaction;

/* What becomes of the replies to commands (CLIENT REPLY); messages and confirmations always go out. */
enum session_reply_mode {
	REPLY_ON,
	REPLY_SKIP_NEXT, /* the next command gets none */
	REPLY_SKIP,      /* the command that runs gets none */
	REPLY_OFF,
};

struct session {
	struct client client; /* first */
	union {
		struct input *in;  /* unfinished or unhandled input, or NULL */
		struct feed *feed; /* likewise, in other modes than route */
	};
	struct session_info *info; /* or NULL */
	uint32_t kept;             /* charged to its user for input and a transaction */
	uint8_t reply_mode;        /* enum session_reply_mode */
	uint8_t last_command;      /* its row in the table, counted from 1; 0: none yet */
	bool in_transaction : 1;
	bool is_unfinished : 1; /* the rest of what is kept may never come */
	bool is_monitor : 1;
	bool sends_large : 1;            /* what was read last began or ended a large command */
	bool no_evict : 1, no_touch : 1; /* CLIENT NO-EVICT and NO-TOUCH: noted, no more */
	bool has_reloaded : 1;           /* what its UDSD RELOAD has waited for is done */
};

/* What few clients have; made when they do. Strings are owned, or NULL. */
struct session_info {
	char *name, *lib_name, *lib_version;
	struct transaction *transaction; /* or NULL */
};

static inline struct session *
session_of(struct client *c)
{
	return (struct session *)((char *)c - offsetof(struct session, client));
}

static inline const struct session *
session_of_const(const struct client *c)
{
	return (const struct session *)((const char *)c - offsetof(struct session, client));
}

/* Returns the session's info, made if need be, or NULL when there is no memory. */
struct session_info *session_get_info(struct session *s);

/* A command has been done with: CLIENT REPLY SKIP moves on. */
void session_next_reply(struct session *s);

/* Whether replies to the command that runs are left out. */
static inline bool
session_is_muted(const struct session *s)
{
	return s->reply_mode >= REPLY_SKIP;
}
