/* Commands that move messages, and those about subscriptions. */
#include <errno.h>
#include <string.h>

#include "bus.h"
#include "command-list.h"
#include "glob.h"
#include "reply.h"
#include "router.h"
#include "run.h"
#include "session.h"

/* Whether a channel's name or a pattern is short enough; else an error is replied. */
static bool
check_name(struct bus *bus, struct session *s, struct slice name)
{
	if (name.len <= PROTOCOL_NAME_MAX)
		return true;
	reply_error(bus, s, "ERR the name has %zu bytes; a channel's name and a pattern may have %zu", name.len,
	            PROTOCOL_NAME_MAX);
	return false;
}

/* The channel of a PUBLISH that waits for a receiver. */
static enum command_result
wait_for_receiver(struct bus *bus, struct session *s, struct slice name)
{
	struct channel *channel;

	if (router_lookup(bus, name, true, &channel) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	session_set_state(s, bus, SESSION_WAITING, &channel->waiters);
	return COMMAND_WAIT;
}

enum command_result
cmd_publish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	struct channel *channel = bus->run.channel;
	int r;

	if (!channel || !channel_is(channel, argv[1])) {
		if (!check_name(bus, s, argv[1]))
			return COMMAND_DONE;
		r = router_lookup(bus, argv[1], false, &channel);
		if (r < 0) {
			reply_error(bus, s, "ERR out of memory, the message was not published");
			return COMMAND_DONE;
		}
	}
	if (!channel || channel->n_total == 0) {
		if (s->wait_receiver)
			return wait_for_receiver(bus, s, argv[1]);
		bus->stats.messages++;
		reply_literal(bus, s, ":0\r\n");
		return COMMAND_DONE;
	}
	if (bus->n_clogged > 0 && router_is_clogged(bus, channel)) {
		session_set_state(s, bus, SESSION_WAITING, &bus->throttled);
		return COMMAND_WAIT;
	}
	if (run_open(bus, s, channel, argv[2].len) < 0) {
		reply_error(bus, s, "ERR out of memory, the message was not published");
		return COMMAND_DONE;
	}
	reply_integer_behind(bus, s, channel->n_total, bus->run.barrier);
	if (run_append(bus, argv[2], bus->tail) < 0)
		session_mark_dead(s, bus); /* it has its answer already, and must not get it */
	return COMMAND_DONE;
}

static void
confirm(struct bus *bus, struct session *s, const char *what, const struct slice *name)
{
	reply_push(bus, s, 3);
	reply_text(bus, s, what);
	if (name)
		reply_bulk(bus, s, *name);
	else
		reply_null(bus, s);
	reply_integer(bus, s, s->n_channels + s->n_patterns);
}

static enum command_result
subscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	for (size_t i = 1; i < argc; i++) {
		int r;

		if (!check_name(bus, s, argv[i]))
			continue;
		r = router_subscribe(bus, s, kind, argv[i]);
		if (r == ROUTER_E_TOO_MANY)
			reply_error(bus, s, "ERR too many subscriptions; the limit for one client is %llu",
			            (unsigned long long)bus->limits.max_subscriptions);
		else if (r < 0)
			reply_error(bus, s, "ERR out of memory, not subscribed");
		else
			confirm(bus, s, kind == SUBSCRIPTION_CHANNEL ? "subscribe" : "psubscribe", &argv[i]);
	}
	return COMMAND_DONE;
}

static struct slice
subscription_name(const struct subscription *sub)
{
	if (sub->kind == SUBSCRIPTION_CHANNEL)
		return channel_name(sub->channel);
	return (struct slice){ sub->pattern->text, sub->pattern->len };
}

/* Ends all the session's subscriptions of one kind. Returns how many there were. */
static size_t
unsubscribe_all(struct bus *bus, struct session *s, enum subscription_kind kind, const char *what)
{
	struct subscription *sub, *next;
	size_t n = 0;

	for (sub = LIST_FIRST(&s->subscriptions); sub; sub = next) {
		next = LIST_NEXT(sub, link);
		if (sub->kind != kind)
			continue;
		/* The name goes with the subscription: the confirmation is written first, with the count to come. */
		reply_push(bus, s, 3);
		reply_text(bus, s, what);
		reply_bulk(bus, s, subscription_name(sub));
		reply_integer(bus, s, s->n_channels + s->n_patterns - 1);
		router_unsubscribe(bus, s, kind, subscription_name(sub));
		n++;
	}
	return n;
}

static enum command_result
unsubscribe(struct bus *bus, struct session *s, enum subscription_kind kind, const struct slice *argv, size_t argc)
{
	const char *what = kind == SUBSCRIPTION_CHANNEL ? "unsubscribe" : "punsubscribe";

	if (argc == 1 && unsubscribe_all(bus, s, kind, what) == 0)
		confirm(bus, s, what, NULL);
	for (size_t i = 1; i < argc; i++) {
		router_unsubscribe(bus, s, kind, argv[i]);
		confirm(bus, s, what, &argv[i]);
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
cmd_unsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return unsubscribe(bus, s, SUBSCRIPTION_CHANNEL, argv, argc);
}

enum command_result
cmd_punsubscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return unsubscribe(bus, s, SUBSCRIPTION_PATTERN, argv, argc);
}

/* One walk over the channels: counts those that PUBSUB CHANNELS lists, or replies their names. */
struct listing {
	struct bus *bus;
	struct session *to; /* NULL: only count */
	const struct slice *pattern;
	size_t n;
};

static void
list_channel(struct table_node *node, void *arg)
{
	struct channel *channel = (struct channel *)((char *)node - offsetof(struct channel, node));
	struct listing *listing = arg;
	struct slice name = channel_name(channel);

	if (channel->receivers.n == 0)
		return;
	if (listing->pattern && !glob_match(listing->pattern->p, listing->pattern->len, name.p, name.len))
		return;
	listing->n++;
	if (listing->to)
		reply_bulk(listing->bus, listing->to, name);
}

enum command_result
cmd_pubsub_channels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct listing listing = { bus, NULL, argc > 2 ? &argv[2] : NULL, 0 };

	if (argc > 3) {
		reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
		            (int)argv[1].len, (const char *)argv[1].p);
		return COMMAND_DONE;
	}
	if (argc > 2 && !check_name(bus, s, argv[2]))
		return COMMAND_DONE;
	table_each(&bus->router.channels, list_channel, &listing);
	reply_array(bus, s, listing.n);
	listing.to = s;
	table_each(&bus->router.channels, list_channel, &listing);
	return COMMAND_DONE;
}

enum command_result
cmd_pubsub_numsub(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_array(bus, s, (argc - 2) * 2);
	for (size_t i = 2; i < argc; i++) {
		const struct channel *channel = router_find(&bus->router, argv[i]);

		reply_bulk(bus, s, argv[i]);
		reply_integer(bus, s, channel ? channel->receivers.n : 0);
	}
	return COMMAND_DONE;
}

enum command_result
cmd_pubsub_numpat(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                  size_t argc __attribute__((unused)))
{
	reply_integer(bus, s, bus->router.patterns.by_text.n);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_waitreceiver(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	bool on = command_is_word(argv[2], "ON");

	if (!on && !command_is_word(argv[2], "OFF")) {
		reply_error(bus, s, "ERR WAITRECEIVER takes ON or OFF, not '%.*s'",
		            argv[2].len < 128 ? (int)argv[2].len : 128, (const char *)argv[2].p);
		return COMMAND_DONE;
	}
	s->wait_receiver = on;
	reply_status(bus, s, "OK");
	return COMMAND_DONE;
}
