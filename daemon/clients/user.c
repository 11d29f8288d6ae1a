/*
 * A user exists as long as they have clients. Quotas are kept per user, not per client, since a user may open as many
 * connections as they like. A user who went over queue_limit_per_uid stays over until half of it is free again, so that
 * their clients are not stopped and woken with every write.
 */
#include "user.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "human.h"
#include "log.h"
#include "protocol.h"

/* The shortest time between two warnings about one user. */
#define USER_WARN_MS 60000

#define USER(node) ((struct user *)((char *)(node)-offsetof(struct user, node)))

/* There are few users at a time: any spread will do. */
static uint64_t
user_hash(const struct identity *identity)
{
	return identity->anonymous ? UINT64_MAX : identity->uid * UINT64_C(0x9e3779b97f4a7c15);
}

static struct user *
users_find(const struct users *users, const struct identity *identity)
{
	struct hashtable_node *node = hashtable_first(&users->table, user_hash(identity));

	for (; node; node = hashtable_next(node))
		if (USER(node)->anonymous == identity->anonymous && USER(node)->uid == identity->uid)
			return USER(node);
	return NULL;
}

void
users_deinit(struct users *users)
{
	assert(users->table.n == 0);
	hashtable_deinit(&users->table);
}

struct user *
users_enter(struct users *users, struct identity *identity)
{
	struct user *user = users_find(users, identity);

	if (!user) {
		user = malloc(sizeof(*user));
		if (!user)
			return NULL;
		*user = (struct user){ .uid = identity->uid, .anonymous = identity->anonymous };
		TAILQ_INIT(&user->ready);
		TAILQ_INIT(&user->listing_waiters);
		if (hashtable_insert(&users->table, &user->node, user_hash(identity)) < 0) {
			free(user);
			return NULL;
		}
	}
	group_set_share(&identity->groups, user->groups);
	if (identity->groups != user->groups) {
		group_set_unref(user->groups);
		user->groups = identity->groups;
		if (user->groups)
			user->groups->refs++;
	}
	user->clients++;
	return user;
}

void
users_leave(struct users *users, struct user *user)
{
	if (--user->clients > 0)
		return;
	assert(user->queued == 0 && user->input == 0 && !user->leader && user->subscriptions == 0 && !user->is_over);
	assert(TAILQ_EMPTY(&user->ready));
	hashtable_remove(&users->table, &user->node);
	group_set_unref(user->groups);
	free(user);
}

bool
users_admit(const struct users *users, const struct identity *identity, const struct limits *limits)
{
	const struct user *user = users_find(users, identity);

	return !user || user->clients < limits->max_clients_per_uid;
}

static void
user_warn(struct user *user, uint64_t limit, uint64_t now_ms)
{
	char name[32] = "anonymous clients";

	if (!log_limit_allows(&user->over_log, 1, USER_WARN_MS, now_ms, NULL))
		return;
	if (!user->anonymous)
		snprintf(name, sizeof(name), "uid %u", user->uid);
	log_warning("%s: %llu byte%s unsent to %llu client%s, over queue_limit_per_uid (%llu)", name,
	            (unsigned long long)user->queued, human_s(user->queued), (unsigned long long)user->clients,
	            human_s(user->clients), (unsigned long long)limit);
}

uint64_t
user_input_max(const struct limits *limits)
{
	uint64_t one = limits->max_message + PROTOCOL_REQUEST_ROOM; /* which must always fit */

	return limits->queue_limit_per_uid > one ? limits->queue_limit_per_uid : one;
}

bool
users_charge(struct users *users, struct user *user, size_t *charged, size_t cost, const struct limits *limits,
             uint64_t now_ms)
{
	uint64_t limit = limits->queue_limit_per_uid;

	user->queued += cost - *charged;
	users->queued += cost - *charged;
	*charged = cost;
	if (!user->is_over && user->queued > limit) {
		user->is_over = true;
		users->n_over++;
		user_warn(user, limit, now_ms);
		return true;
	}
	if (user->is_over && user->queued <= limit / 2) {
		user->is_over = false;
		users->n_over--;
		return true;
	}
	return false;
}
