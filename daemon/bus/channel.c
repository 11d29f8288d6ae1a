/*
 * What a channel knows of its receivers is a cache. It is filled when something is published to the channel, and is
 * valid while the generations are those of `channels`: patterns_generation for the matching patterns,
 * members_generation for all that depends on subscriptions and rules. So subscribing costs the same however many
 * channels there are, and publishing to a channel where nothing has changed compares two numbers.
 *
 * A channel that nobody is subscribed to by name is "unnamed": it exists for its cache of patterns, or for publishers
 * that wait for a receiver. Names of such channels come from publishers, so their number and the memory of all caches
 * are bounded: the oldest are freed, and looked up anew if they are published to again. Freeing one counts up
 * members_generation, so nobody takes a new channel at the same address for the old one. The channel of the open batch
 * is pinned: it is not freed, and its matches stay, since the batch refers to their heads.
 */
#include "channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "output.h"
#include "resp-encode.h"

/* How many unnamed channels there are at most, beside those that publishers wait for. */
#define UNNAMED_MAX 128

/* What the matches of all channels may take, in bytes; those of the channel looked up last come on top. */
#define MATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)

#define CHANNEL(node) ((struct channel *)((char *)(node)-offsetof(struct channel, node)))

int
channels_init(struct channels *channels, const struct access *access, struct work *work)
{
	*channels = (struct channels){ .access = access, .patterns.work = work, .work = work };
	TAILQ_INIT(&channels->named);
	TAILQ_INIT(&channels->unnamed);
	TAILQ_INIT(&channels->matched);
	if (getrandom(&channels->key, sizeof(channels->key), 0) != sizeof(channels->key))
		return -errno;
	channels->patterns.key = channels->key;
	channels->patterns.bytes = &channels->bytes;
	return 0;
}

/* What a match counts for in match_bytes. */
static size_t
match_size(const struct match *match)
{
	return sizeof(*match) + match->head_len;
}

static void
channels_forget_matches(struct channels *channels, struct channel *channel)
{
	if (channel->n_matches > 0)
		TAILQ_REMOVE(&channels->matched, channel, matched_link);
	channels->work->done += channel->n_matches * WORK_QUEUE;
	for (uint32_t i = 0; i < channel->n_matches; i++) {
		channels->match_bytes -= match_size(&channel->matches[i]);
		free(channel->matches[i].head);
	}
	free(channel->matches);
	channel->matches = NULL;
	channel->n_matches = 0;
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
	channels->members_generation++; /* see above */
	hashtable_remove(&channels->table, &channel->node);
	recvset_deinit(&channel->receivers);
	channels_forget_matches(channels, channel);
	free(channel);
}

void
channels_deinit(struct channels *channels)
{
	struct channel *channel;

	while ((channel = TAILQ_FIRST(&channels->unnamed)))
		channels_free(channels, channel);
	assert(channels->table.n == 0);
	hashtable_deinit(&channels->table);
	pattern_index_deinit(&channels->patterns);
}

