#include "channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "flow.h"
#include "resp-encode.h"

/* How many channels without a subscription of their own are remembered. */
#define UNNAMED_MAX 128

/* What channels may remember of the patterns that match them, in bytes; and those of one more channel. */
#define MATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)

#define CHANNEL(node) ((struct channel *)((char *)(node)-offsetof(struct channel, node)))

int
channels_init(struct channels *channels, const struct access *access, uint64_t *work)
{
	*channels = (struct channels){ .access = access, .patterns.work = work };
	TAILQ_INIT(&channels->unnamed);
	if (getrandom(&channels->key, sizeof(channels->key), 0) != sizeof(channels->key))
		return -errno;
	channels->patterns.key = channels->key;
	return 0;
}

/* What a match takes, as match_bytes counts it. */
static size_t
match_size(const struct match *match)
{
	return sizeof(*match) + match->head_len;
}

static void
forget_matches(struct channels *channels, struct channel *channel)
{
	for (uint32_t i = 0; i < channel->n_matches; i++) {
		channels->match_bytes -= match_size(&channel->matches[i]);
		free(channel->matches[i].head);
	}
	free(channel->matches);
	channel->matches = NULL;
	channel->n_matches = 0;
}

/* Frees a channel that is on the unnamed list and that nobody waits for. */
static void
free_channel(struct channels *channels, struct channel *channel)
{
	assert(TAILQ_EMPTY(&channel->waiters));
	TAILQ_REMOVE(&channels->unnamed, channel, unnamed_link);
	channels->n_unnamed--;
	channels->members_generation++; /* whoever remembers the channel looks it up again */
	hashtable_remove(&channels->table, &channel->node);
	recvset_deinit(&channel->receivers);
	forget_matches(channels, channel);
	free(channel);
}

void
channels_deinit(struct channels *channels)
{
	struct channel *channel;

	while ((channel = TAILQ_FIRST(&channels->unnamed)))
		free_channel(channels, channel);
	assert(channels->table.n == 0);
	hashtable_deinit(&channels->table);
	pattern_index_deinit(&channels->patterns);
}

/* Puts a channel that has lost its last subscriber, or is new, on the unnamed list, which stays short. */
static void
list_unnamed(struct channels *channels, struct channel *channel)
{
	TAILQ_INSERT_TAIL(&channels->unnamed, channel, unnamed_link);
	channels->n_unnamed++;
	/* More leave than come, so that those that cannot leave yet do not make the list grow for ever. */
	for (int i = 0; i < 4 && channels->n_unnamed > UNNAMED_MAX; i++) {
		struct channel *oldest = TAILQ_FIRST(&channels->unnamed);

		if (TAILQ_EMPTY(&oldest->waiters) && oldest != channel && oldest != channels->pinned) {
			free_channel(channels, oldest);
			continue;
		}
		TAILQ_REMOVE(&channels->unnamed, oldest, unnamed_link);
		TAILQ_INSERT_TAIL(&channels->unnamed, oldest, unnamed_link);
	}
}

void
channels_unname(struct channels *channels, struct channel *channel)
{
	list_unnamed(channels, channel);
}

void
channels_name(struct channels *channels, struct channel *channel)
{
	TAILQ_REMOVE(&channels->unnamed, channel, unnamed_link);
	channels->n_unnamed--;
}

void
channels_release(struct channels *channels, struct channel *channel)
{
	if (TAILQ_EMPTY(&channel->waiters))
		free_channel(channels, channel);
}

/* How many bytes put_head() writes. */
static size_t
head_size(const struct slice *pattern, bool is_shard, struct slice name)
{
	size_t n = strlen("*3\r\n") + resp_bulk_size(name.len);

	if (pattern)
		return n + resp_bulk_size(strlen("pmessage")) + resp_bulk_size(pattern->len);
	return n + resp_bulk_size(strlen(is_shard ? "smessage" : "message"));
}

/* Writes what stands before a message's payload. */
static uint32_t
put_head(char *head, const struct slice *pattern, bool is_shard, struct slice name)
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

static struct channel *
find_channel(const struct channels *channels, struct slice name, bool is_shard, uint64_t hash)
{
	for (struct hashtable_node *node = hashtable_first(&channels->table, hash); node; node = hashtable_next(node))
		if (channel_is(CHANNEL(node), name, is_shard))
			return CHANNEL(node);
	return NULL;
}

struct channel *
channels_find(const struct channels *channels, struct slice name, bool is_shard)
{
	return find_channel(channels, name, is_shard, siphash(&channels->key, name.p, name.len));
}

static struct channel *
make_channel(struct channels *channels, struct slice name, bool is_shard, uint64_t hash)
{
	struct channel *channel;

	if (name.len > UINT32_MAX / 2)
		return NULL;
	channel = malloc(offsetof(struct channel, head) + head_size(NULL, is_shard, name));
	if (!channel)
		return NULL;
	*channel = (struct channel){ .name_len = (uint32_t)name.len, .is_shard = is_shard };
	channel->head_len = put_head(channel->head, NULL, is_shard, name);
	channel->name_offset = channel->head_len - 2 - channel->name_len;
	TAILQ_INIT(&channel->waiters);
	channel->patterns_generation = channel->members_generation = UINT64_MAX;
	if (hashtable_insert(&channels->table, &channel->node, hash) < 0) {
		free(channel);
		return NULL;
	}
	list_unnamed(channels, channel);
	return channel;
}

static int
stop_at_first(struct pattern *pattern __attribute__((unused)), void *arg __attribute__((unused)))
{
	return -EEXIST;
}

/* A channel whose patterns are looked for. */
struct search {
	struct channels *channels;
	struct channel *channel;
};

