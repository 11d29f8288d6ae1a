/*
 * What a channel knows of its receivers is a cache. It is filled when something is published to the channel, and is
 * valid while the generations are those of `routing`: patterns_generation for the matching patterns,
 * members_generation for all that depends on subscriptions and rules. So subscribing costs the same however many
 * channels there are, and publishing to a channel where nothing has changed compares two numbers.
 *
 * Matching a name with many patterns may take long. So a search for matches stops after a while and goes on in a later
 * turn. Only the one begun last is kept: who needs it whole makes all others wait meanwhile (pass.c). That no pattern
 * matches a name is remembered by a keyed hash of 64 bits, which nobody can make collide on purpose.
 *
 * The memory of all caches is bounded: the channels looked up longest ago forget their matches, and look again if they
 * are published to. The channel of the open batch keeps its own, since the batch refers to their heads.
 */
#include "routing.h"

#include <assert.h>
#include <errno.h>

/* What the matches of all channels may take, in bytes; those of the channel looked up last come on top. */
#define MATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)

void
routing_init(struct routing *routing, const struct siphash_key *key, const struct access *access, struct work *work,
             size_t *bytes)
{
	*routing = (struct routing){
		.patterns = { .key = *key, .work = work, .bytes = bytes },
		.access = access,
		.work = work,
	};
	TAILQ_INIT(&routing->matched);
}

void
routing_deinit(struct routing *routing)
{
	pattern_index_deinit(&routing->patterns);
}

void
routing_forget_matches(struct routing *routing, struct channel *channel)
{
	size_t bytes;

	if (routing->search.channel == channel)
		routing->search.channel = NULL;
	if (channel->n_matches > 0)
		TAILQ_REMOVE(&routing->matched, channel, matched_link);
	bytes = channel_drop_matches(channel);
	routing->work->done += bytes > 0 ? WORK_LOOKUP + WORK_BYTES(bytes) / 2 : 0;
	routing->match_bytes -= bytes;
}

/* Makes room for more matches: the channels looked up longest ago have to look again. */
static void
routing_limit_matches(struct routing *routing)
{
	struct channel *channel;

	while (routing->match_bytes > MATCH_BYTES_MAX && (channel = TAILQ_FIRST(&routing->matched)) &&
	       channel != routing->pinned) {
		routing_forget_matches(routing, channel);
		channel_expire(channel);
	}
}

/* The argument of routing_add_match(). */
struct routing_finding {
	struct routing *routing;
	struct channel *channel;
};

static int
routing_add_match(struct pattern *pattern, void *arg)
{
	struct routing *routing = ((const struct routing_finding *)arg)->routing;
	struct channel *channel = ((const struct routing_finding *)arg)->channel;
	ssize_t bytes = channel_add_match(channel, pattern);

	if (bytes < 0)
		return (int)bytes;
	routing->work->done += WORK_LOOKUP + WORK_FRESH * WORK_BYTES(pattern->len + channel->name_len);
	routing->match_bytes += (size_t)bytes;
	if (channel->n_matches == 1)
		TAILQ_INSERT_TAIL(&routing->matched, channel, matched_link);
	return 0;
}

/* Finds the patterns that match, or goes on with that. Returns 0, -ENOMEM or ROUTING_E_MORE. */
static int
routing_find_matches(struct routing *routing, struct channel *channel, uint64_t end)
{
	struct routing_finding finding = { routing, channel };
	int r;

	assert(channel != routing->pinned);
	if (routing->search.channel != channel || routing->search.generation != routing->patterns_generation) {
		if (routing->search.channel)
			routing_forget_matches(routing, routing->search.channel);
		routing_forget_matches(routing, channel);
		routing_limit_matches(routing);
		routing->search.channel = channel;
		routing->search.generation = routing->patterns_generation;
		routing->search.cursor = (struct pattern_cursor){ 0 };
	}
	r = pattern_search(&routing->patterns, channel_name(channel), &routing->search.cursor, end, routing_add_match,
	                   &finding);
	if (r == PATTERN_E_MORE)
		return ROUTING_E_MORE;
	routing->search.channel = NULL;
	if (r < 0)
		routing_forget_matches(routing, channel);
	channel->patterns_generation = r < 0 ? UINT64_MAX : routing->patterns_generation;
	return r;
}

