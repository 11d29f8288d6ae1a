/*
 * What the clients of one user use together, and what it may be: no user can use up the host. All anonymous
 * clients count as one user.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "identity.h"
#include "limits.h"
#include "hashtable.h"

struct user {
	struct hashtable_node node;
	uid_t uid;
	bool anonymous;
	struct log_limit over_log; /* of the warning that they are over it */
	bool is_over;              /* more is queued than queue_limit_per_uid, and not yet below half of it again */
	struct group_set *groups;  /* of the client that came last, which others mostly have as well; or NULL */
	uint64_t clients;
	uint64_t subscriptions;
	uint64_t patterns;   /* among them; long ones count more than once */
	uint64_t queued;     /* memory of output that could not be written at once, in bytes */
	uint64_t kept;       /* commands that are not handled yet, and transactions, in bytes */
	uint64_t unfinished; /* those of them whose rest may never come, and that are not small */
};

/* All users that have clients. */
struct users {
	struct hashtable table;
	uint64_t n_over; /* users over queue_limit_per_uid */
};

/* All clients must be gone. */
void users_deinit(struct users *users);

/*
 * The user of an identity, with one more client, whose groups are then shared with the client before it if they are the
 * same; NULL when there is no memory.
 */
struct user *users_enter(struct users *users, struct identity *identity);

/* One client less. */
void users_leave(struct users *users, struct user *user);

/* Whether the user may have one more client. */
bool users_admit(const struct users *users, const struct identity *identity, const struct limits *limits);

/* A client of a user who is over his quota is clogged from so many unsent bytes on, and takes no larger message. */
#define USER_OVER_MIN ((size_t)16 * 1024)

/* What all clients of one user may have sent that is not handled yet, in bytes. */
uint64_t user_kept_max(const struct limits *limits);

/*
 * The user's queued bytes change from one figure to another; *charged is what a client has been charged. Returns
 * whether he is over his quota now and was not, or the other way round: his clients are then clogged by another
 * measure.
 */
bool users_charge(struct users *users, struct user *user, size_t *charged, size_t cost, const struct limits *limits,
                  uint64_t now_ms);
