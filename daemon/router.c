#include "router.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bus.h"
#include "log.h"
#include "resp-encode.h"
#include "quota.h"
#include "run.h"

/* How many channels without a subscription of their own are remembered. */
#define UNNAMED_MAX 128

/* What channels may remember of the patterns that match them, in bytes; and those of one more channel. */
#define MATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* A pattern counts once more for each so many bytes. */
#define PATTERN_QUOTA_BYTES 64

#define CHANNEL(node) ((struct channel *)((char *)(node)-offsetof(struct channel, node)))
#define SUBSCRIPTION(node) ((struct subscription *)((char *)(node)-offsetof(struct subscription, node)))

int
router_init(struct router *router)
{
	*router = (struct router){ 0 };
	TAILQ_INIT(&router->unnamed);
	if (getrandom(&router->key, sizeof(router->key), 0) != sizeof(router->key))
		return -errno;
	router->patterns.key = router->key;
	return 0;
}

/* What a match takes, as match_bytes counts it. */
static size_t
match_size(const struct match *match)
{
	return sizeof(*match) + match->head_len;
}

static void
forget_matches(struct router *router, struct channel *channel)
{
	for (uint32_t i = 0; i < channel->n_matches; i++) {
		router->match_bytes -= match_size(&channel->matches[i]);
		free(channel->matches[i].head);
	}
	free(channel->matches);
	channel->matches = NULL;
	channel->n_matches = 0;
}

/* Frees a channel that is on the unnamed list and that nobody waits for. */
static void
free_channel(struct router *router, struct channel *channel)
{
	assert(TAILQ_EMPTY(&channel->waiters));
	TAILQ_REMOVE(&router->unnamed, channel, unnamed_link);
	router->n_unnamed--;
	router->members_generation++; /* whoever remembers the channel looks it up again */
	table_remove(&router->channels, &channel->node);
	recvset_deinit(&channel->receivers);
	forget_matches(router, channel);
	free(channel);
}

void
router_deinit(struct router *router)
{
	struct channel *channel;

	while ((channel = TAILQ_FIRST(&router->unnamed)))
		free_channel(router, channel);
	assert(router->channels.n == 0 && router->subscriptions.n == 0);
	table_deinit(&router->channels);
	table_deinit(&router->subscriptions);
	pattern_index_deinit(&router->patterns);
}

/* Puts a channel that has lost its last subscriber, or is new, on the unnamed list, which stays short. */
static void
list_unnamed(struct router *router, struct channel *channel)
{
	TAILQ_INSERT_TAIL(&router->unnamed, channel, unnamed_link);
	router->n_unnamed++;
	/* More leave than come, so that those that cannot leave yet do not make the list grow for ever. */
	for (int i = 0; i < 4 && router->n_unnamed > UNNAMED_MAX; i++) {
		struct channel *oldest = TAILQ_FIRST(&router->unnamed);

		if (TAILQ_EMPTY(&oldest->waiters) && oldest != channel) {
			free_channel(router, oldest);
			continue;
		}
		TAILQ_REMOVE(&router->unnamed, oldest, unnamed_link);
		TAILQ_INSERT_TAIL(&router->unnamed, oldest, unnamed_link);
	}
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
find_channel(const struct router *router, struct slice name, bool is_shard, uint64_t hash)
{
	for (struct table_node *node = table_first(&router->channels, hash); node; node = table_next(node))
		if (channel_is(CHANNEL(node), name, is_shard))
			return CHANNEL(node);
	return NULL;
}

struct channel *
router_find(const struct router *router, struct slice name, bool is_shard)
{
	return find_channel(router, name, is_shard, siphash(&router->key, name.p, name.len));
}

static struct channel *
make_channel(struct router *router, struct slice name, bool is_shard, uint64_t hash)
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
	if (table_insert(&router->channels, &channel->node, hash) < 0) {
		free(channel);
		return NULL;
	}
	list_unnamed(router, channel);
	return channel;
}

static int
stop_at_first(struct pattern *pattern __attribute__((unused)), void *arg __attribute__((unused)))
{
	return -EEXIST;
}

/* A channel whose patterns are looked for. */
struct search {
	struct router *router;
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
	search->router->match_bytes += match_size(&matches[channel->n_matches++]);
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
			struct session *s = recvset_array(set)[i];

