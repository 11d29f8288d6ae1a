/* Sessions that work with streams, on a store in memory. */
#include "hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory-store.h"
#include "stream-rule.h"
#include "streams-clock.h"
#include "streams.h"

static struct streams streams;
static struct memory_disk *disk;

/* The sessions that have hung up, which only the hook knows; and how often it was asked. */
static const struct session *gone[2];
static unsigned int n_asked;

static bool
hook(const struct session *s)
{
	n_asked++;
	return s == gone[0] || s == gone[1];
}

static void
begin(struct hub *hub)
{
	static const struct streams_limits limits = {
		.cache = 1, /* nothing stays in memory that need not */
		.queue_bytes = 1 << 20,
		.max_streams = 100,
		.node_entries = 2,
	};

	disk = memory_disk_new();
	assert_int_equal(streams_init(&streams, &hub->bus.flow, memory_store_open(disk), &limits), 0);
	hub->sessions.streams = &streams;
	hub->sessions.is_gone = hook;
	gone[0] = gone[1] = NULL;
	n_asked = 0;
}

/* Until nothing moves, and all is stored. */
static void
settle(struct hub *hub)
{
	hub_settle(hub);
	while (streams_have_changes(&streams)) {
		streams_commit(&streams);
		streams_collect(&streams);
		hub_settle(hub);
	}
}

static void
ask(struct peer *peer, const char *text, const char *answer)
{
	peer_say(peer, text);
	settle(peer->hub);
	peer_expect_text(peer, answer);
}

static void
end(struct hub *hub, struct peer **peers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!peers[i]->is_closed)
			peer_break(peers[i]);
	settle(hub);
	assert_int_equal(streams.n_blocked, 0);
	streams_deinit(&streams);
	hub->sessions.streams = NULL;
	memory_disk_free(disk);
}

#define ENTRY "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
#define NOGROUP "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n"
#define PENDING "*4\r\n:1\r\n$3\r\n1-1\r\n$3\r\n1-1\r\n*1\r\n*2\r\n$1\r\n%c\r\n$1\r\n1\r\n"

/* Workers that wait have hung up, and nothing has noticed yet: the entry goes to the first one that is there. */
static void
a_worker_that_has_hung_up_is_given_nothing(struct hub *hub)
{
	struct peer *peers[4];
	char text[100];

	for (size_t n_gone = 0; n_gone < 3; n_gone++) {
		begin(hub);
		for (size_t i = 0; i < 4; i++)
			peers[i] = peer_new(hub, 10);
		ask(peers[3], "XGROUP CREATE s g $ MKSTREAM\r\n", "+OK\r\n");
		for (size_t i = 0; i < 3; i++) {
			snprintf(text, sizeof(text), "XREADGROUP GROUP g %c BLOCK 0 STREAMS s >\r\n", (char)('a' + i));
			ask(peers[i], text, "");
		}
		assert_int_equal(n_asked, 0);
		for (size_t i = 0; i < n_gone; i++)
			gone[i] = &peers[i]->session;
		ask(peers[3], "XADD s 1-1 f v\r\n", "$3\r\n1-1\r\n");
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(peers[i]->is_closed, i < n_gone);
			peer_expect_text(peers[i], i == n_gone ? ENTRY : "");
		}
		assert_int_equal(n_asked, n_gone + 1);
		snprintf(text, sizeof(text), PENDING, (char)('a' + n_gone));
		ask(peers[3], "XPENDING s g\r\n", text);
		end(hub, peers, 4);
	}
}

/* All who wait with XREAD get the entry, so nobody has to be asked. */
static void
readers_are_not_asked(struct hub *hub)
{
	struct peer *peers[2];

	begin(hub);
	for (size_t i = 0; i < 2; i++)
		peers[i] = peer_new(hub, 10);
	gone[0] = &peers[0]->session;
	ask(peers[0], "XREAD BLOCK 0 STREAMS s $\r\n", "");
	ask(peers[1], "XADD s 1-1 f v\r\n", "$3\r\n1-1\r\n");
	peer_expect_text(peers[0], ENTRY);
	assert_int_equal(n_asked, 0);
	end(hub, peers, 2);
}

/* A group that gives nothing to one that has gone is not left with a consumer that has something. */
static void
the_last_worker_has_hung_up(struct hub *hub)
{
	struct peer *peers[2];

	begin(hub);
	for (size_t i = 0; i < 2; i++)
		peers[i] = peer_new(hub, 10);
	ask(peers[1], "XGROUP CREATE s g $ MKSTREAM\r\n", "+OK\r\n");
	ask(peers[0], "XREADGROUP GROUP g a BLOCK 0 STREAMS s >\r\n", "");
	gone[0] = &peers[0]->session;
	ask(peers[1], "XADD s 1-1 f v\r\n", "$3\r\n1-1\r\n");
	assert_true(peers[0]->is_closed);
	ask(peers[1], "XREADGROUP GROUP g b STREAMS s >\r\n", ENTRY);
	end(hub, peers, 2);
}

/* The group is deleted and made again before the worker that waits for it has a turn: it waits for the new one. */
static void
the_group_is_another_one(struct hub *hub)
{
	struct peer *peers[2];

	begin(hub);
	for (size_t i = 0; i < 2; i++)
		peers[i] = peer_new(hub, 10);
	ask(peers[1], "XGROUP CREATE s g $ MKSTREAM\r\n", "+OK\r\n");
	ask(peers[0], "XREADGROUP GROUP g a BLOCK 0 STREAMS s >\r\n", "");
	ask(peers[1], "MULTI\r\nXGROUP DESTROY s g\r\nXGROUP CREATE s g $\r\nEXEC\r\n",
	    "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+OK\r\n");
	ask(peers[1], "MULTI\r\nDEL s\r\nXGROUP CREATE s g $ MKSTREAM\r\nXADD s 1-1 f v\r\nEXEC\r\n",
	    "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n+OK\r\n$3\r\n1-1\r\n");
	peer_expect_text(peers[0], ENTRY);
	end(hub, peers, 2);
}

