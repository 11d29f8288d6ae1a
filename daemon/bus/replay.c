#include "replay.h"

#include <stdlib.h>

#include "flow.h"
#include "user.h"

#define REPLAY(node) ((struct replay *)((char *)(node)-offsetof(struct replay, node)))

void
replays_init(struct replays *replays, struct flow *flow)
{
	*replays = (struct replays){ .flow = flow };
	TAILQ_INIT(&replays->ready);
	TAILQ_INIT(&replays->cold);
	TAILQ_INIT(&replays->queued);
}

void
replays_deinit(struct replays *replays)
{
	hashtable_deinit(&replays->table);
	hashtable_deinit(&replays->sets);
}

static uint64_t
replay_hash(const struct replays *replays, const struct client *c, const struct channel *channel,
            const struct pattern *pattern)
{
	const void *all[] = { c, channel, pattern };

	return siphash(&replays->key, all, sizeof(all));
}

struct replay *
replay_find(const struct client *c, const struct channel *channel, const struct pattern *pattern)
{
	const struct replays *replays = channel->replays;
	struct hashtable_node *node;

	if (channel->n_replays == 0 || !c->has_replays)
		return NULL;
	replays->flow->work.done += WORK_LOOKUP;
	node = hashtable_first(&replays->table, replay_hash(replays, c, channel, pattern));
	for (; node; node = hashtable_next(node)) {
		struct replay *replay = REPLAY(node);

		if (replay->client == c && replay->channel == channel && replay->pattern == pattern)
			return replay;
	}
	return NULL;
}

#define REPLAY_SET(node) ((struct replay_set *)((char *)(node)-offsetof(struct replay_set, node)))

struct replay_set *
replays_of(const struct replays *replays, const struct client *c)
{
	struct hashtable_node *node = c->has_replays ? hashtable_first(&replays->sets, c->id) : NULL;

	return node ? REPLAY_SET(node) : NULL;
}

/* Likewise, made if it has none. NULL without memory. */
static struct replay_set *
replays_get_set(struct replays *replays, struct client *c)
{
	struct replay_set *set = replays_of(replays, c);

	if (set)
		return set;
	set = calloc(1, sizeof(*set));
	if (!set || hashtable_insert(&replays->sets, &set->node, c->id) < 0) {
		free(set);
		return NULL;
	}
	TAILQ_INIT(&set->list);
	c->has_replays = true;
	return set;
}

/* The set goes with the last one in it. */
static void
replays_release_set(struct replays *replays, struct client *c, struct replay_set *set)
{
	if (set->n > 0)
		return;
	hashtable_remove(&replays->sets, &set->node);
	c->has_replays = false;
	free(set);
}

static struct replay_list *
replay_list_of(struct replays *replays, enum replay_state state)
{
	switch (state) {
	case REPLAY_READY:
		return &replays->ready;
	case REPLAY_COLD:
		return &replays->cold;
	case REPLAY_QUEUED:
		return &replays->queued;
	case REPLAY_WRITING:
		break;
	}
	return NULL;
}

void
replay_set_state(struct replays *replays, struct replay *replay, enum replay_state state)
{
	struct replay_list *list = replay_list_of(replays, replay->state);
	bool was_fetching = replay->state == REPLAY_COLD || replay->state == REPLAY_QUEUED;

	if (list)
		TAILQ_REMOVE(list, replay, link);
	replays->n_cold += (state == REPLAY_COLD) - (replay->state == REPLAY_COLD);
	replay->state = (uint8_t)state;
	list = replay_list_of(replays, state);
	if (list && state == REPLAY_READY && was_fetching)
		TAILQ_INSERT_HEAD(list, replay, link); /* while the block is there */
	else if (list)
		TAILQ_INSERT_TAIL(list, replay, link);
}

