/* The commands that only udsd has. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd-pubsub.h"
#include "glob.h"
#include "handlers.h"
#include "listing.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "slow-policy.h"
#include "wait-receivers.h"

/*
 * The channels that publishers wait for, one entry for each publisher, sorted by address. The addresses are only
 * compared: some of the channels may be gone.
 */
struct held {
	size_t n;
	const struct channel *channels[];
};

/* Whether a publisher's reply waits for a receiver's socket, or its next command for receivers. */
static bool
held_is_publisher(const struct bus *bus, const struct client *c)
{
	return c->last_published.channel && (c->out_state == CLIENT_OUT_GATED || c->in_list == &bus->flow.throttled ||
	                                     c->in_list == &bus->flow.gathering);
}

static int
held_compare(const void *a, const void *b)
{
	const struct channel *x = *(const struct channel *const *)a, *y = *(const struct channel *const *)b;

	return (x > y) - (x < y);
}

/* The caller frees *ret_held. Returns 0 or -ENOMEM. */
static int
held_find(struct bus *bus, struct held **ret_held)
{
	const struct client *c;
	struct held *held;
	size_t n = 0;

	TAILQ_FOREACH(c, &bus->flow.clients, link)
		n += held_is_publisher(bus, c);
	held = malloc(sizeof(*held) + n * sizeof(held->channels[0]));
	if (!held)
		return -ENOMEM;
	held->n = 0;
	for (c = TAILQ_FIRST(&bus->flow.clients); c && n > 0; c = TAILQ_NEXT(c, link))
		if (held_is_publisher(bus, c))
			held->channels[held->n++] = c->last_published.channel;
	bus->flow.work.done += 2 * bus->flow.stats.clients * WORK_VISIT + n * WORK_LOOKUP;
	qsort(held->channels, held->n, sizeof(held->channels[0]), held_compare);
	*ret_held = held;
	return 0;
}

static uint64_t
held_count(const struct held *held, const struct channel *channel)
{
	size_t low = 0, high = held->n, first;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (held->channels[middle] < channel)
			low = middle + 1;
		else
			high = middle;
	}
	for (first = low; low < held->n && held->channels[low] == channel;)
		low++;
	return low - first;
}

/* The argument of udsd_visit_channel(). */
struct udsd_listed {
	bool is_admin;
	const struct slice *pattern; /* or NULL */
};

/* Shows a channel to those who may publish to it or subscribe, and reserved ones only if the pattern asks for them. */
static bool
udsd_shows_channel(struct listing *listing, const struct channel *channel, const struct udsd_listed *listed)
{
	const struct identity *identity = &listing->to->client.identity;
	const struct slice *pattern = listed->pattern;
	struct slice name = channel_name(channel);

	if (pattern && !glob_match_at_cost(pattern->p, pattern->len, name.p, name.len, &listing->bus->flow.work.done))
		return false;
	if (protocol_is_reserved(name) && !(pattern && protocol_is_reserved(*pattern)))
		return false;
	return listed->is_admin || access_list_admits(&channel->rule->publish, identity) ||
	       access_list_admits(&channel->rule->subscribe, identity);
}

/* Unsent bytes of all receivers. */
static uint64_t
udsd_count_unsent(struct bus *bus, const struct channel *channel)
{
	uint64_t bytes = 0;

	bus->flow.work.done += ((uint64_t)channel->n_total + channel->n_matches) * WORK_VISIT;
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++) {
			const struct client *c = recvset_array(set)[i];

			if (channel_admits(channel, c))
				bytes += c->out.bytes;
		}
	}
	return bytes;
}

static uint64_t
udsd_count_waiting(const struct listing *listing, const struct channel *channel)
{
	const struct client *c;
	uint64_t n = held_count(listing->extra, channel);

	TAILQ_FOREACH(c, &channel->waiters, in_link)
		n++;
	listing->bus->flow.work.done += n * WORK_VISIT;
	return n;
}

static int
udsd_put_channel(struct listing *listing, struct channel *channel)
{
	struct bus *bus = listing->bus;
	const struct {
		const char *name;
		uint64_t value;
	} figures[] = {
		{ "shard", channel->is_shard },
		{ "receivers", channel->receivers.n },
		{ "pattern-receivers", channel->n_total - channel->receivers.n },
		{ "messages", channel->messages },
		{ "deliveries", channel->deliveries },
		{ "dropped", channel->dropped },
		{ "clogged", slow_policy_count_clogged(&bus->flow, channel) },
		{ "queued", udsd_count_unsent(bus, channel) },
		{ "waiting", udsd_count_waiting(listing, channel) },
		{ "stored", channel->is_stored },
		{ "replaying", channel->n_replays },
	};
	size_t n = sizeof(figures) / sizeof(figures[0]);
	bool is_resp3 = client_is_resp3(&listing->to->client);
	int r = listing_put_header(listing, is_resp3 ? '%' : '*', is_resp3 ? n + 1 : 2 * (n + 1));

	if (r == 0)
		r = listing_put_text(listing, "name");
	if (r == 0)
		r = listing_put_bulk(listing, channel_name(channel));
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = listing_put_text(listing, figures[i].name);
		if (r == 0)
			r = listing_put_header(listing, ':', figures[i].value);
	}
	return r;
}

