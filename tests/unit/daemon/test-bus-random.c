/*
 * Many peers send random commands, and each must get what a simple model says: every subscriber gets each message, in
 * the order of the commands. Reads and passes end anywhere, sockets are full now and then, and connections break.
 */
#include "hub.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"

#define N_PEERS ((size_t)8)
#define N_STEPS 6000

static const char *const channels[] = { "a.1", "a.2", "b.1", "b.22", "c", "" };
#define N_CHANNELS (sizeof(channels) / sizeof(channels[0]))

/*
 * A peer uses either the first four patterns, of which at most one matches a channel, or the last: the order of copies
 * by several patterns is not promised.
 */
static const char *const patterns[] = { "a.*", "b.?", "b.??", "[c]", "*" };
#define N_PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* What a peer should have got, and why. */
struct model {
	struct peer *peer;
	bool resp3;
	bool in_channel[N_CHANNELS], in_pattern[N_PATTERNS];
	size_t n_subscribed;
	struct buf expected;
};

struct world {
	struct hub hub;
	struct model models[N_PEERS];
	struct prng prng;
	bool is_wide;
};

/* How the bus reads, and whether each message takes several passes. */
struct manner {
	enum hub_reading reading;
	bool is_wide;
};

static size_t
pick(struct world *world, size_t n)
{
	return prng_below(&world->prng, n);
}

/*
 * The bus reads what the peer has sent; passes may end in between. If messages are wide, the commands of others would
 * be done before those that wait; so they are not sent before all of these are done, though not delivered yet.
 */
static void
let_read(struct world *world, struct peer *peer)
{
	const struct session *s = &peer->session;

	while (world->is_wide && (peer->sent_at < peer->sent.len || s->leftover || s->client.state != CLIENT_OPEN))
		if (!hub_read(peer))
			hub_end_pass(&world->hub);
	while (hub_read(peer))
		if (pick(world, 50) == 0)
			hub_end_pass(&world->hub);
}

static void
put_confirmation(struct model *m, const char *what, const char *name)
{
	put_text(&m->expected, m->resp3 ? ">3\r\n" : "*3\r\n");
	put_bulk(&m->expected, slice_of(what));
	put_bulk(&m->expected, slice_of(name));
	buf_printf(&m->expected, ":%zu\r\n", m->n_subscribed);
}

static void
begin(struct world *world, struct model *m, size_t i)
{
	*m = (struct model){ .peer = peer_new(&world->hub, (pid_t)(1 + i / 2)), .resp3 = pick(world, 2) == 1 };
	if (!m->resp3)
		return;
	peer_say(m->peer, "HELLO 3\r\n");
	hub_settle(&world->hub);
	m->peer->got.len = 0; /* tested elsewhere */
}

static void
subscription(struct world *world, struct model *m, size_t i)
{
	bool to_pattern = pick(world, 2) == 1;
	size_t which = to_pattern ? i % 2 ? N_PATTERNS - 1 : pick(world, N_PATTERNS - 1) : pick(world, N_CHANNELS);
	const char *name = to_pattern ? patterns[which] : channels[which];
	bool *is_in = to_pattern ? &m->in_pattern[which] : &m->in_channel[which];
	bool leave = pick(world, 5) < 2;
	const char *what = to_pattern ? leave ? "punsubscribe" : "psubscribe" : leave ? "unsubscribe" : "subscribe";
	struct slice argv[] = { slice_of(what), slice_of(name) };

	m->n_subscribed -= *is_in;
	*is_in = !leave;
	m->n_subscribed += *is_in;
	put_confirmation(m, what, name);
	peer_send_command(m->peer, argv, 2);
}

static bool
matches(const char *pattern, const char *channel)
{
	return glob_match((const uint8_t *)pattern, strlen(pattern), (const uint8_t *)channel, strlen(channel));
}

static size_t
choose_size(struct world *world)
{
	static const size_t large[] = { 16383, 16384, 20000, 66000, 300000 };

	if (pick(world, 40) == 0)
		return large[pick(world, 5)];
	return pick(world, 60);
}