bool
routing_search(struct routing *routing, uint64_t end)
{
	return !routing->search.channel || routing->search.generation != routing->patterns_generation ||
	       routing_find_matches(routing, routing->search.channel, end) != ROUTING_E_MORE;
}

bool
routing_is_unmatched(const struct routing *routing, uint64_t hash)
{
	size_t i = hash % ROUTING_UNMATCHED;

	return routing->patterns.by_text.n == 0 ||
	       (routing->unmatched[i].hash == hash && routing->unmatched[i].generation == routing->patterns_generation);
}

void
routing_note_unmatched(struct routing *routing, uint64_t hash)
{
	size_t i = hash % ROUTING_UNMATCHED;

	routing->unmatched[i].hash = hash;
	routing->unmatched[i].generation = routing->patterns_generation;
}

/* Marks the channel's receivers, or clears their marks. Returns whether one was so already. */
static bool
routing_mark_receivers(const struct channel *channel, bool mark)
{
	bool found = false;

	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++) {
			struct client *c = recvset_array(set)[i];

			found = found || c->is_marked == mark;
			c->is_marked = mark;
		}
	}
	return found;
}

/* See WORK_WIDE. */
static bool
routing_is_wide(const struct routing *routing, const struct channel *channel)
{
	return (uint64_t)channel->n_total * (WORK_VISIT + WORK_QUEUE + WORK_QUEUE / 2) +
	           (uint64_t)channel->n_matches * (WORK_VISIT + WORK_QUEUE) + WORK_BYTES(channel->heads_len) >
	       routing->work->wide;
}

/* Fills the cache of a channel. Returns 0, -ENOMEM or ROUTING_E_MORE. */
static int
routing_refresh(struct routing *routing, struct channel *channel)
{
	int r = 0;

	if (channel->patterns_generation != routing->patterns_generation && !channel->is_shard)
		r = routing_find_matches(routing, channel, routing->work->done + routing->work->step);
	if (r != 0)
		return r;
	channel->rule = access_find(routing->access->rules, channel_name(channel));
	routing->work->done += WORK_LOOKUP + routing->access->n_rules * WORK_VISIT;
	channel->is_restricted = channel->rule->subscribe.is_given;
	/* As long as somebody gets it from the store, it is stored: nothing is lost for these when rules change. */
	channel->is_stored =
	    !channel->is_shard &&
	    (channel->n_replays > 0 || access_is_stored(routing->access, channel_name(channel), &routing->work->done));
	channel->slow = channel->rule->slow == SLOW_STORE && !channel->is_stored ? SLOW_WAIT : channel->rule->slow;
	channel->n_total = 0;
	channel->heads_len = channel->head_len;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; channel->is_restricted && i < set->n; i++)
			channel->n_total += channel_admits(channel, recvset_array(set)[i]);
		channel->n_total += channel->is_restricted ? 0 : set->n;
		channel->heads_len += way > 0 ? channel->matches[way - 1].head_len : 0;
		routing->work->done += WORK_VISIT + (channel->is_restricted ? set->n * WORK_VISIT : 0);
	}
	channel->large_from = (uint32_t)(BATCH_COPIES_MAX / (channel->n_matches + 1));
	if (channel->large_from > BATCH_LARGE)
		channel->large_from = BATCH_LARGE;
	channel->is_wide = routing_is_wide(routing, channel);
	channel->overlap = false;
	if (channel->n_matches > 0 && channel->heads_len <= BATCH_HEADS_MAX) {
		routing->work->done += 2 * (uint64_t)channel->n_total * WORK_VISIT;
		channel->overlap = routing_mark_receivers(channel, true);
		routing_mark_receivers(channel, false);
	}
	channel->clog_generation = UINT64_MAX;
	channel->members_generation = routing->members_generation;
	return 0;
}

int
routing_update(struct routing *routing, struct channel *channel)
{
	return channel->members_generation == routing->members_generation ? 0 : routing_refresh(routing, channel);
}
