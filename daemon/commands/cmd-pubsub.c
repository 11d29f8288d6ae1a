/* Commands that subscribe, and PUBSUB. */
#include <errno.h>
#include <string.h>

#include "cmd-pubsub.h"
#include "glob.h"
#include "handlers.h"
#include "job.h"
#include "listing.h"
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

void
cmd_refuse_channel(struct bus *bus, struct session *s, const char *verb, struct slice name)
{
	bus->flow.stats.denied_channels++;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "may not %s '%.*s' ([channel %s])", verb, COMMAND_SHOWN(name),
	         access_find(bus->access.rules, name)->glob);
	reply_error(bus, s, "NOPERM No permissions to access a channel: %s may not %s '%.*s'",
	            identity_text(&s->client.identity).text, verb, COMMAND_SHOWN(name));
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

static bool
pubsub_may_subscribe(const struct bus *bus, const struct session *s, struct slice name)
{
	return access_list_admits(&access_find(bus->access.rules, name)->subscribe, &s->client.identity);
}

/* Like Redis, subscribes to all of the channels or none. Does not try more than the client may subscribe to. */
static bool
pubsub_require_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	uint64_t most = bus->flow.limits.max_subscriptions;

	if (!bus->access.rules)
		return true;
	if (argc - 1 > most)
		argc = (size_t)most + 1;
	bus->flow.work.done += argc * bus->access.n_rules * WORK_VISIT;
	for (size_t i = 1; i < argc; i++)
		if (argv[i].len <= PROTOCOL_NAME_MAX && !pubsub_may_subscribe(bus, s, argv[i])) {
			cmd_refuse_channel(bus, s, "subscribe to", argv[i]);
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
	cmd_refuse_channel(bus, s, "publish to", argv[1]);
	return false;
}

/* Subscribes to one channel or pattern; replies the confirmation, or an error. Returns whether it is subscribed. */
static bool
pubsub_add(struct bus *bus, struct session *s, enum subscription_kind kind, struct slice name)
{
	switch (bus_subscribe(bus, &s->client, kind, name)) {
	case 0:
	case SUBSCRIPTIONS_E_EXISTS:
		output_pin(&bus->flow, &s->client); /* the confirmation comes before the first message */
		reply_confirmation(bus, s, pubsub_words[kind].subscribe, &name, pubsub_count(s, kind));
		return true;
	case SUBSCRIPTIONS_E_TOO_MANY:
		reply_error(bus, s, "ERR too many subscriptions; the limit for one client is %llu",
		            (unsigned long long)bus->flow.limits.max_subscriptions);
		return false;
	case SUBSCRIPTIONS_E_TOO_MANY_OF_USER:
		reply_error(bus, s, "ERR too many subscriptions; the limit for all clients of %s is %llu",
		            identity_text(&s->client.identity).text,
		            (unsigned long long)bus->flow.limits.max_subscriptions_per_uid);
		return false;
	case SUBSCRIPTIONS_E_TOO_MANY_PATTERNS:
		reply_error(bus, s, "ERR too many patterns; the limit for all clients of %s is %llu",
		            identity_text(&s->client.identity).text,
		            (unsigned long long)bus->flow.limits.max_patterns_per_uid);
		return false;
	default:
		reply_error(bus, s, "ERR out of memory, not subscribed");
		return false;
	}
}

bool
cmd_subscribe_one(struct bus *bus, struct session *s, struct slice channel)
{
	const struct slice argv[2] = { [1] = channel };

	return cmd_require_name(bus, s, channel) && pubsub_require_subscribe(bus, s, argv, 2) &&
	       pubsub_add(bus, s, SUBSCRIPTION_CHANNEL, channel);
}