static int
add_match(struct pattern *pattern, void *arg)
{
	const struct search *search = arg;
	struct channel *channel = search->channel;
	struct slice text = { pattern->text, pattern->len }, name = channel_name(channel);
	struct match *matches = realloc(channel->matches, (channel->n_matches + 1) * sizeof(*matches));
	char *head;

	if (!matches)
		return -ENOMEM;
	channel->matches = matches;
	head = malloc(head_size(&text, false, name));
	if (!head)
		return -ENOMEM;
	matches[channel->n_matches] = (struct match){ pattern, head, put_head(head, &text, false, name) };
	search->channels->match_bytes += match_size(&matches[channel->n_matches++]);
	return 0;
}

/* Marks the channel's receivers, or clears their marks. Returns whether one was as it should be already. */
static bool
mark_receivers(const struct channel *channel, bool mark)
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

/* Whether some session receives the channel in more than one way. */
static bool
has_overlap(const struct channel *channel)
{
	bool found = mark_receivers(channel, true);

	mark_receivers(channel, false);
	return found;
}

static uint32_t
count_admitted(const struct channel *channel, const struct recvset *set)
{
	uint32_t n = 0;

	if (!channel->is_restricted)
		return set->n;
	for (uint32_t i = 0; i < set->n; i++)
		n += channel_admits(channel, recvset_array(set)[i]);
	return n;
}

static void
forget_in(struct hashtable_node *node, void *arg)
{
	struct channels *channels = arg;
	struct channel *channel = CHANNEL(node);

	if (channel == channels->pinned)
		return;
	forget_matches(channels, channel);
	channel->patterns_generation = channel->members_generation = UINT64_MAX;
}

/* Finds the patterns that match. What all channels remember of theirs is bounded: the others have to look again. */
static int
find_matches(struct channels *channels, struct channel *channel)
{
	struct search search = { channels, channel };
	int r;

	assert(channel != channels->pinned);
	if (channels->match_bytes > MATCH_BYTES_MAX)
		hashtable_each(&channels->table, forget_in, channels);
	forget_matches(channels, channel);
	r = pattern_each_match(&channels->patterns, channel_name(channel), add_match, &search);
	if (r < 0)
		forget_matches(channels, channel);
	channel->patterns_generation = r < 0 ? UINT64_MAX : channels->patterns_generation;
	return r;
}

/* Brings up to date what the channel remembers of its receivers. */
static int
refresh(struct channels *channels, struct channel *channel)
{
	if (channel->patterns_generation != channels->patterns_generation && !channel->is_shard &&
	    find_matches(channels, channel) < 0)
		return -ENOMEM;
	channel->rule = access_find(channels->access->rules, channel_name(channel));
	channel->is_restricted = channel->rule->subscribe.is_given;
	channel->n_total = 0;
	channel->heads_len = channel->head_len;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		channel->n_total += count_admitted(channel, channel_way(channel, way));
		channel->heads_len += way > 0 ? channel->matches[way - 1].head_len : 0;
	}
	channel->overlap = channel->n_matches > 0 && has_overlap(channel);
	channel->clog_generation = UINT64_MAX;
	channel->members_generation = channels->members_generation;
	return 0;
}

int
channels_update(struct channels *channels, struct channel *channel)
{
	return channel->members_generation == channels->members_generation ? 0 : refresh(channels, channel);
}

struct channel *
channels_get(struct channels *channels, struct slice name, bool is_shard)
{
	uint64_t hash = siphash(&channels->key, name.p, name.len);
	struct channel *channel = find_channel(channels, name, is_shard, hash);

	return channel ? channel : make_channel(channels, name, is_shard, hash);
}

bool
channels_must_match(const struct channels *channels, struct slice name, bool is_shard)
{
	const struct channel *channel;

	if (is_shard || channels->patterns.by_text.n == 0)
		return false;
	channel = channels_find(channels, name, false);
	return !channel || channel->patterns_generation != channels->patterns_generation;
}

int
channels_lookup(struct channels *channels, struct slice name, bool is_shard, bool make, struct channel **ret_channel)
{
	uint64_t hash = siphash(&channels->key, name.p, name.len);
	struct channel *channel = find_channel(channels, name, is_shard, hash);

	if (!channel) {
		if (!make && (is_shard || pattern_each_match(&channels->patterns, name, stop_at_first, NULL) == 0)) {
			*ret_channel = NULL;
			return 0;
		}
		channel = make_channel(channels, name, is_shard, hash);
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
		next = TAILQ_NEXT(channel, unnamed_link);
		if (channel != channels->pinned)
			channels_release(channels, channel);
	}
}

/* How many of those who get the channel's messages are such as asked for. */
static uint32_t
count_receivers(const struct channel *channel, bool (*is_such)(const struct client *c))
{
	uint32_t n = 0;

	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++)
			n += is_such(recvset_array(set)[i]) && channel_admits(channel, recvset_array(set)[i]);
	}
	return n;
}

static bool
is_clogged(const struct client *c)
{
	return c->clogged;
}

uint32_t
channel_count_clogged(struct channel *channel, uint64_t clog_generation)
{
	if (channel->clog_generation != clog_generation) {
		channel->n_clogged = count_receivers(channel, is_clogged);
		channel->clog_generation = clog_generation;
	}
	return channel->n_clogged;
}

static bool
takes_nothing_large(const struct client *c)
{
	return flow_drops(c, true);
}

uint32_t
channel_count_clogged_for_large(const struct channel *channel)
{
	return count_receivers(channel, takes_nothing_large);
}

bool
channel_is_received_by(const struct channel *channel, const struct client *c)
{
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++)
			if (client_is_own(recvset_array(set)[i], c))
				return true;
	}
	return false;
}