			found = found || s->is_marked == mark;
			s->is_marked = mark;
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
forget_in(struct table_node *node, void *arg)
{
	struct channel *channel = CHANNEL(node);

	forget_matches(arg, channel);
	channel->patterns_generation = channel->members_generation = UINT64_MAX;
}

/* Finds the patterns that match. What all channels remember of theirs is bounded: the others have to look again. */
static int
find_matches(struct bus *bus, struct channel *channel)
{
	struct router *router = &bus->router;
	struct search search = { router, channel };
	int r;

	if (router->match_bytes > MATCH_BYTES_MAX) {
		run_close(bus);
		table_each(&router->channels, forget_in, router);
	}
	forget_matches(router, channel);
	r = pattern_each_match(&router->patterns, channel_name(channel), add_match, &search);
	if (r < 0)
		forget_matches(router, channel);
	channel->patterns_generation = r < 0 ? UINT64_MAX : router->patterns_generation;
	return r;
}

/* Brings up to date what the channel remembers of its receivers. */
static int
refresh(struct bus *bus, struct channel *channel)
{
	struct router *router = &bus->router;

	if (channel->patterns_generation != router->patterns_generation && !channel->is_shard &&
	    find_matches(bus, channel) < 0)
		return -ENOMEM;
	channel->rule = access_find(bus->rules, channel_name(channel));
	channel->is_restricted = channel->rule->subscribe.is_given;
	channel->n_total = 0;
	channel->heads_len = channel->head_len;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		channel->n_total += count_admitted(channel, channel_way(channel, way));
		channel->heads_len += way > 0 ? channel->matches[way - 1].head_len : 0;
	}
	channel->overlap = channel->n_matches > 0 && has_overlap(channel);
	channel->clog_generation = UINT64_MAX;
	channel->members_generation = router->members_generation;
	return 0;
}

int
router_update(struct bus *bus, struct channel *channel)
{
	return channel->members_generation == bus->router.members_generation ? 0 : refresh(bus, channel);
}

/* The channel of a name, made if need be but not brought up to date, or NULL when there is no memory. */
static struct channel *
get_channel(struct bus *bus, struct slice name, bool is_shard)
{
	struct router *router = &bus->router;
	uint64_t hash = siphash(&router->key, name.p, name.len);
	struct channel *channel = find_channel(router, name, is_shard, hash);

	if (channel)
		return channel;
	run_close(bus); /* its channel may have to make room */
	return make_channel(router, name, is_shard, hash);
}

bool
router_must_match(const struct router *router, struct slice name, bool is_shard)
{
	const struct channel *channel;

	if (is_shard || router->patterns.by_text.n == 0)
		return false;
	channel = router_find(router, name, false);
	return !channel || channel->patterns_generation != router->patterns_generation;
}

int
router_lookup(struct bus *bus, struct slice name, bool is_shard, bool make, struct channel **ret_channel)
{
	struct router *router = &bus->router;
	uint64_t hash = siphash(&router->key, name.p, name.len);
	struct channel *channel = find_channel(router, name, is_shard, hash);

	if (!channel) {
		if (!make && (is_shard || pattern_each_match(&router->patterns, name, stop_at_first, NULL) == 0)) {
			*ret_channel = NULL;
			return 0;
		}
		channel = get_channel(bus, name, is_shard);
		if (!channel)
			return -ENOMEM;
	}
	if (router_update(bus, channel) < 0)
		return -ENOMEM;
	*ret_channel = channel;
	return 0;
}

void
router_forget_unnamed(struct bus *bus)
{
	struct router *router = &bus->router;
	struct channel *channel = TAILQ_FIRST(&router->unnamed), *next;

	if (channel)
		run_close(bus);
	for (; channel; channel = next) {
		next = TAILQ_NEXT(channel, unnamed_link);
		if (TAILQ_EMPTY(&channel->waiters))
			free_channel(router, channel);
	}
}

/* How many of those who get the channel's messages are such as asked for. */
static uint32_t
count_receivers(const struct channel *channel, bool (*is_such)(const struct session *s))
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
is_clogged(const struct session *s)
{
	return s->clogged;
}

uint32_t
router_count_clogged(struct bus *bus, struct channel *channel)
{
	if (channel->clog_generation != bus->clog_generation) {
		channel->n_clogged = count_receivers(channel, is_clogged);
		channel->clog_generation = bus->clog_generation;
	}
	return channel->n_clogged;
}

static bool
takes_nothing_large(const struct session *s)
{
	return session_drops(s, true);
}

uint32_t
router_count_clogged_for_large(const struct channel *channel)
{
	return count_receivers(channel, takes_nothing_large);
}

static bool
find_own(const struct channel *channel, const struct session *s)
{
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++)
			if (session_is_own(recvset_array(set)[i], s))
				return true;
	}
	return false;
}

