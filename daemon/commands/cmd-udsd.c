/*
 * The commands that only udsd has.
 *
 * UDSD CHANNELS replies in one array, whose length comes first. So it walks over the channels twice: the first walk
 * brings their counters up to date, counts the channels and finds out whether memory and time suffice; the second one
 * replies them, and must list exactly the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd-publish.h"
#include "handlers.h"
#include "glob.h"
#include "reply.h"
#include "sessions.h"

/*
 * The channels that publishers wait for, one entry for each publisher, sorted by address. The addresses are only
 * compared: some of the channels may be gone.
 */
struct held {
	const struct channel **channels;
	size_t n;
};

/* Whether a publisher's reply waits for a receiver's socket, or its next command for a clogged receiver. */
static bool
held_is_publisher(const struct bus *bus, const struct client *c)
{
	return c->last_published.channel && (c->out_state == CLIENT_OUT_GATED || c->in_list == &bus->flow.throttled);
}

static int
held_compare(const void *a, const void *b)
{
	const struct channel *x = *(const struct channel *const *)a, *y = *(const struct channel *const *)b;

	return (x > y) - (x < y);
}

/* The caller frees ret_held->channels. Returns 0 or -ENOMEM. */
static int
held_find(const struct bus *bus, struct held *ret_held)
{
	const struct client *c;
	size_t n = 0;

	*ret_held = (struct held){ 0 };
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		n += held_is_publisher(bus, c);
	if (n == 0)
		return 0;
	ret_held->channels = malloc(n * sizeof(*ret_held->channels));
	if (!ret_held->channels)
		return -ENOMEM;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (held_is_publisher(bus, c))
			ret_held->channels[ret_held->n++] = c->last_published.channel;
	qsort(ret_held->channels, ret_held->n, sizeof(*ret_held->channels), held_compare);
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

struct listing {
	struct bus *bus;
	struct session *to;
	bool is_admin;
	const struct slice *pattern; /* or NULL */
	bool replies;                /* the second walk */
	size_t n;                    /* channels so far */
	int r;                       /* of the first walk: 0, -ENOMEM or -E2BIG */
	size_t own_unsent;           /* unsent bytes of `to` before this reply */
	struct held held;
	uint64_t begin_work; /* flow.work at the beginning */
};

/* Shows a channel to those who may publish to it or subscribe, and reserved ones only if the pattern asks for them. */
static bool
listing_shows(const struct listing *listing, const struct channel *channel)
{
	const struct identity *identity = &listing->to->client.identity;
	const struct slice *pattern = listing->pattern;
	struct slice name = channel_name(channel);

	listing->bus->flow.work += name.len + (pattern ? pattern->len : 0);
	if (pattern && !glob_match(pattern->p, pattern->len, name.p, name.len))
		return false;
	if (protocol_is_reserved(name) && !(pattern && protocol_is_reserved(*pattern)))
		return false;
	return listing->is_admin || access_list_admits(&channel->rule->publish, identity) ||
	       access_list_admits(&channel->rule->subscribe, identity);
}

/* Unsent bytes of all receivers. */
static uint64_t
listing_count_unsent(const struct listing *listing, const struct channel *channel)
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
listing_count_waiting(const struct listing *listing, const struct channel *channel)
{
	const struct client *c;
	uint64_t n = held_count(&listing->held, channel);

	TAILQ_FOREACH(c, &channel->waiters, in_link)
		n++;
	return n;
}

static void
listing_reply(const struct listing *listing, struct channel *channel)
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
		{ "queued", listing_count_unsent(listing, channel) },
		{ "waiting", listing_count_waiting(listing, channel) },
	};
	size_t n = sizeof(figures) / sizeof(figures[0]);

	reply_map(bus, listing->to, 1 + n);
	reply_text(bus, listing->to, "name");
	reply_bulk(bus, listing->to, channel_name(channel));
	for (size_t i = 0; i < n; i++)
		reply_pair_integer(bus, listing->to, figures[i].name, (int64_t)figures[i].value);
}

static void
listing_visit(struct hashtable_node *node, void *arg)
{
	struct channel *channel = (struct channel *)((char *)node - offsetof(struct channel, node));
	struct listing *listing = arg;
	int r = listing->r < 0 ? 0 : channels_update(&listing->bus->router.channels, channel);

	/* Without memory in the second walk, the channel stays as the first walk left it. */
	if (r < 0 && !listing->replies)
		listing->r = r;
	if (!listing->replies && listing->bus->flow.work - listing->begin_work > FLOW_COMMAND_WORK)
		listing->r = -E2BIG;
	if (listing->r < 0 || !listing_shows(listing, channel))
		return;
	listing->n++;
	if (listing->replies)
		listing_reply(listing, channel);
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
	struct listing listing = { .bus = bus, .to = s, .is_admin = bus_is_admin(bus, &s->client) };

	if (!udsd_require_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
	listing.pattern = argc > 2 ? &argv[2] : NULL;
	listing.begin_work = bus->flow.work;
	run_close(&bus->run); /* counts and queues what was published */
	listing.own_unsent = s->client.out.bytes;
	hashtable_each(&bus->router.channels.table, listing_visit, &listing);
	if (listing.r == -E2BIG) {
		reply_error(bus, s, "ERR it takes too long to match all channels with all patterns");
		return COMMAND_DONE;
	}
	if (listing.r < 0 || held_find(bus, &listing.held) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	reply_array(bus, s, listing.n);
	listing.replies = true;
	hashtable_each(&bus->router.channels.table, listing_visit, &listing);
	free(listing.held.channels);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_monitor(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (!udsd_require_pattern(bus, s, argv, argc))
		return COMMAND_DONE;
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

enum command_result
cmd_udsd_waitreceiver(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
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
