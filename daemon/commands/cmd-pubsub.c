/* Commands that move messages, and those about subscriptions. */
#include <errno.h>
#include <string.h>

#include "cmd-publish.h"
#include "handlers.h"
#include "glob.h"
#include "publish.h"
#include "reply.h"
#include "sessions.h"

bool
cmd_check_name(struct bus *bus, struct session *s, struct slice name)
{
	if (name.len <= PROTOCOL_NAME_MAX)
		return true;
	reply_error(bus, s, "ERR the name has %zu bytes; a channel's name and a pattern may have %zu", name.len,
	            PROTOCOL_NAME_MAX);
	return false;
}

/* A name that is too long is refused for that. */
static bool
may_publish(const struct bus *bus, const struct session *s, struct slice name)
{
	return name.len > PROTOCOL_NAME_MAX || publish_is_allowed(bus, &s->client, name);
}

enum command_result
cmd_publish_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (argv[1].len > PROTOCOL_NAME_MAX)
		return COMMAND_DONE; /* running it will say what is wrong */
	return publish_wait(bus, &s->client, &(struct publish_request){ argv[1], is_shard, .payload = argv[2] })
	           ? COMMAND_WAIT
	           : COMMAND_DONE;
}

static void
refuse(struct bus *bus, struct session *s, const char *verb, struct slice name)
{
	bus->flow.stats.denied_channels++;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "may not %s '%.*s' ([channel %s])", verb, COMMAND_SHOWN(name),
	         access_find(bus->access.rules, name)->glob);
	reply_error(bus, s, "NOPERM No permissions to access a channel: %s may not %s '%.*s'",
	            identity_text(&s->client.identity).text, verb, COMMAND_SHOWN(name));
}

static void
answer(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier)
{
	reply_integer_behind(bus, session_of(c), receivers, barrier);
}

static enum command_result
publish(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (publish_is_more(bus, &s->client, argv[1], is_shard, argv[2].len)) {
		publish_more(bus, &s->client, argv[2], answer);
		return COMMAND_DONE;
	}
	if (!cmd_check_name(bus, s, argv[1]))
		return COMMAND_DONE;
	switch (publish_message(bus, &s->client,
	                        &(struct publish_request){
				    .name = argv[1],
				    .is_shard = is_shard,
				    /* EXEC has waited for everything that it publishes, and goes out whole. */
				    .may_wait = !bus->flow.executing,
				    .payload = argv[2],
				    .tail = sessions_of(bus)->tail,
				    .answer = answer,
				})) {
	case PUBLISH_DONE:
	case PUBLISH_DEAD:
		return COMMAND_DONE;
	case PUBLISH_WAIT:
		return COMMAND_WAIT;
	case PUBLISH_DENIED:
		refuse(bus, s, "publish to", argv[1]);
		return COMMAND_DONE;
	case PUBLISH_NOMEM:
		reply_error(bus, s, "ERR out of memory, the message was not published");
		return COMMAND_DONE;
	case PUBLISH_LOST:
		flow_mark_dead(&bus->flow, &s->client); /* it must not get the answer */
		return COMMAND_DONE;
	}
	return COMMAND_DONE;
}

enum command_result
cmd_publish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	return publish(bus, s, argv, false);
}

enum command_result
cmd_spublish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	return publish(bus, s, argv, true);
}

/* What confirmations of each kind are called. */
static const struct {
	const char *subscribe, *unsubscribe;
} words[] = {
	[SUBSCRIPTION_CHANNEL] = { "subscribe", "unsubscribe" },
	[SUBSCRIPTION_PATTERN] = { "psubscribe", "punsubscribe" },
	[SUBSCRIPTION_SHARD] = { "ssubscribe", "sunsubscribe" },
};

/* Subscriptions as confirmations count them: shard channels are counted apart. */
static uint64_t
count(const struct session *s, enum subscription_kind kind)
{
	return kind == SUBSCRIPTION_SHARD ? s->client.n_shards : (uint64_t)s->client.n_channels + s->client.n_patterns;
}

