/*
 * A channel that nobody is subscribed to by name is "unnamed": it exists for what it knows of the patterns, or for
 * publishers that wait for a receiver, or receivers that are behind. Names of such channels come from publishers, so
 * their number is bounded: the oldest are freed, and looked up anew if they are published to again. Freeing one counts
 * up members_generation, so nobody takes a new channel at the same address for the old one. The channel of the open
 * batch is pinned, and not freed.
 *
 * A name that is published to and has no channel gets a candidate: a channel that belongs to this file alone, until its
 * matches are found. It becomes a channel if it has any.
 */
#include "channels.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

/* How many unnamed channels there are at most, beside those that publishers wait for. */
#define UNNAMED_MAX 128

#define CHANNEL(node) ((struct channel *)((char *)(node)-offsetof(struct channel, node)))

int
channels_init(struct channels *channels, const struct access *access, struct work *work)
{
	*channels = (struct channels){ .work = work };
	TAILQ_INIT(&channels->named);
	TAILQ_INIT(&channels->unnamed);
	if (getrandom(&channels->key, sizeof(channels->key), 0) != sizeof(channels->key))
		return -errno;
	routing_init(&channels->routing, &channels->key, access, work, &channels->bytes);
	return 0;
}

void
channels_begin_walk(struct channels *channels, struct channel_walk *walk)
{
	walk->next = TAILQ_FIRST(&channels->named);
	if (!walk->next)
		walk->next = TAILQ_FIRST(&channels->unnamed);
	LIST_INSERT_HEAD(&channels->walks, walk, link);
}

/* The channel behind this one, in a walk. */
static struct channel *
channels_after(const struct channels *channels, struct channel *channel)
{
	struct channel *next = TAILQ_NEXT(channel, link);

	return next || channel->receivers.n == 0 ? next : TAILQ_FIRST(&channels->unnamed);
}

struct channel *
channels_walk(struct channels *channels, struct channel_walk *walk)
{
	struct channel *channel = walk->next;

	channels->work->done += 3 * WORK_VISIT; /* channels are scattered over the memory */
	if (channel)
		walk->next = channels_after(channels, channel);
	return channel;
}

void
channels_end_walk(struct channel_walk *walk)
{
	LIST_REMOVE(walk, link);
}

/* Call before the channel leaves its list: walks go on behind it. */
static void
channels_step_over(struct channels *channels, struct channel *channel, bool is_named)
{
	struct channel_walk *walk;

	LIST_FOREACH(walk, &channels->walks, link) {
		channels->work->done += WORK_VISIT;
		if (walk->next != channel)
			continue;
		walk->next = TAILQ_NEXT(channel, link);
		if (!walk->next && is_named)
			walk->next = TAILQ_FIRST(&channels->unnamed);
	}
}

/* What a channel counts for in channels.bytes. */
static size_t
channel_size(const struct channel *channel)
{
	return sizeof(*channel) + channel->head_len;
}

/* Whether an unnamed channel has to stay: publishers wait for it, or those that a pattern leads to are behind. */
static bool
channels_needs(const struct channel *channel)
{
	return !TAILQ_EMPTY(&channel->waiters) || channel->n_replays > 0;
}

/* Frees an unnamed channel that nobody needs. */
static void
channels_free(struct channels *channels, struct channel *channel)
{
	assert(!channels_needs(channel));
	channels->work->done += WORK_LOOKUP;
	channels->bytes -= channel_size(channel);
	channels_step_over(channels, channel, false);
	TAILQ_REMOVE(&channels->unnamed, channel, link);
	channels->n_unnamed--;
	channels->routing.members_generation++; /* see above */
	hashtable_remove(&channels->table, &channel->node);
	routing_forget_matches(&channels->routing, channel);
	channel_free(channel);
}

static void
channels_free_candidate(struct channels *channels)
{
	if (!channels->candidate)
		return;
	channels->work->done += WORK_LOOKUP;
	routing_forget_matches(&channels->routing, channels->candidate);
	channel_free(channels->candidate);
	channels->candidate = NULL;
}

void
channels_deinit(struct channels *channels)
{
	struct channel *channel;

	channels_free_candidate(channels);
	while ((channel = TAILQ_FIRST(&channels->unnamed)))
		channels_free(channels, channel);
	assert(channels->table.n == 0);
	hashtable_deinit(&channels->table);
	routing_deinit(&channels->routing);
}

static void
channels_add_unnamed(struct channels *channels, struct channel *channel)
{
	TAILQ_INSERT_TAIL(&channels->unnamed, channel, link);
	channels->n_unnamed++;
	/* Looks at several, so that the list gets shorter again once those that cannot be freed now can be. */
	for (int i = 0; i < 4 && channels->n_unnamed > UNNAMED_MAX; i++) {
		struct channel *oldest = TAILQ_FIRST(&channels->unnamed);

		if (!channels_needs(oldest) && oldest != channel && oldest != channels->routing.pinned) {
			channels_free(channels, oldest);
			continue;
		}
		channels_step_over(channels, oldest, false);
		TAILQ_REMOVE(&channels->unnamed, oldest, link);
		TAILQ_INSERT_TAIL(&channels->unnamed, oldest, link);
	}
}