static void
channels_add_unnamed(struct channels *channels, struct channel *channel)
{
	TAILQ_INSERT_TAIL(&channels->unnamed, channel, link);
	channels->n_unnamed++;
	/* Looks at several, so that the list gets shorter again once those that cannot be freed now can be. */
	for (int i = 0; i < 4 && channels->n_unnamed > UNNAMED_MAX; i++) {
		struct channel *oldest = TAILQ_FIRST(&channels->unnamed);

		if (TAILQ_EMPTY(&oldest->waiters) && oldest != channel && oldest != channels->pinned) {
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

/* How many bytes head_put() writes. */
static size_t
head_size(const struct slice *pattern, bool is_shard, struct slice name)
{
	size_t n = strlen("*3\r\n") + resp_bulk_size(name.len);

	if (pattern)
		return n + resp_bulk_size(strlen("pmessage")) + resp_bulk_size(pattern->len);
	return n + resp_bulk_size(strlen(is_shard ? "smessage" : "message"));
}

/* Writes the head of a message, for RESP2: everything before its payload. */
static uint32_t
head_put(char *head, const struct slice *pattern, bool is_shard, struct slice name)
{
	size_t n = resp_put_header(head, '*', pattern ? 4 : 3);

	if (pattern) {
		n += resp_put_bulk(head + n, "pmessage", 8);
		n += resp_put_bulk(head + n, pattern->p, pattern->len);
	} else if (is_shard) {
		n += resp_put_bulk(head + n, "smessage", 8);
	} else {
		n += resp_put_bulk(head + n, "message", 7);
	}
	return (uint32_t)(n + resp_put_bulk(head + n, name.p, name.len));
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

	if (name.len > UINT32_MAX / 2)
		return NULL;
	channel = malloc(offsetof(struct channel, head) + head_size(NULL, is_shard, name));
	if (!channel)
		return NULL;
	*channel = (struct channel){ .name_len = (uint32_t)name.len, .is_shard = is_shard };
	channel->head_len = head_put(channel->head, NULL, is_shard, name);
	channel->name_offset = channel->head_len - 2 - channel->name_len;
	TAILQ_INIT(&channel->waiters);
	channel->patterns_generation = channel->members_generation = UINT64_MAX;
	if (hashtable_insert(&channels->table, &channel->node, siphash(&channels->key, name.p, name.len)) < 0) {
		free(channel);
		return NULL;
	}
	channels->bytes += channel_size(channel);
	channels->work->done += WORK_LOOKUP;
	channels_add_unnamed(channels, channel);
	return channel;
}

static int
channels_stop_at_first(struct pattern *pattern __attribute__((unused)), void *arg __attribute__((unused)))
{
	return -EEXIST;
}

/* The argument of channels_add_match(). */
struct channel_search {
	struct channels *channels;
	struct channel *channel;
};

static int
channels_add_match(struct pattern *pattern, void *arg)
{
	const struct channel_search *search = arg;
	struct channel *channel = search->channel;
	struct slice text = { pattern->text, pattern->len }, name = channel_name(channel);
	struct match *matches = channel->matches;
	uint32_t n = channel->n_matches;
	char *head;

	if ((n & (n - 1)) == 0) { /* the capacity is a power of two */
		matches = realloc(matches, (n > 0 ? 2 * (size_t)n : 1) * sizeof(*matches));
		if (!matches)
			return -ENOMEM;
		channel->matches = matches;
	}
	head = malloc(head_size(&text, false, name));
	if (!head)
		return -ENOMEM;
	search->channels->work->done += WORK_LOOKUP + WORK_BYTES(text.len + name.len);
	if (channel->n_matches == 0)
		TAILQ_INSERT_TAIL(&search->channels->matched, channel, matched_link);
	matches[channel->n_matches] = (struct match){ pattern, head, head_put(head, &text, false, name) };
	search->channels->match_bytes += match_size(&matches[channel->n_matches++]);
	return 0;
}

/* Marks the channel's receivers, or clears their marks. Returns whether one was so already. */
static bool
channel_mark_receivers(const struct channel *channel, bool mark)
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

/* Makes room for more matches: the channels looked up longest ago have to look again. */
static void
channels_limit_matches(struct channels *channels)
{
	struct channel *channel;

	while (channels->match_bytes > MATCH_BYTES_MAX && (channel = TAILQ_FIRST(&channels->matched)) &&
	       channel != channels->pinned) {
		channels_forget_matches(channels, channel);
		channel->patterns_generation = channel->members_generation = UINT64_MAX;
	}
}

/* Finds the patterns that match. */
static int
channels_find_matches(struct channels *channels, struct channel *channel)
{
	struct channel_search search = { channels, channel };
	int r;

	assert(channel != channels->pinned);
	channels_forget_matches(channels, channel);
	channels_limit_matches(channels);
	r = pattern_each_match(&channels->patterns, channel_name(channel), channels_add_match, &search);
	if (r < 0)
		channels_forget_matches(channels, channel);
	channel->patterns_generation = r < 0 ? UINT64_MAX : channels->patterns_generation;
	return r;
}

/* Fills the cache of a channel. Returns 0 or -ENOMEM. */
static int
channels_refresh(struct channels *channels, struct channel *channel)
{
	if (channel->patterns_generation != channels->patterns_generation && !channel->is_shard &&
	    channels_find_matches(channels, channel) < 0)
		return -ENOMEM;
	channel->rule = access_find(channels->access->rules, channel_name(channel));
	channels->work->done += WORK_LOOKUP + channels->access->n_rules * WORK_VISIT;
	channel->is_restricted = channel->rule->subscribe.is_given;
	channel->n_total = 0;
	channel->heads_len = channel->head_len;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; channel->is_restricted && i < set->n; i++)
			channel->n_total += channel_admits(channel, recvset_array(set)[i]);
		channel->n_total += channel->is_restricted ? 0 : set->n;
		channel->heads_len += way > 0 ? channel->matches[way - 1].head_len : 0;
		channels->work->done += WORK_VISIT + (channel->is_restricted ? set->n * WORK_VISIT : 0);
	}
	channel->large_from = (uint32_t)(BATCH_COPIES_MAX / (channel->n_matches + 1));
	if (channel->large_from > BATCH_LARGE)
		channel->large_from = BATCH_LARGE;
	channel->overlap = false;
	if (channel->n_matches > 0) {
		channels->work->done += 2 * (uint64_t)channel->n_total * WORK_VISIT;
		channel->overlap = channel_mark_receivers(channel, true);
		channel_mark_receivers(channel, false);
	}
	channel->clog_generation = UINT64_MAX;
	channel->members_generation = channels->members_generation;
	return 0;
}

int
channels_update(struct channels *channels, struct channel *channel)
{
	return channel->members_generation == channels->members_generation ? 0 : channels_refresh(channels, channel);
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
		if (!make &&
		    (is_shard || pattern_each_match(&channels->patterns, name, channels_stop_at_first, NULL) == 0)) {
			*ret_channel = NULL;
			return 0;
		}
		channel = channels_make(channels, name, is_shard);
		if (!channel)
			return -ENOMEM;
	}
	if (channels_update(channels, channel) < 0)
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
		if (channel != channels->pinned)
			channels_release(channels, channel);
	}
}

/* Counts the receivers for which a message is dropped, if the policy is to drop. */
static uint32_t
channel_count_dropping(const struct channel *channel, bool is_large, struct work *work)
{
	uint32_t n = 0;

	work->done += ((uint64_t)channel->n_total + channel->n_matches) * WORK_VISIT;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++) {
			const struct client *c = recvset_array(set)[i];

			n += output_drops(c, is_large) && channel_admits(channel, c);
		}
	}
	return n;
}

uint32_t
channel_count_clogged(struct channel *channel, uint64_t clog_generation, struct work *work)
{
	if (channel->clog_generation != clog_generation) {
		channel->n_clogged = channel_count_dropping(channel, false, work);
		channel->clog_generation = clog_generation;
	}
	return channel->n_clogged;
}

uint32_t
channel_count_clogged_for_large(const struct channel *channel, struct work *work)
{
	return channel_count_dropping(channel, true, work);
}

bool
channel_is_received_by(const struct channel *channel, const struct client *c)
{
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++)
			if (client_is_own(c, recvset_array(set)[i]))
				return true;
	}
	return false;
}