void
router_know_publisher(struct bus *bus, const struct channel *channel, struct session *s)
{
	uint64_t generation = bus->router.members_generation;

	if (s->last_published.channel == channel && s->last_published.generation == generation)
		return;
	s->publishes_to_own = find_own(channel, s);
	s->publish_allowed = access_list_admits(&channel->rule->publish, &s->identity);
	s->last_published.channel = channel;
	s->last_published.generation = generation;
}

/* Whether the session may not receive one of the channels that it is subscribed to by name. */
static bool
has_forbidden(const struct bus *bus, const struct session *s)
{
	const struct subscription *sub;

	LIST_FOREACH(sub, &s->subscriptions, link)
		if (sub->kind != SUBSCRIPTION_PATTERN &&
		    !access_list_admits(&access_find(bus->rules, channel_name(sub->channel))->subscribe, &s->identity))
			return true;
	return false;
}

static void
wake_waiters(struct bus *bus, struct channel *channel)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&channel->waiters)))
		session_resume(s, bus);
}

/* Who waits, waits on a channel without subscribers of its own. */
static void
wake_all_waiters(struct bus *bus)
{
	struct channel *channel;

	TAILQ_FOREACH(channel, &bus->router.unnamed, unnamed_link)
		wake_waiters(bus, channel);
}

void
router_set_rules(struct bus *bus, const struct access_rules *rules)
{
	struct session *s;

	run_close(bus);
	bus->rules = rules;
	bus->router.members_generation++;
	TAILQ_FOREACH(s, &bus->sessions, link) {
		if (!has_forbidden(bus, s))
			continue;
		session_log(s, bus, LOG_LEVEL_INFO, "may not receive a channel any more, disconnected");
		session_kill(s, bus);
	}
	wake_all_waiters(bus);
	session_resume_throttled(bus);
}

/* The channel or pattern of a subscription, as an address to tell it from others. */
static const void *
topic_of(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? (const void *)sub->pattern : (const void *)sub->channel;
}

static uint64_t
subscription_hash(const struct router *router, const struct session *s, const void *topic)
{
	const void *both[] = { s, topic };

	return siphash(&router->key, both, sizeof(both));
}

static struct subscription *
find_subscription(const struct router *router, const struct session *s, const void *topic)
{
	struct table_node *node = table_first(&router->subscriptions, subscription_hash(router, s, topic));

	for (; node; node = table_next(node)) {
		struct subscription *sub = SUBSCRIPTION(node);

		if (sub->session == s && topic_of(sub) == topic)
			return sub;
	}
	return NULL;
}

static bool
is_reserved(const struct channel *channel)
{
	return !channel->is_shard && protocol_is_reserved(channel_name(channel));
}

static struct recvset *
receivers_of(struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? &sub->pattern->receivers : &sub->channel->receivers;
}

static uint32_t *
counter_of(struct subscription *sub)
{
	switch (sub->kind) {
	case SUBSCRIPTION_CHANNEL:
		return &sub->session->n_channels;
	case SUBSCRIPTION_PATTERN:
		return &sub->session->n_patterns;
	case SUBSCRIPTION_SHARD:
		return &sub->session->n_shards;
	}
	return NULL;
}

/* What a subscription counts for max_patterns_per_uid: long patterns take longer to match. */
static uint64_t
quota_of_pattern(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? 1 + sub->pattern->len / PATTERN_QUOTA_BYTES : 0;
}

/* Frees the channel or pattern of a subscription that ends, or was not made, if nobody needs it. */
static void
release_topic(struct router *router, struct subscription *sub)
{
	if (receivers_of(sub)->n > 0)
		return;
	if (sub->kind == SUBSCRIPTION_PATTERN) {
		pattern_remove(&router->patterns, sub->pattern);
		router->patterns_generation++;
	} else if (TAILQ_EMPTY(&sub->channel->waiters)) {
		free_channel(router, sub->channel);
	}
}

static int
link_subscription(struct router *router, struct subscription *sub)
{
	struct recvset *set = receivers_of(sub);
	uint64_t hash = subscription_hash(router, sub->session, topic_of(sub));
	int r = table_insert(&router->subscriptions, &sub->node, hash);

	if (r < 0)
		return r;
	r = recvset_add(set, sub->session);
	if (r < 0) {
		table_remove(&router->subscriptions, &sub->node);
		return r;
	}
	sub->index = set->n - 1;
	LIST_INSERT_HEAD(&sub->session->subscriptions, sub, link);
	++*counter_of(sub);
	sub->session->user->subscriptions++;
	sub->session->user->patterns += quota_of_pattern(sub);
	router->members_generation++;
	if (sub->kind == SUBSCRIPTION_PATTERN && set->n == 1)
		router->patterns_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 1) {
		TAILQ_REMOVE(&router->unnamed, sub->channel, unnamed_link);
		router->n_unnamed--;
		router->n_shards += sub->channel->is_shard;
		router->n_reserved += is_reserved(sub->channel);
	}
	return 0;
}