static int
udsd_visit_channel(struct listing *listing, struct channel *channel, const void *arg)
{
	int r = routing_update(&listing->bus->subscriptions.channels.routing, channel);

	if (r == 0 && !listing->extra)
		r = held_find(listing->bus, (struct held **)&listing->extra);
	if (r != 0 || !udsd_shows_channel(listing, channel, arg))
		return r;
	listing->n++;
	return udsd_put_channel(listing, channel);
}

/* Returns whether there is at most one pattern, and it is short enough; otherwise replies an error. */
static bool
udsd_require_pattern(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc <= 3)
		return argc < 3 || cmd_require_name(bus, s, argv[2]);
	reply_error(bus, s, "ERR UDSD %.*s takes one pattern", COMMAND_SHOWN(argv[1]));
	return false;
}

enum command_result
cmd_udsd_channels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct udsd_listed listed = { bus_is_admin(bus, &s->client), argc > 2 ? &argv[2] : NULL };

	if (!udsd_require_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
	batch_close(&bus->batch); /* counts and queues what was published */
	return listing_channels(bus, s, udsd_visit_channel, &listed);
}

enum command_result
cmd_udsd_monitor(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (!udsd_require_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
	if (services_settle(&bus->services, &s->client))
		return COMMAND_WAIT;
	output_pin(&bus->flow, &s->client); /* the reply comes before the first notice */
	if (taps_join(&bus->taps, &s->client, argc > 2 ? &argv[2] : NULL) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

static void
udsd_reply_reloaded(struct bus *bus, struct session *s)
{
	const struct sessions *sessions = sessions_of_const(bus);
	const char *mistakes = sessions->reload_mistakes.len > 0 ? (const char *)sessions->reload_mistakes.data
	                                                         : "it is stopping, or out of memory";
	size_t first = strcspn(mistakes, "\n"), more = 0;

	for (const char *p = mistakes + first; *p; p++)
		more += *p == '\n' && p[1];
	if (!sessions->reload_failed)
		reply_status(bus, s, "OK");
	else if (more > 0)
		reply_error(bus, s, "ERR the configuration was not reloaded: %.*s (and %zu more, see the log)",
		            (int)first, mistakes, more);
	else
		reply_error(bus, s, "ERR the configuration was not reloaded: %.*s", (int)first, mistakes);
}

/* The server reloads at the end of the pass, when no command runs, sets has_reloaded and lets the command run again. */
enum command_result
cmd_udsd_reload(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (s->has_reloaded) {
		s->has_reloaded = false;
		udsd_reply_reloaded(bus, s);
		return COMMAND_DONE;
	}
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "asked for a reload");
	return flow_wait(&bus->flow, &s->client, &sessions_of(bus)->reloading) ? COMMAND_WAIT : COMMAND_DONE;
}

/* Parses the N of WAITRECEIVER. Returns false if it is none. */
static bool
udsd_parse_receivers(struct slice word, uint16_t *ret_n)
{
	int64_t n = slice_is_word(word, "ON") ? 1 : 0;

	if (n == 0 && !slice_is_word(word, "OFF") &&
	    (num_parse_resp(word.p, word.len, &n) != 0 || n < 0 || n > PROTOCOL_WAIT_RECEIVERS_MAX))
		return false;
	*ret_n = (uint16_t)n;
	return true;
}

enum command_result
cmd_udsd_waitreceiver(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	int64_t ms = 0;
	uint16_t n;

	if (argc > 3 && (argc != 5 || !slice_is_word(argv[3], "TIMEOUT"))) {
		reply_error(bus, s, "ERR syntax error");
	} else if (!udsd_parse_receivers(argv[2], &n)) {
		reply_error(bus, s, "ERR WAITRECEIVER takes ON, OFF or a number up to %u, not '%.*s'",
		            (unsigned int)PROTOCOL_WAIT_RECEIVERS_MAX, COMMAND_SHOWN(argv[2]));
	} else if (argc > 3 &&
	           (num_parse_resp(argv[4].p, argv[4].len, &ms) != 0 || ms < 1 || ms > (int64_t)PROTOCOL_WAIT_MS_MAX)) {
		reply_error(bus, s, "ERR WAITRECEIVER: TIMEOUT takes milliseconds, 1 to %llu, not '%.*s'",
		            (unsigned long long)PROTOCOL_WAIT_MS_MAX, COMMAND_SHOWN(argv[4]));
	} else if (ms > 0 && wait_receivers_set_for(bus, s, n, (uint64_t)ms) < 0) {
		reply_error(bus, s, "ERR out of memory");
	} else {
		if (ms == 0)
			wait_receivers_set(bus, s, n);
		reply_status(bus, s, "OK");
	}
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_waitown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool is_on = slice_is_word(argv[2], "ON");

	if (!is_on && !slice_is_word(argv[2], "OFF")) {
		reply_error(bus, s, "ERR WAITOWN takes ON or OFF, not '%.*s'", COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	s->client.skips_own = !is_on;
	s->client.last_published.channel = NULL; /* what it knows of the channel's receivers depends on that */
	reply_status(bus, s, "OK");
	return COMMAND_DONE;
}