/* Like Redis, to all of the channels or none. */
static bool
may_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	for (size_t i = 1; i < argc; i++)
		if (argv[i].len <= PROTOCOL_NAME_MAX &&
		    !access_list_admits(&access_find(bus->access.rules, argv[i])->subscribe, &s->client.identity)) {
			refuse(bus, s, "subscribe to", argv[i]);
			return false;
		}
	return true;
}

bool
cmd_channels_allowed(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                     size_t argc)
{
	if (row->run == cmd_subscribe || row->run == cmd_ssubscribe)
		return may_subscribe(bus, s, argv, argc);
	if ((row->run != cmd_publish && row->run != cmd_spublish) || may_publish(bus, s, argv[1]))
		return true;
	refuse(bus, s, "publish to", argv[1]);
	return false;
}

static enum command_result
subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	if (kind == SUBSCRIPTION_SHARD && bus->flow.executing) { /* Redis makes an exception for the others only */
		reply_error(bus, s, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
		return COMMAND_DONE;
	}
	/* What patterns cover is judged when there is a message. */
	if (kind != SUBSCRIPTION_PATTERN && !may_subscribe(bus, s, argv, argc))
		return COMMAND_DONE;
	for (size_t i = 1; i < argc; i++) {
		int r;

		if (!cmd_check_name(bus, s, argv[i]))
			continue;
		r = bus_subscribe(bus, &s->client, kind, argv[i]);
		if (r == ROUTER_E_TOO_MANY)
			reply_error(bus, s, "ERR too many subscriptions; the limit for one client is %llu",
			            (unsigned long long)bus->flow.limits.max_subscriptions);
		else if (r == ROUTER_E_TOO_MANY_OF_USER)
			reply_error(bus, s, "ERR too many subscriptions; the limit for all clients of %s is %llu",
			            identity_text(&s->client.identity).text,
			            (unsigned long long)bus->flow.limits.max_subscriptions_per_uid);
		else if (r == ROUTER_E_TOO_MANY_PATTERNS)
			reply_error(bus, s, "ERR too many patterns; the limit for all clients of %s is %llu",
			            identity_text(&s->client.identity).text,
			            (unsigned long long)bus->flow.limits.max_patterns_per_uid);
		else if (r < 0)
			reply_error(bus, s, "ERR out of memory, not subscribed");
		else
			reply_confirmation(bus, s, words[kind].subscribe, &argv[i], count(s, kind));
	}
	return COMMAND_DONE;
}

static struct slice
subscription_name(const struct subscription *sub)
{
	if (sub->kind != SUBSCRIPTION_PATTERN)
		return channel_name(sub->channel);
	return (struct slice){ sub->pattern->text, sub->pattern->len };
}

/* Ends all the session's subscriptions of one kind. Returns how many there were. */
static size_t
unsubscribe_all(struct bus *bus, struct session *s, enum subscription_kind kind)
{
	struct subscription *sub, *next;
	size_t n = 0;

	for (sub = LIST_FIRST(&s->client.subscriptions); sub; sub = next) {
		struct slice name;

		next = LIST_NEXT(sub, link);
		if (sub->kind != kind)
			continue;
		/* The name goes with the subscription: the confirmation is written first, with the count to come. */
		name = subscription_name(sub);
		reply_confirmation(bus, s, words[kind].unsubscribe, &name, count(s, kind) - 1);
		bus_unsubscribe(bus, &s->client, kind, name);
		n++;
	}
	return n;
}

static enum command_result
unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	if (argc == 1 && unsubscribe_all(bus, s, kind) == 0)
		reply_confirmation(bus, s, words[kind].unsubscribe, NULL, count(s, kind));
	for (size_t i = 1; i < argc; i++) {
		bus_unsubscribe(bus, &s->client, kind, argv[i]);
		reply_confirmation(bus, s, words[kind].unsubscribe, &argv[i], count(s, kind));
	}
	return COMMAND_DONE;
}

enum command_result
cmd_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return subscribe(bus, s, SUBSCRIPTION_CHANNEL, argv, argc);
}