/* Who receives the channel has changed in a way that members_generation does not tell. */
static void
replay_changed(const struct replay *replay)
{
	replay->channel->clog_generation = UINT64_MAX;
	if (replay->channel->n_replays == 0)
		replay->channel->members_generation = UINT64_MAX; /* it need not be stored any more */
}

struct replay *
replay_begin(struct replays *replays, struct client *c, struct channel *channel, const struct pattern *pattern,
             struct replay_place from)
{
	size_t size = channel_head_size(channel, pattern);
	struct replay_set *set;
	struct replay *replay;

	if (pattern && c->user->subscriptions >= replays->flow->limits.max_subscriptions_per_uid)
		return NULL;
	replays->flow->work.done += 2 * WORK_LOOKUP;
	set = replays_get_set(replays, c);
	if (!set)
		return NULL;
	replay = malloc(sizeof(*replay) + size);
	if (!replay ||
	    hashtable_insert(&replays->table, &replay->node, replay_hash(replays, c, channel, pattern)) < 0) {
		free(replay);
		replays_release_set(replays, c, set);
		return NULL;
	}
	replay->set = set;
	replay->client = c;
	replay->channel = channel;
	replay->pattern = pattern;
	replay->state = replay_has_room(c) ? REPLAY_READY : REPLAY_WRITING;
	replay->is_slow = false;
	replay->place = from;
	replay->next = from.at;
	stream_id_next(&replay->next);
	replay->head_len = channel_put_head(channel, pattern, (char *)replay->head);
	if (replay->state == REPLAY_READY)
		TAILQ_INSERT_TAIL(&replays->ready, replay, link);
	TAILQ_INSERT_TAIL(&set->list, replay, of_client);
	set->n++;
	c->user->subscriptions += pattern != NULL;
	channel->replays = replays;
	channel->n_replays++;
	replay_changed(replay);
	return replay;
}

void
replay_end(struct replays *replays, struct replay *replay)
{
	replays->flow->work.done += WORK_LOOKUP;
	replay_set_state(replays, replay, REPLAY_WRITING);
	hashtable_remove(&replays->table, &replay->node);
	TAILQ_REMOVE(&replay->set->list, replay, of_client);
	replay->set->n--;
	replays_release_set(replays, replay->client, replay->set);
	replay->client->user->subscriptions -= replay->pattern != NULL;
	replay->channel->n_replays--;
	replay_changed(replay);
	free(replay);
}

void
replays_end_for(struct replays *replays, struct client *c, const struct channel *channel, const struct pattern *pattern)
{
	const struct replay_set *set = channel ? NULL : replays_of(replays, c);
	struct replay *replay = channel ? replay_find(c, channel, NULL) : NULL, *next;

	if (replay)
		replay_end(replays, replay);
	for (replay = set ? TAILQ_FIRST(&set->list) : NULL; replay; replay = next) {
		next = TAILQ_NEXT(replay, of_client);
		replays->flow->work.done += WORK_VISIT;
		if (replay->pattern == pattern)
			replay_end(replays, replay);
	}
}

size_t
replays_count(const struct replays *replays, const struct client *c)
{
	const struct replay_set *set = replays_of(replays, c);

	return set ? set->n : 0;
}

bool
replay_has_room(const struct client *c)
{
	return !c->clogged && c->out_state != CLIENT_OUT_BLOCKED && outq_cost(&c->out) == outq_held_cost(&c->out);
}

void
replays_flushed(struct replays *replays, struct client *c)
{
	struct replay_set *set = replay_has_room(c) ? replays_of(replays, c) : NULL;
	struct replay *replay;

	if (!set)
		return;
	TAILQ_FOREACH(replay, &set->list, of_client) {
		replays->flow->work.done += WORK_VISIT;
		if (replay->state != REPLAY_WRITING)
			continue;
		TAILQ_REMOVE(&set->list, replay, of_client);
		TAILQ_INSERT_TAIL(&set->list, replay, of_client);
		replay_set_state(replays, replay, REPLAY_READY);
		return;
	}
}