void
channels_unname(struct channels *channels, struct channel *channel)
{
	channels_step_over(channels, channel, true);
	TAILQ_REMOVE(&channels->named, channel, link);
	channels_add_unnamed(channels, channel);
}

void
channels_name(struct channels *channels, struct channel *channel)
{
	channels_step_over(channels, channel, false);
	TAILQ_REMOVE(&channels->unnamed, channel, link);
	channels->n_unnamed--;
	TAILQ_INSERT_TAIL(&channels->named, channel, link);
}

void
channels_release(struct channels *channels, struct channel *channel)
{
	if (!channels_needs(channel))
		channels_free(channels, channel);
}

static uint64_t
channels_hash(const struct channels *channels, struct slice name)
{
	return siphash(&channels->key, name.p, name.len);
}

static struct channel *
channels_find_hashed(const struct channels *channels, struct slice name, bool is_shard, uint64_t hash)
{
	struct hashtable_node *node = hashtable_first(&channels->table, hash);

	while (node && !channel_is(CHANNEL(node), name, is_shard))
		node = hashtable_next(node);
	return node ? CHANNEL(node) : NULL;
}

struct channel *
channels_find(const struct channels *channels, struct slice name, bool is_shard)
{
	return channels_find_hashed(channels, name, is_shard, channels_hash(channels, name));
}

/* Adds a new channel, NULL if there was no memory for it, to the table. Returns it; or frees it and returns NULL. */
static struct channel *
channels_add(struct channels *channels, struct channel *channel, uint64_t hash)
{
	if (!channel)
		return NULL;
	if (hashtable_insert(&channels->table, &channel->node, hash) < 0) {
		routing_forget_matches(&channels->routing, channel);
		channel_free(channel);
		return NULL;
	}
	channels->bytes += channel_size(channel);
	channels->work->done += WORK_LOOKUP;
	channels_add_unnamed(channels, channel);
	return channel;
}

struct channel *
channels_get(struct channels *channels, struct slice name, bool is_shard)
{
	uint64_t hash = channels_hash(channels, name);
	struct channel *channel = channels_find_hashed(channels, name, is_shard, hash);

	return channel ? channel : channels_add(channels, channel_new(name, is_shard), hash);
}

/* Makes a channel of a name that has none, if a pattern matches it. As channels_lookup(). */
static int
channels_try_candidate(struct channels *channels, struct slice name, uint64_t hash, struct channel **ret_channel)
{
	struct channel *channel = channels->candidate;
	int r;

	if (!channel || !channel_is(channel, name, false)) {
		channels_free_candidate(channels);
		channel = channels->candidate = channel_new(name, false);
		if (!channel)
			return -ENOMEM;
	}
	r = routing_update(&channels->routing, channel);
	if (r != 0)
		return r;
	if (channel->n_matches == 0) {
		routing_note_unmatched(&channels->routing, hash);
		channels_free_candidate(channels);
		*ret_channel = NULL;
		return 0;
	}
	channels->candidate = NULL;
	channel = channels_add(channels, channel, hash);
	if (!channel)
		return -ENOMEM;
	channel->members_generation = channels->routing.members_generation; /* unless another one was freed for it */
	*ret_channel = channel;
	return 0;
}

int
channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make, struct channel **ret_channel)
{
	uint64_t hash = channels_hash(channels, name);
	struct channel *channel = channels_find_hashed(channels, name, is_shard, hash);
	int r;

	if (!channel) {
		channels->work->done += 2 * WORK_LOOKUP;
		if (!make && (is_shard || routing_is_unmatched(&channels->routing, hash))) {
			*ret_channel = NULL;
			return 0;
		}
		if (!make)
			return channels_try_candidate(channels, name, hash, ret_channel);
		channel = channels_add(channels, channel_new(name, is_shard), hash);
		if (!channel)
			return -ENOMEM;
		if (routing_is_unmatched(&channels->routing, hash))
			channel->patterns_generation = channels->routing.patterns_generation;
	}
	r = routing_update(&channels->routing, channel);
	if (r == 0)
		*ret_channel = channel;
	return r;
}

void
channels_forget_unnamed(struct channels *channels)
{
	struct channel *channel, *next;

	for (channel = TAILQ_FIRST(&channels->unnamed); channel; channel = next) {
		next = TAILQ_NEXT(channel, link);
		if (channel != channels->routing.pinned && channel != channels->routing.search.channel)
			channels_release(channels, channel);
	}
	if (channels->candidate != channels->routing.search.channel)
		channels_free_candidate(channels);
}