/* While an XREAD waits for the disk, a stream that it has looked at before gets what it wants, and the other one goes.
 */
static void
a_read_that_has_waited_looks_again(struct hub *hub)
{
	struct peer *peers[2];

	begin(hub);
	for (size_t i = 0; i < 2; i++)
		peers[i] = peer_new(hub, 10);
	for (int i = 0; i < 3; i++)
		ask(peers[1],
		    i == 0   ? "XADD a 1-1 f v\r\n"
		    : i == 1 ? "XADD a 2-1 f v\r\n"
		             : "XADD a 3-1 f v\r\n",
		    i == 0   ? "$3\r\n1-1\r\n"
		    : i == 1 ? "$3\r\n2-1\r\n"
		             : "$3\r\n3-1\r\n");
	peer_say(peers[0], "XREAD COUNT 1 BLOCK 0 STREAMS d a $ 1-1\r\n");
	hub_settle(hub);
	assert_int_equal(streams.n_blocked, 0);
	assert_false(TAILQ_EMPTY(&streams.cache.fetching));
	ask(peers[1], "RENAME a d\r\n", "+OK\r\n");
	peer_expect_text(peers[0], "*1\r\n*2\r\n$1\r\nd\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
	end(hub, peers, 2);
}

/* While an XREADGROUP waits for the disk, its consumer, or its group, is deleted. */
static void
a_consumer_that_was_deleted_meanwhile(struct hub *hub)
{
	struct peer *peers[2];

	begin(hub);
	for (size_t i = 0; i < 2; i++)
		peers[i] = peer_new(hub, 10);
	ask(peers[1], "XADD s 1-1 f v\r\n", "$3\r\n1-1\r\n");
	ask(peers[1], "XADD s 2-1 f v\r\n", "$3\r\n2-1\r\n");
	ask(peers[1], "XADD s 3-1 f v\r\n", "$3\r\n3-1\r\n");
	for (int i = 0; i < 2; i++) {
		ask(peers[1], "XGROUP CREATE s g 0\r\n", "+OK\r\n");
		peer_say(peers[0], "XREADGROUP GROUP g a COUNT 1 BLOCK 0 STREAMS s >\r\n");
		hub_settle(hub);
		assert_false(TAILQ_EMPTY(&streams.cache.fetching));
		if (i == 0)
			ask(peers[1], "XGROUP DELCONSUMER s g a\r\n", ":0\r\n");
		else
			ask(peers[1], "XGROUP DESTROY s g\r\n", ":1\r\n");
		peer_expect_text(peers[0], i == 0 ? ENTRY : NOGROUP);
		if (i == 0)
			ask(peers[1], "XGROUP DESTROY s g\r\n", ":1\r\n");
	}
	end(hub, peers, 2);
}

/* A stream is deleted in the pass in which entries of its group are due. */
static void
nothing_of_a_deleted_stream_is_due(struct hub *hub)
{
	struct stream_rule *rule = stream_rule_new("*");
	struct stream_rules rules = STAILQ_HEAD_INITIALIZER(rules), none = STAILQ_HEAD_INITIALIZER(none);
	struct peer *peers[1];

	begin(hub);
	assert_non_null(rule);
	rule->delivery.redeliver_ms = 1;
	STAILQ_INSERT_TAIL(&rules, rule, link);
	streams_set_rules(&streams, &rules);
	streams_advance(&streams);
	peers[0] = peer_new(hub, 10);
	ask(peers[0], "XADD s 1-1 f v\r\n", "$3\r\n1-1\r\n");
	ask(peers[0], "XGROUP CREATE s g 0\r\n", "+OK\r\n");
	ask(peers[0], "XREADGROUP GROUP g a STREAMS s >\r\n", ENTRY);
	assert_int_not_equal(streams_next_deadline(&streams), UINT64_MAX);
	while (streams_now_us() <= streams_next_deadline(&streams))
		usleep(1000);
	peer_say(peers[0], "DEL s\r\n");
	hub_settle(hub);
	streams_advance(&streams);
	assert_true(TAILQ_EMPTY(&streams.dirty));
	settle(hub);
	peer_expect_text(peers[0], ":1\r\n");
	assert_int_equal(streams_next_deadline(&streams), UINT64_MAX);
	streams_set_rules(&streams, &none);
	streams_advance(&streams);
	end(hub, peers, 1);
	free(rule);
}

int
main(void)
{
	static const struct conversation conversations[] = {
		{ "a_worker_that_has_hung_up_is_given_nothing", a_worker_that_has_hung_up_is_given_nothing },
		{ "readers_are_not_asked", readers_are_not_asked },
		{ "the_last_worker_has_hung_up", the_last_worker_has_hung_up },
		{ "the_group_is_another_one", the_group_is_another_one },
		{ "a_read_that_has_waited_looks_again", a_read_that_has_waited_looks_again },
		{ "a_consumer_that_was_deleted_meanwhile", a_consumer_that_was_deleted_meanwhile },
		{ "nothing_of_a_deleted_stream_is_due", nothing_of_a_deleted_stream_is_due },
	};

	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
