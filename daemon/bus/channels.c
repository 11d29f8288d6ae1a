/*
 * A channel that nobody is subscribed to by name is "unnamed": it exists for what it knows of the patterns, or for
 * publishers that wait for a receiver. Names of such channels come from publishers, so their number is bounded: the
 * oldest are freed, and looked up anew if they are published to again. Freeing one counts up members_generation, so
 * nobody takes a new channel at the same address for the old one. The channel of the open batch is pinned, and not
 * freed.
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

/* Frees an unnamed channel that nobody waits for. */
static void
channels_free(struct channels *channels, struct channel *channel)
{
	assert(TAILQ_EMPTY(&channel->waiters));
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

void
channels_deinit(struct channels *channels)
{
	struct channel *channel;

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

		if (TAILQ_EMPTY(&oldest->waiters) && oldest != channel && oldest != channels->routing.pinned) {
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
	if (TAILQ_EMPTY(&channel->waiters))
		channels_free(channels, channel);
}

struct channel *
channels_find(const struct channels *channels, struct slice name, bool is_shard)
{
	struct hashtable_node *node = hashtable_first(&channels->table, siphash(&channels->key, name.p, name.len));

	while (node && !channel_is(CHANNEL(node), name, is_shard))
		node = hashtable_next(node);
	return node ? CHANNEL(node) : NULL;
}

static struct channel *
channels_make(struct channels *channels, struct slice name, bool is_shard)
{
	struct channel *channel;

	channel = channel_new(name, is_shard);
	if (!channel)
		return NULL;
	if (hashtable_insert(&channels->table, &channel->node, siphash(&channels->key, name.p, name.len)) < 0) {
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
	struct channel *channel = channels_find(channels, name, is_shard);

	return channel ? channel : channels_make(channels, name, is_shard);
}

int
channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make, struct channel **ret_channel)
{
	struct channel *channel = channels_find(channels, name, is_shard);

	if (!channel) {
		channels->work->done += 2 * WORK_LOOKUP;
		if (!make && (is_shard || !routing_has_match(&channels->routing, name))) {
			*ret_channel = NULL;
			return 0;
		}
		channel = channels_make(channels, name, is_shard);
		if (!channel)
			return -ENOMEM;
	}
	if (routing_update(&channels->routing, channel) < 0)
		return -ENOMEM;
	*ret_channel = channel;
	return 0;
}

void
channels_forget_unnamed(struct channels *channels)
{
	struct channel *channel, *next;

	for (channel = TAILQ_FIRST(&channels->unnamed); channel; channel = next) {
		next = TAILQ_NEXT(channel, link);
		if (channel != channels->routing.pinned)
			channels_release(channels, channel);
	}
}
