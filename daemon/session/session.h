/*
 * A session is a client with a protocol, RESP or one of the other modes: its unhandled input, the form of its replies,
 * what the client says about itself. It has no socket; a connection embeds it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct feed;
struct blocked;
struct holder;
struct job;
struct leftover;
struct transaction;

/* CLIENT REPLY: whether commands are answered. Messages and confirmations always go out. */
enum session_reply_mode {
	REPLY_ON,
	REPLY_SKIP_NEXT, /* no reply to the next command */
	REPLY_SKIP,      /* no reply to the command that runs */
	REPLY_OFF,
};

struct session {
	struct client client; /* first */
	union {
		struct leftover *leftover; /* route mode: unfinished or unhandled input, or NULL */
		struct feed *feed;         /* other modes: likewise */
	};
	struct session_info *info; /* or NULL */
	uint32_t kept;             /* bytes of input and transaction that its user is charged for */
	uint8_t reply_mode;        /* enum session_reply_mode */
	uint8_t last_command;      /* row in the table of commands, counted from 1; 0: none */
	uint8_t database;          /* of SELECT: only shown in CLIENT LIST and MONITOR */
	bool in_transaction : 1;
	bool is_monitor : 1;
	bool has_job : 1;                /* info->job is not NULL */
	bool sends_large : 1;            /* the last read began or ended a large command; see requests.c */
	bool no_evict : 1, no_touch : 1; /* CLIENT NO-EVICT and NO-TOUCH: only shown in CLIENT LIST */
	bool has_reloaded : 1;           /* the reload that its UDSD RELOAD waits for is done */
};

/* What only few clients have, allocated on demand. Strings are owned, or NULL. */
struct session_info {
	char *name, *lib_name, *lib_version;
	struct transaction *transaction; /* or NULL */
	struct blocked *blocked;         /* an XREAD or XREADGROUP that waits, see blocked.h; or NULL */
	struct holder *holder;           /* what it was given of groups, see handouts.h; or NULL */
	struct job *job;                 /* a command that is not done, see job.h; or NULL */
	/* flow.now_ms until which client.wait_receivers holds, 0: always; and what holds then. See wait-receivers.h. */
	uint64_t wait_receivers_until_ms;
	uint16_t wait_receivers_before;
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

/* Returns the session's info, allocated if needed, or NULL without memory. */
struct session_info *session_get_info(struct session *s);

/* Call after each command: CLIENT REPLY SKIP moves on to the next one. */
void session_next_reply(struct session *s);

/* Whether the command that runs gets no reply. */
static inline bool
session_is_muted(const struct session *s)
{
	return s->reply_mode >= REPLY_SKIP;
}
