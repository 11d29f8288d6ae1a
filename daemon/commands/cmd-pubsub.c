/* Commands that publish and subscribe, and PUBSUB. */
#include <errno.h>
#include <string.h>

#include "cmd-publish.h"
#include "handlers.h"
#include "glob.h"
#include "publish.h"
#include "reply.h"
#include "sessions.h"

bool
cmd_require_name(struct bus *bus, struct session *s, struct slice name)
{
	if (name.len <= PROTOCOL_NAME_MAX)
		return true;
	reply_error(bus, s, "ERR the name has %zu bytes; names of channels and patterns may have %zu", name.len,
	            PROTOCOL_NAME_MAX);
	return false;
}

enum command_result
cmd_publish_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (argv[1].len > PROTOCOL_NAME_MAX)
		return COMMAND_DONE; /* the command itself replies the error */
	return publish_wait(bus, &s->client, &(struct publish_request){ argv[1], is_shard, .payload = argv[2] })
	           ? COMMAND_WAIT
	           : COMMAND_DONE;
}

static void
pubsub_refuse(struct bus *bus, struct session *s, const char *verb, struct slice name)
{
	bus->flow.stats.denied_channels++;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "may not %s '%.*s' ([channel %s])", verb, COMMAND_SHOWN(name),
	         access_find(bus->access.rules, name)->glob);
	reply_error(bus, s, "NOPERM No permissions to access a channel: %s may not %s '%.*s'",
	            identity_text(&s->client.identity).text, verb, COMMAND_SHOWN(name));
}

static void
pubsub_answer(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier)
{
	reply_integer_behind(bus, session_of(c), receivers, barrier);
}

static enum command_result
pubsub_publish(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (publish_is_more(bus, &s->client, argv[1], is_shard, argv[2].len)) {
		publish_more(bus, &s->client, argv[2], pubsub_answer);
		return COMMAND_DONE;
	}
	if (!cmd_require_name(bus, s, argv[1]))
		return COMMAND_DONE;
	switch (publish_message(bus, &s->client,
	                        &(struct publish_request){
				    .name = argv[1],
				    .is_shard = is_shard,
				    /* EXEC has waited for everything that it publishes, and goes out whole. */
				    .may_wait = !bus->flow.executing,
				    .payload = argv[2],
				    .tail = sessions_of(bus)->tail,
				    .answer = pubsub_answer,
				})) {
	case PUBLISH_DONE:
	case PUBLISH_DEAD:
		return COMMAND_DONE;
	case PUBLISH_WAIT:
		return COMMAND_WAIT;
	case PUBLISH_DENIED:
		pubsub_refuse(bus, s, "publish to", argv[1]);
		return COMMAND_DONE;
	case PUBLISH_NOMEM:
		reply_error(bus, s, "ERR out of memory, the message was not published");
		return COMMAND_DONE;
	case PUBLISH_LOST:
		flow_mark_dead(&bus->flow, &s->client); /* its answer, already queued, is wrong */
		return COMMAND_DONE;
	}
	return COMMAND_DONE;
}

enum command_result
cmd_publish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_publish(bus, s, argv, false);
}

enum command_result
cmd_spublish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_publish(bus, s, argv, true);
}

/* The first element of confirmations. */
static const struct {
	const char *subscribe, *unsubscribe;
} pubsub_words[] = {
	[SUBSCRIPTION_CHANNEL] = { "subscribe", "unsubscribe" },
	[SUBSCRIPTION_PATTERN] = { "psubscribe", "punsubscribe" },
	[SUBSCRIPTION_SHARD] = { "ssubscribe", "sunsubscribe" },
};

/* The count in confirmations: that of shard channels, or of channels and patterns together. */
static uint64_t
pubsub_count(const struct session *s, enum subscription_kind kind)
{
	return kind == SUBSCRIPTION_SHARD ? s->client.n_shards : (uint64_t)s->client.n_channels + s->client.n_patterns;
}

/* Like Redis, subscribes to all of the channels or none. */
static bool
pubsub_require_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	for (size_t i = 1; i < argc; i++)
		if (argv[i].len <= PROTOCOL_NAME_MAX &&
		    !access_list_admits(&access_find(bus->access.rules, argv[i])->subscribe, &s->client.identity)) {
			pubsub_refuse(bus, s, "subscribe to", argv[i]);
			return false;
		}
	return true;
}

bool
cmd_require_channels(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                     size_t argc)
{
	if (row->run == cmd_subscribe || row->run == cmd_ssubscribe)
		return pubsub_require_subscribe(bus, s, argv, argc);
	if (row->run != cmd_publish && row->run != cmd_spublish)
		return true;
	if (argv[1].len > PROTOCOL_NAME_MAX || publish_is_allowed(bus, &s->client, argv[1]))
		return true; /* for a name that is too long, the command itself replies the error */
	pubsub_refuse(bus, s, "publish to", argv[1]);
	return false;
}

static enum command_result
pubsub_subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	if (kind == SUBSCRIPTION_SHARD && bus->flow.executing) { /* as in Redis, where the others are allowed */
		reply_error(bus, s, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
		return COMMAND_DONE;
	}
	/* For patterns, the right to read is checked for each message. */
	if (kind != SUBSCRIPTION_PATTERN && !pubsub_require_subscribe(bus, s, argv, argc))
		return COMMAND_DONE;
	for (size_t i = 1; i < argc; i++) {
		int r;

		if (!cmd_require_name(bus, s, argv[i]))
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
			reply_confirmation(bus, s, pubsub_words[kind].subscribe, &argv[i], pubsub_count(s, kind));
	}
	return COMMAND_DONE;
}