enum command_result
cmd_psubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return subscribe(bus, s, SUBSCRIPTION_PATTERN, argv, argc);
}

enum command_result
cmd_ssubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return subscribe(bus, s, SUBSCRIPTION_SHARD, argv, argc);
}

enum command_result
cmd_unsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return unsubscribe(bus, s, SUBSCRIPTION_CHANNEL, argv, argc);
}

enum command_result
cmd_punsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return unsubscribe(bus, s, SUBSCRIPTION_PATTERN, argv, argc);
}

enum command_result
cmd_sunsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return unsubscribe(bus, s, SUBSCRIPTION_SHARD, argv, argc);
}

/* One walk over the channels: counts those that PUBSUB CHANNELS lists, or replies their names. */
struct listing {
	bool shards;
	struct bus *bus;
	struct session *to; /* NULL: only count */
	const struct slice *pattern;
	size_t n;
	uint64_t begin_ms;
	bool too_long;
};

/* How long a walk may take, where the pattern is made to be slow. */
#define LISTING_MS 250

static bool
is_listed(struct listing *listing, struct slice name)
{
	struct bus *bus = listing->bus;

	if (!listing->pattern)
		return true;
	bus->flow.work += listing->pattern->len + name.len;
	flow_update_time(&bus->flow);
	/* The second walk does what the first one did. */
	listing->too_long |= !listing->to && bus->flow.now_ms - listing->begin_ms > LISTING_MS;
	return !listing->too_long && glob_match(listing->pattern->p, listing->pattern->len, name.p, name.len);
}

static void
list_channel(struct hashtable_node *node, void *arg)
{
	struct channel *channel = (struct channel *)((char *)node - offsetof(struct channel, node));
	struct listing *listing = arg;
	struct slice name = channel_name(channel);

	if (channel->receivers.n == 0 || channel->is_shard != listing->shards)
		return;
	if (!is_listed(listing, name))
		return;
	listing->n++;
	if (listing->to)
		reply_bulk(listing->bus, listing->to, name);
}

static enum command_result
reply_channels(struct bus *bus, struct session *s, bool shards, const struct slice *argv, size_t argc)
{
	struct listing listing = {
		.shards = shards,
		.bus = bus,
		.pattern = argc > 2 ? &argv[2] : NULL,
		.begin_ms = bus->flow.now_ms,
	};

	if (argc > 3) {
		reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
		            COMMAND_SHOWN(argv[1]));
		return COMMAND_DONE;
	}
	if (argc > 2 && !cmd_check_name(bus, s, argv[2]))
		return COMMAND_DONE;
	hashtable_each(&bus->router.channels.table, list_channel, &listing);
	if (listing.too_long) {
		reply_error(bus, s, "ERR it takes too long to hold '%.*s' against all channels",
		            COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	reply_array(bus, s, listing.n);
	listing.to = s;
	hashtable_each(&bus->router.channels.table, list_channel, &listing);
	return COMMAND_DONE;
}

enum command_result
cmd_pubsub_channels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return reply_channels(bus, s, false, argv, argc);
}

enum command_result
cmd_pubsub_shardchannels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return reply_channels(bus, s, true, argv, argc);
}

static enum command_result
reply_counts(struct bus *bus, struct session *s, bool shards, const struct slice *argv, size_t argc)
{
	reply_array(bus, s, (argc - 2) * 2);
	for (size_t i = 2; i < argc; i++) {
		const struct channel *channel = channels_find(&bus->router.channels, argv[i], shards);

		reply_bulk(bus, s, argv[i]);
		reply_integer(bus, s, channel ? channel->receivers.n : 0);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_pubsub_numsub(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return reply_counts(bus, s, false, argv, argc);
}

enum command_result
cmd_pubsub_shardnumsub(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return reply_counts(bus, s, true, argv, argc);
}

enum command_result
cmd_pubsub_numpat(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                  size_t argc __attribute__((unused)))
{
	reply_integer(bus, s, bus->router.channels.patterns.by_text.n);
	return COMMAND_DONE;
}
