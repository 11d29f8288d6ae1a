/* What only udsd has: UDSD CHANNELS, MONITOR, RELOAD and WAITRECEIVER. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd-publish.h"
#include "handlers.h"
#include "glob.h"
#include "reply.h"
#include "sessions.h"

/* The channels that publishers were held up at, sorted by address; one may stand there several times. */
struct held {
	const struct channel **channels;
	size_t n;
};

/* Its answer waits for a receiver's socket, or its next command for a receiver that is clogged. */
static bool
is_held(const struct bus *bus, const struct client *c)
{
	return c->last_published.channel && (c->out_state == CLIENT_OUT_GATED || c->in_list == &bus->flow.throttled);
}

static int
compare_channels(const void *a, const void *b)
{
	const struct channel *x = *(const struct channel *const *)a, *y = *(const struct channel *const *)b;

	return (x > y) - (x < y);
}

/* Channels are told by their address only: some may be gone. Returns 0 or -1 when there is no memory. */
static int
find_held(const struct bus *bus, struct held *ret_held)
{
	const struct client *c;
	size_t n = 0;

	*ret_held = (struct held){ 0 };
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		n += is_held(bus, c);
	if (n == 0)
		return 0;
	ret_held->channels = malloc(n * sizeof(*ret_held->channels));
	if (!ret_held->channels)
		return -1;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (is_held(bus, c))
			ret_held->channels[ret_held->n++] = c->last_published.channel;
	qsort(ret_held->channels, ret_held->n, sizeof(*ret_held->channels), compare_channels);
	return 0;
}

static uint64_t
count_held(const struct held *held, const struct channel *channel)
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

/* One walk over the channels: brings those up to date that are shown and counts them, or replies them. */
struct listing {
	struct bus *bus;
	struct session *to;
	bool is_admin;
	const struct slice *pattern; /* or NULL */
	bool replies;
	size_t n;
	int r;             /* of the first walk: 0 or -ENOMEM */
	size_t own_unsent; /* by whom it goes to, without what it is told now */
	struct held held;
	uint64_t begin_work; /* the router's */
};

/* udsd's own channels are shown to those who ask for them. */
static bool
is_meant(const struct slice *pattern, struct slice name)
{
	if (pattern && !glob_match(pattern->p, pattern->len, name.p, name.len))
		return false;
	return !protocol_is_reserved(name) || (pattern && protocol_is_reserved(*pattern));
}

/* Who may neither publish to a channel nor receive it has no business with its figures. */
static bool
is_shown(const struct listing *listing, const struct channel *channel)
{
	const struct identity *identity = &listing->to->client.identity;
	struct slice name = channel_name(channel);

	listing->bus->flow.work += name.len + (listing->pattern ? listing->pattern->len : 0);
	if (!is_meant(listing->pattern, name))
		return false;
	return listing->is_admin || access_list_admits(&channel->rule->publish, identity) ||
	       access_list_admits(&channel->rule->subscribe, identity);
}

static uint64_t
unsent_bytes(const struct listing *listing, const struct channel *channel)
{
	uint64_t bytes = 0;

	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++) {
			const struct client *c = recvset_array(set)[i];

			if (channel_admits(channel, c))
				bytes += c == &listing->to->client ? listing->own_unsent : c->out.bytes;
		}
	}
	return bytes;
}

static uint64_t
count_waiting(const struct listing *listing, const struct channel *channel)
{
	const struct client *c;
	uint64_t n = count_held(&listing->held, channel);

	TAILQ_FOREACH(c, &channel->waiters, in_link)
		n++;
	return n;
}

static void
reply_channel(const struct listing *listing, struct channel *channel)
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
		{ "clogged", channel_count_clogged(channel, bus->flow.clog_generation) },
		{ "queued", unsent_bytes(listing, channel) },
		{ "waiting", count_waiting(listing, channel) },
	};
	size_t n = sizeof(figures) / sizeof(figures[0]);

	reply_map(bus, listing->to, 1 + n);
	reply_text(bus, listing->to, "name");
	reply_bulk(bus, listing->to, channel_name(channel));
	for (size_t i = 0; i < n; i++) {
		reply_text(bus, listing->to, figures[i].name);
		reply_integer(bus, listing->to, figures[i].value);
	}
}

