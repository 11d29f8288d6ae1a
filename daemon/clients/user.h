/*
 * What the clients of one user use together, and may use at most: no user can take all memory of the host. All
 * anonymous clients together count as one user.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "client.h"
#include "log.h"
#include "identity.h"
#include "limits.h"
#include "hashtable.h"

struct user {
	struct hashtable_node node;
	TAILQ_ENTRY(user) ready_link; /* flow.ready_users, while `ready` is not empty */
	struct client_list ready;     /* clients in state READY, in the order of their turns */
	int64_t credit;               /* units of work that the clients may still do; negative: they did too much */
	uint64_t share;               /* work.share when the credit was last renewed */
	uid_t uid;
	bool anonymous;
	bool is_over;                       /* went over queue_limit_per_uid, and is not below half of it again */
	struct log_limit over_log;          /* of the warning that they are over it */
	struct group_set *groups;           /* of the client that came last; most others share it; or NULL */
	uint64_t n_listings;                /* long lists that their clients make now: one, or two with EXEC */
	struct client_list listing_waiters; /* clients that wait until that is done */
	struct client *next_lister;         /* was the first of these, and makes its list next; or NULL */
	uint64_t clients;
	uint64_t subscriptions;
	uint64_t patterns; /* among them; a long one counts several times */
	uint64_t missed;   /* bytes: what their clients have missed (missed.h); a part of `queued` */
	uint64_t queued;   /* bytes: memory of output that could not be written at once */
	uint64_t input;    /* bytes: memory of commands that are not handled yet, and of transactions */
	/*
	 * The one client that goes on while `input` is over its limit, so that not all wait for each other; or NULL. It
	 * is closed if it sends nothing for slow_timeout. If it has to wait for receivers, another one goes on.
	 */
	struct client *leader;
	uint32_t leader_active_s;      /* when it last sent something, seconds since the daemon started */
	TAILQ_ENTRY(user) leader_link; /* flow.led_users, while there is a leader */
};

TAILQ_HEAD(user_list, user);

/* All users that have clients. */
struct users {
	struct hashtable table;
	uint64_t n_over;                /* users that are over */
	uint64_t queued, input, missed; /* of all users, see struct user */
};

/* All clients must be gone. */
void users_deinit(struct users *users);

/*
 * Counts one more client of the identity's user. The identity's groups are replaced with those of the client before it
 * if they are the same. Returns the user, or NULL when there is no memory.
 */
struct user *users_enter(struct users *users, struct identity *identity);

/* Counts one client less; the last one frees the user. */
void users_leave(struct users *users, struct user *user);

/* Whether the identity's user may have one more client. */
bool users_admit(const struct users *users, const struct identity *identity, const struct limits *limits);

/* While the user is over, a client with more bytes unsent is clogged, and larger messages wait or are dropped. */
#define USER_OVER_MIN ((size_t)16 * 1024)

/* The limit of user.input, in bytes: queue_limit_per_uid, but always enough for one largest message. */
uint64_t user_input_max(const struct limits *limits);

/*
 * Replaces what one client was charged with for its output (*charged) by cost, both in bytes. Returns whether is_over
 * has changed: the limit of all of the user's clients is then another one.
 */
bool users_charge(struct users *users, struct user *user, size_t *charged, size_t cost, const struct limits *limits,
                  uint64_t now_ms);
