#include "quota.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "log.h"
#include "missed.h"
#include "session.h"

/* How often the log is told of one user. */
#define WARN_MS 60000

#define USER(node) ((struct user *)((char *)(node)-offsetof(struct user, node)))

/* Few users at a time: any spread will do. */
static uint64_t
hash_of(const struct identity *identity)
{
	return identity->anonymous ? UINT64_MAX : identity->uid * UINT64_C(0x9e3779b97f4a7c15);
}

static struct user *
find(const struct bus *bus, const struct identity *identity)
{
	struct table_node *node = table_first(&bus->users, hash_of(identity));

	for (; node; node = table_next(node))
		if (USER(node)->anonymous == identity->anonymous && USER(node)->uid == identity->uid)
			return USER(node);
	return NULL;
}

struct user *
quota_enter(struct bus *bus, struct identity *identity)
{
	struct user *user = find(bus, identity);

	if (!user) {
		user = malloc(sizeof(*user));
		if (!user)
			return NULL;
		*user = (struct user){ .uid = identity->uid, .anonymous = identity->anonymous };
		if (table_insert(&bus->users, &user->node, hash_of(identity)) < 0) {
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
quota_leave(struct bus *bus, struct user *user)
{
	if (--user->clients > 0)
		return;
	assert(user->queued == 0 && user->kept == 0 && user->unfinished == 0 && user->subscriptions == 0 &&
	       !user->is_over);
	table_remove(&bus->users, &user->node);
	group_set_unref(user->groups);
	free(user);
}

bool
quota_admits(const struct bus *bus, const struct identity *identity)
{
	const struct user *user = find(bus, identity);

	return !user || user->clients < bus->limits.max_clients_per_uid;
}

/* The user went over his quota, or is within it again: his clients are clogged by another measure. */
static void
recheck(struct bus *bus, const struct user *user)
{
	struct session *s;

	TAILQ_FOREACH(s, &bus->sessions, link) {
		if (s->user != user)
			continue;
		if (s->clogged || s->out.count > 0)
			session_check_clogged(s, bus);
		if (!s->clogged && !user->is_over)
			missed_tell(bus, s);
	}
	session_resume_throttled(bus);
}

static void
warn(struct user *user, uint64_t limit, uint64_t now_ms)
{
	char name[32] = "anonymous clients";

	if (user->warned_ms > 0 && now_ms - user->warned_ms < WARN_MS)
		return;
	user->warned_ms = now_ms;
	if (!user->anonymous)
		snprintf(name, sizeof(name), "uid %u", user->uid);
	log_warning("%s: %llu bytes unsent to %llu clients, over queue_limit_per_uid (%llu)", name,
	            (unsigned long long)user->queued, (unsigned long long)user->clients, (unsigned long long)limit);
}

void
quota_charge(struct bus *bus, struct user *user, size_t *charged, size_t cost)
{
	uint64_t limit = bus->limits.queue_limit_per_uid;

	user->queued -= *charged;
	user->queued += cost;
	*charged = cost;
	if (!user->is_over && user->queued > limit) {
		user->is_over = true;
		bus->n_over++;
		warn(user, limit, bus->now_ms);
		recheck(bus, user);
	} else if (user->is_over && user->queued <= limit / 2) {
		user->is_over = false;
		bus->n_over--;
		recheck(bus, user);
	}
}