static void
list_channel(struct hashtable_node *node, void *arg)
{
	struct channel *channel = (struct channel *)((char *)node - offsetof(struct channel, node));
	struct listing *listing = arg;
	int r = listing->r < 0 ? 0 : channels_update(&listing->bus->router.channels, channel);

	/* In the second walk it stays as it was if there is no memory now. */
	if (r < 0 && !listing->replies)
		listing->r = r;
	if (!listing->replies && listing->bus->flow.work - listing->begin_work > FLOW_COMMAND_WORK)
		listing->r = -E2BIG;
	if (listing->r < 0 || !is_shown(listing, channel))
		return;
	listing->n++;
	if (listing->replies)
		reply_channel(listing, channel);
}

/* Whether there is at most one pattern; else an error is replied. */
static bool
check_pattern(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc <= 3)
		return argc < 3 || cmd_check_name(bus, s, argv[2]);
	reply_error(bus, s, "ERR UDSD %.*s takes one pattern", COMMAND_SHOWN(argv[1]));
	return false;
}

enum command_result
cmd_udsd_channels(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct listing listing = { .bus = bus, .to = s, .is_admin = bus_is_admin(bus, &s->client) };

	if (!check_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
	listing.pattern = argc > 2 ? &argv[2] : NULL;
	listing.begin_work = bus->flow.work;
	run_close(&bus->run); /* what was published is counted, and queued */
	listing.own_unsent = s->client.out.bytes;
	hashtable_each(&bus->router.channels.table, list_channel, &listing);
	if (listing.r == -E2BIG) {
		reply_error(bus, s, "ERR it takes too long to hold all channels against all patterns");
		return COMMAND_DONE;
	}
	if (listing.r < 0 || find_held(bus, &listing.held) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	reply_array(bus, s, listing.n);
	listing.replies = true;
	hashtable_each(&bus->router.channels.table, list_channel, &listing);
	free(listing.held.channels);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_monitor(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (!check_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
	if (taps_join(&bus->taps, &s->client, argc > 2 ? &argv[2] : NULL) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

static void
reply_reloaded(struct bus *bus, struct session *s)
{
	const char *mistakes = sessions_of_const(bus)->reload_mistakes.len > 0
	                           ? (const char *)sessions_of_const(bus)->reload_mistakes.data
	                           : "it is stopping, or out of memory";
	size_t first = strcspn(mistakes, "\n"), more = 0;

	for (const char *p = mistakes + first; *p; p++)
		more += *p == '\n' && p[1];
	if (!sessions_of_const(bus)->reload_failed)
		reply_status(bus, s, "OK");
	else if (more > 0)
		reply_error(bus, s, "ERR the configuration was not reloaded: %.*s (and %zu more, see the log)",
		            (int)first, mistakes, more);
	else
		reply_error(bus, s, "ERR the configuration was not reloaded: %.*s", (int)first, mistakes);
}

/* The server reads the configuration at the end of the pass, when no command runs; then this runs again. */
enum command_result
cmd_udsd_reload(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                size_t argc __attribute__((unused)))
{
	if (s->has_reloaded) {
		s->has_reloaded = false;
		reply_reloaded(bus, s);
		return COMMAND_DONE;
	}
	if (!sessions_of_const(bus)->config_path) {
		reply_error(bus, s, "ERR the daemon runs without a configuration file, there is nothing to reload");
		return COMMAND_DONE;
	}
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "asked for a reload");
	return flow_wait(&bus->flow, &s->client, &sessions_of(bus)->reloading) ? COMMAND_WAIT : COMMAND_DONE;
}

enum command_result
cmd_udsd_waitreceiver(struct bus *bus, struct session *s, const struct slice *argv, size_t argc __attribute__((unused)))
{
	bool on = slice_is_word(argv[2], "ON");

	if (!on && !slice_is_word(argv[2], "OFF")) {
		reply_error(bus, s, "ERR WAITRECEIVER takes ON or OFF, not '%.*s'", COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	s->client.wait_receiver = on;
	reply_status(bus, s, "OK");
	return COMMAND_DONE;
}