/* Lets publishers go on that waited for a receiver such as the new one. */
static void
wake_publishers(struct bus *bus, const struct subscription *sub)
{
	if (sub->kind != SUBSCRIPTION_PATTERN) {
		wake_waiters(bus, sub->channel);
		return;
	}
	wake_all_waiters(bus); /* those that it does not match wait again */
}

int
router_subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, struct slice name)
{
	struct router *router = &bus->router;
	struct subscription *sub = malloc(sizeof(*sub));
	int r = 0;

	if (!sub)
		return -ENOMEM;
	*sub = (struct subscription){ .session = s, .kind = kind };
	run_close(bus);
	if (kind == SUBSCRIPTION_PATTERN)
		sub->pattern = pattern_get(&router->patterns, name);
	else /* what matches it is looked for when something is published to it */
		sub->channel = get_channel(bus, name, kind == SUBSCRIPTION_SHARD);
	if (!topic_of(sub)) {
		free(sub);
		return -ENOMEM;
	}
	if (find_subscription(router, s, topic_of(sub)))
		r = ROUTER_E_EXISTS;
	else if (s->n_channels + s->n_patterns + s->n_shards >= bus->limits.max_subscriptions)
		r = ROUTER_E_TOO_MANY;
	else if (s->user->subscriptions >= bus->limits.max_subscriptions_per_uid)
		r = ROUTER_E_TOO_MANY_OF_USER;
	else if (s->user->patterns + quota_of_pattern(sub) > bus->limits.max_patterns_per_uid)
		r = ROUTER_E_TOO_MANY_PATTERNS;
	else
		r = link_subscription(router, sub);
	if (r != 0) {
		release_topic(router, sub);
		free(sub);
		return r;
	}
	wake_publishers(bus, sub);
	return 0;
}

static void
unlink_subscription(struct router *router, struct subscription *sub)
{
	struct recvset *set = receivers_of(sub);
	struct session *moved = recvset_remove(set, sub->index);

	if (moved)
		find_subscription(router, moved, topic_of(sub))->index = sub->index;
	table_remove(&router->subscriptions, &sub->node);
	LIST_REMOVE(sub, link);
	--*counter_of(sub);
	sub->session->user->subscriptions--;
	sub->session->user->patterns -= quota_of_pattern(sub);
	router->members_generation++;
	if (sub->kind != SUBSCRIPTION_PATTERN && set->n == 0) {
		router->n_shards -= sub->channel->is_shard;
		router->n_reserved -= is_reserved(sub->channel);
		list_unnamed(router, sub->channel);
	}
	release_topic(router, sub);
	free(sub);
}

bool
router_unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, struct slice name)
{
	struct router *router = &bus->router;
	struct subscription *sub;
	const void *topic;

	if (kind == SUBSCRIPTION_PATTERN)
		topic = pattern_find(&router->patterns, name);
	else
		topic = router_find(router, name, kind == SUBSCRIPTION_SHARD);
	sub = topic ? find_subscription(router, s, topic) : NULL;
	if (!sub)
		return false;
	run_close(bus);
	unlink_subscription(router, sub);
	return true;
}

bool
router_is_subscribed(const struct router *router, const struct session *s, struct slice name)
{
	const struct channel *channel = router_find(router, name, false);

	return channel && find_subscription(router, s, channel);
}

void
router_leave(struct bus *bus, struct session *s)
{
	struct subscription *sub;

	if (!session_is_subscribed(s))
		return;
	run_close(bus);
	while ((sub = LIST_FIRST(&s->subscriptions)))
		unlink_subscription(&bus->router, sub);
}

void
router_set_encoding(struct bus *bus, struct session *s, enum encoding encoding)
{
	struct subscription *sub;

	if (s->encoding == encoding)
		return;
	run_close(bus);
	LIST_FOREACH(sub, &s->subscriptions, link) {
		receivers_of(sub)->n_of[s->encoding]--;
		receivers_of(sub)->n_of[encoding]++;
	}
	s->encoding = (uint8_t)encoding;
}