/* Appends the message to what each receiver should get; without a payload only counts. Returns the number of copies. */
static size_t
deliver(struct world *world, size_t channel, const struct slice *payload)
{
	struct slice name = slice_of(channels[channel]);
	size_t n = 0;

	for (size_t i = 0; i < N_PEERS; i++) {
		struct model *m = &world->models[i];

		n += m->in_channel[channel];
		if (payload && m->in_channel[channel])
			put_message(&m->expected, m->resp3, NULL, name, *payload);
		for (size_t k = 0; k < N_PATTERNS; k++) {
			if (!m->in_pattern[k] || !matches(patterns[k], channels[channel]))
				continue;
			n++;
			if (payload)
				put_message(&m->expected, m->resp3, patterns[k], name, *payload);
		}
	}
	return n;
}

static void
publish(struct world *world, struct model *m)
{
	for (size_t times = 1 + pick(world, 4); times > 0; times--) {
		size_t channel = pick(world, N_CHANNELS), len = choose_size(world);
		uint8_t *data = make_payload(len);
		struct slice payload = { data, len };

		if (len > 0)
			data[0] = (uint8_t)prng_next(&world->prng);
		/* A publisher that is among the receivers gets its answer first. */
		buf_printf(&m->expected, ":%zu\r\n", deliver(world, channel, NULL));
		deliver(world, channel, &payload);
		peer_publish(m->peer, channels[channel], payload);
		free(data);
	}
}

static void
check(struct model *m)
{
	if (m->peer->session.client.out.count == 0)
		peer_expect_buf(m->peer, &m->expected);
}

/* All sockets are emptied; then each peer has got what it should. */
static void
check_all(struct world *world)
{
	for (size_t i = 0; i < N_PEERS; i++)
		peer_set_full(world->models[i].peer, false);
	hub_settle(&world->hub);
	for (size_t i = 0; i < N_PEERS; i++) {
		assert_int_equal(world->models[i].peer->session.client.out.count, 0);
		check(&world->models[i]);
	}
}

/* A connection breaks, and another peer takes its place. Output that was not written is lost. */
static void
replace(struct world *world, size_t i)
{
	struct model *m = &world->models[i];
	struct peer *gone = m->peer;

	hub_end_pass(&world->hub);
	peer_break(gone);
	assert_true(gone->got.len <= m->expected.len);
	if (gone->got.len > 0)
		assert_memory_equal(gone->got.data, m->expected.data, gone->got.len);
	buf_deinit(&m->expected);
	begin(world, m, i);
}

static void
step(struct world *world)
{
	size_t i = pick(world, N_PEERS), what = pick(world, 100);
	struct model *m = &world->models[i];

	if (what < 30)
		subscription(world, m, i);
	else if (what < 80 && (m->resp3 || m->n_subscribed == 0))
		publish(world, m);
	else if (what < 85 && m->resp3) {
		put_text(&m->expected, "+PONG\r\n");
		peer_say(m->peer, "PING\r\n");
	} else if (what < 92)
		peer_set_full(m->peer, pick(world, 3) > 0);
	else if (what == 92)
		replace(world, i);
	else if (what == 93)
		check_all(world);
	let_read(world, m->peer);
	if (pick(world, 10) == 0)
		hub_end_pass(&world->hub);
}

static uint64_t base_seed;

static void
as_the_model_says(void **state)
{
	const struct manner *manner = *state;
	struct world world = { .is_wide = manner->is_wide };

	hub_init(&world.hub, manner->reading, base_seed);
	if (manner->is_wide)
		hub_make_wide(&world.hub);
	prng_init(&world.prng, base_seed + 1);
	for (size_t i = 0; i < N_PEERS; i++)
		begin(&world, &world.models[i], i);
	for (int i = 0; i < N_STEPS; i++)
		step(&world);
	check_all(&world);
	for (size_t i = 0; i < N_PEERS; i++)
		buf_deinit(&world.models[i].expected);
	hub_deinit(&world.hub);
}

int
main(void)
{
	static const struct manner whole = { HUB_WHOLE, false }, small = { HUB_SMALL, false },
				   any = { HUB_RANDOM, false }, wide = { HUB_WHOLE, true };
	const struct CMUnitTest tests[] = {
		{ "whole reads", as_the_model_says, NULL, NULL, (void *)&whole },
		{ "a small buffer", as_the_model_says, NULL, NULL, (void *)&small },
		{ "random reads", as_the_model_says, NULL, NULL, (void *)&any },
		{ "wide messages", as_the_model_says, NULL, NULL, (void *)&wide },
	};

	base_seed = prng_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