static enum command_result
pubsub_subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	size_t first = sessions_of(bus)->place.next;

	if (kind == SUBSCRIPTION_SHARD && bus->flow.executing) { /* as in Redis, where the others are allowed */
		reply_error(bus, s, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
		return COMMAND_DONE;
	}
	if (first == 0 && services_settle(&bus->services, &s->client))
		return COMMAND_WAIT;
	/* For patterns, the right to read is checked for each message. */
	if (first == 0 && kind != SUBSCRIPTION_PATTERN && !pubsub_require_subscribe(bus, s, argv, argc))
		return COMMAND_DONE;
	for (size_t i = first > 0 ? first : 1; i < argc; i++) {
		if (job_must_pause(bus, s, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_COMMAND;
		if (!cmd_require_name(bus, s, argv[i]))
			continue;
		if (first > 0 && kind != SUBSCRIPTION_PATTERN) { /* the rules may have changed since all were checked */
			bus->flow.work.done += bus->access.n_rules * WORK_VISIT;
			if (!pubsub_may_subscribe(bus, s, argv[i])) {
				cmd_refuse_channel(bus, s, "subscribe to", argv[i]);
				continue;
			}
		}
		pubsub_add(bus, s, kind, argv[i]);
	}
	return COMMAND_DONE;
}

static struct slice
pubsub_name_of(const struct subscription *sub)
{
	return sub->kind == SUBSCRIPTION_PATTERN ? (struct slice){ sub->pattern->text, sub->pattern->len }
	                                         : channel_name(sub->channel);
}

/* Ends all the session's subscriptions of one kind. */
static enum command_result
pubsub_unsubscribe_all(struct bus *bus, struct session *s, enum subscription_kind kind)
{
	struct place *place = &sessions_of(bus)->place;
	struct subscription *sub = place->state ? place->state : LIST_FIRST(&s->client.subscriptions), *next;
	size_t n = place->next;

	for (; sub; sub = next) {
		struct slice name;

		if (job_must_pause(bus, s, n)) {
			place->state = sub; /* it stays: nobody else ends subscriptions of a client that goes on */
			return COMMAND_MORE;
		}
		next = LIST_NEXT(sub, link);
		bus->flow.work.done += WORK_VISIT;
		if (sub->kind != kind)
			continue;
		/* Unsubscribing may free the name, so the confirmation comes first, with the count afterwards. */
		name = pubsub_name_of(sub);
		reply_confirmation(bus, s, pubsub_words[kind].unsubscribe, &name, pubsub_count(s, kind) - 1);
		bus_unsubscribe(bus, &s->client, kind, name);
		n++;
	}
	if (n == 0)
		reply_confirmation(bus, s, pubsub_words[kind].unsubscribe, NULL, pubsub_count(s, kind));
	return COMMAND_DONE;
}

static enum command_result
pubsub_unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv,
                   size_t argc)
{
	size_t first = sessions_of(bus)->place.next;

	if (argc == 1)
		return pubsub_unsubscribe_all(bus, s, kind);
	for (size_t i = first > 0 ? first : 1; i < argc; i++) {
		if (job_must_pause(bus, s, i))
			return COMMAND_MORE;
		bus->flow.work.done += WORK_COMMAND;
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

/* The argument of pubsub_visit_channel(). */
struct pubsub_listed {
	bool is_shard;
	const struct slice *pattern; /* or NULL */
};

static int
pubsub_visit_channel(struct listing *listing, struct channel *channel, const void *arg)
{
	const struct pubsub_listed *listed = arg;
	struct slice name = channel_name(channel);

	if (channel->receivers.n == 0 || channel->is_shard != listed->is_shard)
		return 0;
	if (listed->pattern) {
		if (!glob_match_at_cost(listed->pattern->p, listed->pattern->len, name.p, name.len,
		                        &listing->bus->flow.work.done))
			return 0;
	}
	listing->n++;
	return listing_put_bulk(listing, name);
}

static enum command_result
pubsub_reply_channels(struct bus *bus, struct session *s, bool is_shard, const struct slice *argv, size_t argc)
{
	struct pubsub_listed listed = { is_shard, argc > 2 ? &argv[2] : NULL };

	if (argc > 3) {
		reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
		            COMMAND_SHOWN(argv[1]));
		return COMMAND_DONE;
	}
	if (argc > 2 && !cmd_require_name(bus, s, argv[2]))
		return COMMAND_DONE;
	return listing_channels(bus, s, pubsub_visit_channel, &listed);
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

/* Upper bound of the channels in one PUBSUB NUMSUB: its reply is made in one go. */
#define NUMSUB_MAX ((size_t)16 * 1024)

static enum command_result
pubsub_reply_counts(struct bus *bus, struct session *s, bool shards, const struct slice *argv, size_t argc)
{
	if (argc - 2 > NUMSUB_MAX) {
		reply_error(bus, s, "ERR %zu channels; one command takes %zu", argc - 2, NUMSUB_MAX);
		return COMMAND_DONE;
	}
	bus->flow.work.done += argc * 2 * WORK_LOOKUP;
	reply_array(bus, s, (argc - 2) * 2);
	for (size_t i = 2; i < argc; i++) {
		const struct channel *channel = channels_find(&bus->subscriptions.channels, argv[i], shards);

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
	reply_integer(bus, s, bus->subscriptions.channels.routing.patterns.by_text.n);
	return COMMAND_DONE;
}
