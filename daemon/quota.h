/*
 * What the clients of one user use together, and what it may be: no user can use up the host. All anonymous
 * clients count as one user.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "table.h"

struct bus;

struct user {
	struct table_node node;
	uid_t uid;
	bool anonymous;
	uint64_t warned_ms;       /* when the log was last told that he is over it; 0: never */
	bool is_over;             /* more is queued than queue_limit_per_uid, and not yet below half of it again */
	struct group_set *groups; /* of the client that came last, which others mostly have as well; or NULL */
	uint64_t clients;
	uint64_t subscriptions;
	uint64_t patterns;   /* among them; long ones count more than once */
	uint64_t queued;     /* memory of output that could not be written at once, in bytes */
	uint64_t kept;       /* commands that are not handled yet, and transactions, in bytes */
	uint64_t unfinished; /* those of them whose rest may never come, and that are not small */
};

/*
 * The user of an identity, with one more client, whose groups are then shared with the client before it if they are the
 * same; NULL when there is no memory.
 */
struct user *quota_enter(struct bus *bus, struct identity *identity);

/* One client less. */
void quota_leave(struct bus *bus, struct user *user);

/* Whether the user may have one more client. */
bool quota_admits(const struct bus *bus, const struct identity *identity);

/* A client of a user who is over his quota is clogged from so many unsent bytes on, and takes no larger message. */
#define QUOTA_OVER_MIN ((size_t)16 * 1024)

/* The user's queued bytes change from one figure to another; *charged is what a session has been charged. */
void quota_charge(struct bus *bus, struct user *user, size_t *charged, size_t cost);