/* Ends all the session's subscriptions of one kind. Returns their number. */
static size_t
pubsub_unsubscribe_all(struct bus *bus, struct session *s, enum subscription_kind kind)
{
	struct subscription *sub, *next;
	size_t n = 0;

	for (sub = LIST_FIRST(&s->client.subscriptions); sub; sub = next) {
		struct slice name;

		next = LIST_NEXT(sub, link);
		if (sub->kind != kind)
			continue;
		if (kind == SUBSCRIPTION_PATTERN)
			name = (struct slice){ sub->pattern->text, sub->pattern->len };
		else
			name = channel_name(sub->channel);
		/* Unsubscribing may free the name, so the confirmation comes first, with the count afterwards. */
		reply_confirmation(bus, s, pubsub_words[kind].unsubscribe, &name, pubsub_count(s, kind) - 1);
		bus_unsubscribe(bus, &s->client, kind, name);
		n++;
	}
	return n;
}

static enum command_result
pubsub_unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv,
                   size_t argc)
{
	if (argc == 1 && pubsub_unsubscribe_all(bus, s, kind) == 0)
		reply_confirmation(bus, s, pubsub_words[kind].unsubscribe, NULL, pubsub_count(s, kind));
	for (size_t i = 1; i < argc; i++) {
		bus_unsubscribe(bus, &s->client, kind, argv[i]);
		reply_confirmation(bus, s, pubsub_words[kind].unsubscribe, &argv[i], pubsub_count(s, kind));
	}
	return COMMAND_DONE;
}

enum command_result
cmd_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_subscribe(bus, s, SUBSCRIPTION_CHANNEL, argv, argc);
}

enum command_result
cmd_psubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_subscribe(bus, s, SUBSCRIPTION_PATTERN, argv, argc);
}

enum command_result
cmd_ssubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_subscribe(bus, s, SUBSCRIPTION_SHARD, argv, argc);
}

enum command_result
cmd_unsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_unsubscribe(bus, s, SUBSCRIPTION_CHANNEL, argv, argc);
}

enum command_result
cmd_punsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_unsubscribe(bus, s, SUBSCRIPTION_PATTERN, argv, argc);
}

enum command_result
cmd_sunsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_unsubscribe(bus, s, SUBSCRIPTION_SHARD, argv, argc);
}

/* Milliseconds that PUBSUB CHANNELS may take, for patterns that are slow on purpose. */
#define LISTING_MS 250

/* PUBSUB CHANNELS walks over the channels twice: first to count those that it lists, then to reply their names. */
struct listing {
	bool shards;
	struct bus *bus;
	struct session *to; /* NULL: the first walk */
	const struct slice *pattern;
	size_t n;
	uint64_t begin_ms;
	bool too_long; /* as found by the first walk; the second one ends like it */
};

static bool
pubsub_is_listed(struct listing *listing, struct slice name)
{
	struct bus *bus = listing->bus;

	if (!listing->pattern)
		return true;
	bus->flow.work += listing->pattern->len + name.len;
	flow_update_time(&bus->flow);
	listing->too_long |= !listing->to && bus->flow.now_ms - listing->begin_ms > LISTING_MS;
	return !listing->too_long && glob_match(listing->pattern->p, listing->pattern->len, name.p, name.len);
}

static void
pubsub_list_channel(struct hashtable_node *node, void *arg)
{
	struct channel *channel = (struct channel *)((char *)node - offsetof(struct channel, node));
	struct listing *listing = arg;
	struct slice name = channel_name(channel);

	if (channel->receivers.n == 0 || channel->is_shard != listing->shards || !pubsub_is_listed(listing, name))
		return;
	listing->n++;
	if (listing->to)
		reply_bulk(listing->bus, listing->to, name);
}

static enum command_result
pubsub_reply_channels(struct bus *bus, struct session *s, bool shards, const struct slice *argv, size_t argc)
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
	if (argc > 2 && !cmd_require_name(bus, s, argv[2]))
		return COMMAND_DONE;
	hashtable_each(&bus->router.channels.table, pubsub_list_channel, &listing);
	if (listing.too_long) {
		reply_error(bus, s, "ERR it takes too long to match '%.*s' with all channels", COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	reply_array(bus, s, listing.n);
	listing.to = s;
	hashtable_each(&bus->router.channels.table, pubsub_list_channel, &listing);
	return COMMAND_DONE;
}

enum command_result
cmd_pubsub_channels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_reply_channels(bus, s, false, argv, argc);
}

enum command_result
cmd_pubsub_shardchannels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_reply_channels(bus, s, true, argv, argc);
}

static enum command_result
pubsub_reply_counts(struct bus *bus, struct session *s, bool shards, const struct slice *argv, size_t argc)
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
	return pubsub_reply_counts(bus, s, false, argv, argc);
}

enum command_result
cmd_pubsub_shardnumsub(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return pubsub_reply_counts(bus, s, true, argv, argc);
}

enum command_result
cmd_pubsub_numpat(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_integer(bus, s, bus->router.channels.patterns.by_text.n);
	return COMMAND_DONE;
}
