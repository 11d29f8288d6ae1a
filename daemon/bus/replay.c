#include "replay.h"

#include <stdlib.h>

#include "flow.h"

void
replays_init(struct replays *replays, struct flow *flow)
{
	*replays = (struct replays){ .flow = flow };
	TAILQ_INIT(&replays->ready);
	TAILQ_INIT(&replays->cold);
	TAILQ_INIT(&replays->queued);
}

struct replay *
replay_find(const struct client *c, const struct channel *channel, const struct pattern *pattern)
{
	struct replay *replay;

	LIST_FOREACH(replay, &c->replays, of_client)
		if (replay->channel == channel && replay->pattern == pattern)
			return replay;
	return NULL;
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
	struct replay *replay = malloc(sizeof(*replay) + size);

	if (!replay)
		return NULL;
	replays->flow->work.done += WORK_LOOKUP;
	*replay = (struct replay){
		.client = c,
		.channel = channel,
		.pattern = pattern,
		.place = from,
		.next = from.at,
		.state = replay_has_room(c) ? REPLAY_READY : REPLAY_WRITING,
	};
	stream_id_next(&replay->next);
	replay->head_len = channel_put_head(channel, pattern, (char *)replay->head);
	if (replay->state == REPLAY_READY)
		TAILQ_INSERT_TAIL(&replays->ready, replay, link);
	LIST_INSERT_HEAD(&c->replays, replay, of_client);
	LIST_INSERT_HEAD(&channel->replays, replay, of_channel);
	channel->n_replays++;
	replays->n++;
	replay_changed(replay);
	return replay;
}

void
replay_end(struct replays *replays, struct replay *replay)
{
	replays->flow->work.done += WORK_LOOKUP;
	replay_set_state(replays, replay, REPLAY_WRITING);
	LIST_REMOVE(replay, of_client);
	LIST_REMOVE(replay, of_channel);
	replay->channel->n_replays--;
	replays->n--;
	replay_changed(replay);
	free(replay);
}

void
replays_end_for(struct replays *replays, struct client *c, const struct channel *channel, const struct pattern *pattern)
{
	struct replay *replay, *next;

	for (replay = LIST_FIRST(&c->replays); replay; replay = next) {
		next = LIST_NEXT(replay, of_client);
		replays->flow->work.done += WORK_VISIT;
		if (replay->pattern == pattern && (!channel || replay->channel == channel))
			replay_end(replays, replay);
	}
}

size_t
replays_count(const struct client *c)
{
	const struct replay *replay;
	size_t n = 0;

	LIST_FOREACH(replay, &c->replays, of_client)
		n++;
	return n;
}

bool
replay_has_room(const struct client *c)
{
	return !c->clogged && c->out_state != CLIENT_OUT_BLOCKED && outq_cost(&c->out) == outq_held_cost(&c->out);
}

void
replays_flushed(struct replays *replays, struct client *c)
{
	struct replay *replay;

	if (!replay_has_room(c))
		return;
	LIST_FOREACH(replay, &c->replays, of_client) {
		replays->flow->work.done += WORK_VISIT;
		if (replay->state == REPLAY_WRITING)
			replay_set_state(replays, replay, REPLAY_READY);
	}
}
