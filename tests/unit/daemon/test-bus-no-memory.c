/*
 * Conversations in which every allocation of the bus fails in turn: alone, or together with those that follow. The bus
 * keeps its promises to the clients that are still connected, and afterwards everything works again.
 */
#include "ledger.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "outq-copy.h"

#define CHANNEL SUBSCRIPTION_CHANNEL
#define PATTERN SUBSCRIPTION_PATTERN
#define SHARD SUBSCRIPTION_SHARD

static struct ledger ledger;

static void
settle(void)
{
	hub_settle(&ledger.hub);
}

/* A receiver, perhaps in RESP3, of names, patterns (with a '*') and shard channels (with a '!' before the name). */
static struct actor *
receiver(pid_t pid, bool resp3, const char *const *names)
{
	struct actor *actor = actor_new(&ledger, pid, 1000 + (uid_t)pid);

	if (resp3)
		actor_say(actor, "HELLO 3\r\n", 1);
	for (; *names; names++)
		if (**names == '!')
			actor_subscribe(actor, SHARD, *names + 1);
		else
			actor_subscribe(actor, strchr(*names, '*') ? PATTERN : CHANNEL, *names);
	settle();
	return actor;
}

#define RECEIVER(pid, resp3, ...) receiver(pid, resp3, (const char *const[]){ __VA_ARGS__, NULL })

static struct actor *
publisher(pid_t pid)
{
	return actor_new(&ledger, pid, 1000 + (uid_t)pid);
}

static void
small_and_large(void)
{
	static const size_t sizes[] = { 8, 100, 16383, 16384, 70000 };
	struct actor *a = publisher(1), *b = publisher(2), *r = RECEIVER(3, false, "w", "v", "!s");

	RECEIVER(4, true, "w", "r");
	RECEIVER(5, false, "w*", "*");
	RECEIVER(1, true, "*", "w"); /* of the publisher's process */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		actor_publish(a, "w", sizes[i]);
		actor_publish(a, "v", sizes[i]);
		actor_publish(b, "w", sizes[i]);
		actor_spublish(b, "s", sizes[i]);
		actor_publish(b, "nobody", sizes[i]);
		actor_publish(b, "r", sizes[i]);
		if (i % 2 == 0)
			settle();
	}
	settle();
	actor_unsubscribe(r, 0);
	actor_say(r, "PING\r\n", 1);
	actor_publish(a, "w", 9);
	settle();
	actor_say(r, "QUIT\r\n", 1);
	settle();
	actor_publish(b, "w", 10);
	settle();
}

static void
long_batches(void)
{
	struct actor *a = publisher(1), *b = publisher(2);

	RECEIVER(3, false, "w", "v");
	RECEIVER(4, true, "w");
	RECEIVER(5, false, "*");
	for (int i = 0; i < 40; i++) {
		actor_publish(a, "w", 4000);
		actor_publish(b, i % 8 == 0 ? "v" : "w", 50);
	}
	settle();
}

/* A publisher that is its own receiver, in RESP3. */
static void
own_messages(void)
{
	struct actor *a = RECEIVER(1, true, "w", "v*"), *b = RECEIVER(2, true, "w");

	for (int i = 0; i < 4; i++) {
		actor_publish(a, "w", 30);
		actor_publish(b, "w", 30);
		actor_publish(a, "v", 20000);
		actor_publish(a, "w", 20000);
	}
	settle();
}

static void
transactions(void)
{
	struct actor *a = publisher(1), *own = RECEIVER(2, true, "w", "v");

	RECEIVER(3, false, "w", "v*");
	RECEIVER(4, true, "w*");
	for (int i = 0; i < 2; i++) {
		struct actor *who = i == 0 ? a : own;

		actor_multi(who);
		actor_queue_publish(who, "w", 20);
		actor_queue(who, "ECHO hello\r\n");
		actor_queue_publish(who, "v", 20000);
		actor_queue_publish(who, "w", 400);
		actor_queue(who, "INFO\r\n");
		actor_queue_publish(who, "nobody", 20);
		actor_exec(who);
		actor_publish(who, "w", 12);
		settle();
	}
	actor_multi(a);
	actor_queue_publish(a, "w", 20);
	settle();
	actor_break(a);
	settle();
}

static void
monitors(void)
{
	struct actor *a = publisher(1), *own = RECEIVER(2, true, "w"), *m = actor_new(&ledger, 3, 0),
		     *n = actor_new(&ledger, 4, 0);

	actor_monitor(m);
	actor_monitor(n);
	actor_monitor(own);
	settle();
	for (int i = 0; i < 3; i++) {
		actor_say(a, "ECHO \"with \\x00 \\\" and\\n\"\r\n", 1);
		actor_publish(a, "w", 5000);
		actor_publish(own, "w", 20000);
	}
	actor_multi(own);
	actor_queue_publish(own, "w", 9);
	actor_queue(own, "PING\r\n");
	actor_exec(own);
	settle();
	actor_say(n, "RESET\r\n", 1);
	settle();
	actor_say(a, "PING\r\n", 1);
	settle();
}

static void
questions(void)
{
	static const char *const texts[] = {
		"HELLO 2 SETNAME some\r\n",
		"CLIENT SETNAME name\r\n",
		"CLIENT SETINFO lib-name lib\r\n",
		"CLIENT SETINFO lib-ver 1.2\r\n",
		"CLIENT SETNAME other\r\n",
		"CLIENT GETNAME\r\n",
		"CLIENT INFO\r\n",
		"CLIENT LIST\r\n",
		"CLIENT LIST ID 1 2 3\r\n",
		"CLIENT LIST TYPE pubsub\r\n",
		"UDSD CLIENTS\r\n",
		"UDSD CLIENTS ID 1 2 3\r\n",
		"INFO\r\n",
		"INFO everything\r\n",
		"COMMAND\r\n",
		"COMMAND DOCS\r\n",
		"COMMAND LIST FILTERBY PATTERN c*\r\n",
		"COMMAND INFO ping get\r\n",
		"CLIENT HELP\r\n",
		"CONFIG GET *\r\n",
		"PUBSUB CHANNELS\r\n",
		"PUBSUB SHARDCHANNELS\r\n",
		"PUBSUB NUMSUB w v x\r\n",
		"PUBSUB NUMPAT\r\n",
		"TIME\r\n",
		"GET key\r\n",
		"nonsense \"with quotes\"\r\n",
		"CLIENT KILL ID 99 SKIPME no\r\n",
		"RESET\r\n",
	};
	struct actor *a = publisher(1), *b = publisher(2);

	RECEIVER(3, false, "w", "v*", "!s");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		actor_say(a, texts[i], 1);
		settle();
	}
	actor_say(b, "HELLO 3\r\n", 1);
	for (size_t i = 0; i + 1 < sizeof(texts) / sizeof(texts[0]); i++)
		actor_say(b, texts[i], 1);
	settle();
	actor_say(b, "CLIENT REPLY SKIP\r\nPING\r\nPING\r\n", 1);
	actor_say(b, "CLIENT KILL TYPE pubsub\r\n", 1);
	settle();
}

/* Answers wait for receivers whose sockets are full. */
static void
full_receivers(void)
{
	struct actor *a = publisher(1), *b = publisher(2), *r = RECEIVER(3, false, "w"),
		     *q = RECEIVER(4, true, "w*", "v");

	actor_set_full(r, true);
	for (int i = 0; i < 12; i++) {
		actor_publish(a, "w", 100);
		actor_say(a, "PING\r\n", 1);
		if (i % 3 == 0)
			settle();
		actor_publish(b, i % 2 ? "w" : "v", i == 5 ? 20000 : 5000);
	}
	settle();
	actor_set_full(q, true);
	actor_publish(b, "v", 10);
	settle();
	actor_set_full(r, false);
	actor_publish(a, "w", 10);
	settle();
	actor_break(q);
	settle();
}

/* Small sockets: pieces are written in part, and copied if they have to wait. */
static void
slow_sockets(void)
{
	struct actor *a = publisher(1), *r = RECEIVER(2, false, "w"), *q = RECEIVER(3, true, "*");

	if (!r->peer->is_closed)
		peer_use_small_socket(r->peer);
	if (!q->peer->is_closed)
		peer_use_small_socket(q->peer);
	for (int i = 0; i < 20; i++) {
		actor_publish(a, "w", i % 7 == 0 ? 30000 : 700);
		actor_say(q, "PING\r\n", 1);
		settle();
		actor_take(r, 3000);
		actor_take(q, 2000);
	}
	settle();
}

static void
clogged_receivers(void)
{
	struct actor *a = publisher(1), *b = publisher(2), *r = RECEIVER(3, false, "w"), *q = RECEIVER(4, false, "w");

	ledger.hub.bus.flow.limits.queue_limit = 8192;
	actor_set_full(r, true);
	for (int i = 0; i < 8; i++) {
		actor_publish(a, "w", 2000);
		actor_publish(b, i < 4 ? "v" : "w", 20000);
		settle();
	}
	actor_multi(b);
	actor_queue_publish(b, "w", 10);
	actor_queue_publish(b, "w", 20000);
	actor_exec(b);
	settle();
	actor_set_full(q, true);
	actor_set_full(r, false);
	settle();
	actor_set_full(q, false);
	settle();
}

static void
dropped_messages(void)
{
	struct actor *a = publisher(1), *r = actor_new(&ledger, 2, 1000);
	char name[16];

	actor_subscribe(r, CHANNEL, PROTOCOL_MISSED);
	actor_subscribe(r, PATTERN, "d*");
	actor_subscribe(r, CHANNEL, "w");
	settle();
	RECEIVER(3, true, "d1", "w");
	ledger.hub.bus.flow.limits.queue_limit = 8192;
	for (int round = 0; round < 2; round++) {
		int n = round == 0 ? 36 : 5;

		actor_set_full(r, true);
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "d%d", i);
			actor_publish(a, name, i == 3 ? 20000 : i == 7 ? 8 : 2000);
			if (i % 5 == 0)
				settle();
		}
		settle();
		actor_set_full(r, false);
		settle();
		actor_publish(a, "d1", 10);
		actor_publish(a, "w", 10);
		settle();
	}
}

static void
disconnected_receivers(void)
{
	struct actor *a = publisher(1), *r = RECEIVER(2, false, "k"), *q = RECEIVER(3, true, "k", "w");

	ledger.hub.bus.flow.limits.queue_limit = 8192;
	actor_set_full(r, true);
	for (int i = 0; i < 8; i++) {
		actor_publish(a, "k", i == 5 ? 20000 : 2000);
		actor_publish(a, "w", 100);
		settle();
	}
	actor_set_full(q, true);
	for (int i = 0; i < 6; i++)
		actor_publish(a, "k", 2000);
	settle();
}

static void
waiting_publishers(void)
{
	static const char *const channels[] = { "w", "v", "x" };
	struct actor *waiters[8], *r;

	for (size_t i = 0; i < 8; i++) {
		waiters[i] = publisher((pid_t)(10 + i));
		actor_say(waiters[i], "UDSD WAITRECEIVER ON\r\n", 1);
		if (i == 6)
			actor_multi(waiters[i]);
		if (i == 7)
			actor_spublish(waiters[i], "s", 20);
		else if (i == 6)
			actor_queue_publish(waiters[i], "w", 20);
		else
			actor_publish(waiters[i], channels[i % 3], i == 3 ? 100000 : 20);
		if (i == 6)
			actor_exec(waiters[i]);
		actor_say(waiters[i], "PING\r\n", 1);
		settle();
	}
	r = RECEIVER(3, false, "w");
	settle();
	RECEIVER(4, true, "v*");
	settle();
	actor_unsubscribe(r, 0);
	actor_publish(waiters[0], "w", 20000);
	actor_publish(waiters[1], "v", 17);
	settle();
	RECEIVER(5, false, "*", "!s");
	settle();
}

static void
say_in_parts(struct actor *actor, const char *text, size_t part, size_t answers)
{
	struct slice left = slice_of(text);

	actor_say(actor, "", answers);
	for (; left.len > 0; left.p += part, left.len -= part) {
		part = part < left.len ? part : left.len;
		peer_send(actor->peer, left.p, part);
		settle();
	}
}

static void
unfinished_input(void)
{
	struct actor *a = publisher(1), *b = publisher(2), *c = publisher(3), *d = publisher(4), *e = publisher(5);

	RECEIVER(6, false, "w");
	actor_publish(d, "w", 600000);
	actor_publish(e, "w", 17000);
	for (int i = 0; i < 24; i++) { /* it is sent already, and read in pieces */
		hub_read_some(d->peer, 30000);
		hub_read_some(e->peer, 1000);
		hub_end_pass(&ledger.hub);
	}
	say_in_parts(a, "PING\r\nECHO \"a b\"\r\n*2\r\n$4\r\nECHO\r\n$5\r\nabcde\r\n", 3, 3);
	say_in_parts(b, "*40\r\n$6\r\nPUBSUB\r\n$6\r\nNUMSUB\r\n", 7, 0);
	for (int i = 0; i < 38; i++)
		peer_say(b->peer, "$1\r\nx\r\n");
	actor_say(b, "", 1);
	settle();
	say_in_parts(c, "*2\r\n$4\r\nECHO\r\n$9000\r\n", 5, 1);
	for (int i = 0; i < 9; i++) {
		static const char zeros[1000] = { 0 };

		peer_send(c->peer, zeros, sizeof(zeros));
		settle();
	}
	peer_say(c->peer, "\r\n*3\r\n$7\r\nPUBLI");
	actor_publish(d, "w", 30);
	settle();
	actor_break(c);
	/* More arguments than there is room for at first. */
	actor_say(a, "*100\r\n$6\r\nPUBSUB\r\n$6\r\nNUMSUB\r\n", 1);
	for (int i = 0; i < 98; i++)
		peer_say(a->peer, "$1\r\ny\r\n");
	settle();
}

static void
quotas(void)
{
	struct actor *a = publisher(1), *r[6];

	ledger.hub.bus.flow.limits.queue_limit_per_uid = 150000;
	ledger.hub.bus.flow.limits.max_subscriptions = 3;
	ledger.hub.bus.flow.limits.max_subscriptions_per_uid = 8;
	for (size_t i = 0; i < 6; i++) {
		r[i] = actor_new(&ledger, (pid_t)(10 + i), 1500);
		actor_subscribe(r[i], CHANNEL, "w");
		actor_subscribe(r[i], PATTERN, "w*");
		actor_subscribe(r[i], SHARD, "s");
		actor_subscribe(r[i], CHANNEL, "v");
		actor_set_full(r[i], true);
	}
	settle();
	for (int i = 0; i < 4; i++) {
		actor_publish(a, "w", i == 2 ? 40000 : 9000);
		actor_spublish(a, "s", 20000);
		settle();
	}
	for (size_t i = 0; i < 6; i++) {
		actor_set_full(r[i], false);
		settle();
	}
}

/* Tables, sets of receivers and lists that grow and shrink. */
static void
many_of_everything(void)
{
	struct actor *a = publisher(1), *crowd[20];
	char name[16];

	for (size_t i = 0; i < 20; i++) {
		crowd[i] = actor_new(&ledger, (pid_t)(10 + i), (uid_t)(2000 + i));
		actor_subscribe(crowd[i], CHANNEL, "w");
		snprintf(name, sizeof(name), "%.*s*", (int)(i % 6), "vvvvvv");
		actor_subscribe(crowd[i], PATTERN, name);
		for (size_t k = 0; k < 3; k++) {
			snprintf(name, sizeof(name), "c%zu", i * 3 + k);
			actor_subscribe(crowd[i], CHANNEL, name);
		}
	}
	settle();
	for (size_t i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)i, "vvvvvvvv");
		actor_publish(a, i == 0 ? "w" : name, 30);
		snprintf(name, sizeof(name), "c%zu", i * 5);
		actor_publish(a, name, 30);
	}
	settle();
	for (size_t i = 0; i < 15; i++)
		for (size_t k = 0; k < 5; k++)
			actor_unsubscribe(crowd[i], k);
	actor_publish(a, "w", 30);
	settle();
	for (size_t i = 15; i < 20; i++)
		actor_break(crowd[i]);
	channels_forget_unnamed(&ledger.hub.bus.subscriptions.channels);
	chunk_pool_trim(&ledger.hub.bus.flow.chunks);
	actor_publish(a, "w", 30);
	settle();
}

static const struct {
	const char *name;
	void (*hold)(void);
	uint64_t step; /* only one place in so many, where many are alike; 0: each place */
} scenes[] = {
	{ "small and large messages", small_and_large },
	{ "long batches", long_batches },
	{ "own messages", own_messages },
	{ "transactions", transactions },
	{ "monitors", monitors },
	{ "questions", questions },
	{ "full receivers", full_receivers },
	{ "slow sockets", slow_sockets },
	{ "clogged receivers", clogged_receivers },
	{ "dropped messages", dropped_messages, 2 },
	{ "disconnected receivers", disconnected_receivers },
	{ "waiting publishers", waiting_publishers },
	{ "unfinished input", unfinished_input },
	{ "quotas", quotas },
	{ "many of everything", many_of_everything, 3 },
};

#define N_SCENES (sizeof(scenes) / sizeof(scenes[0]))

/* There is memory again: new clients are served in full, and so are those that are left. */
static void
check_recovered(struct actor *bystander)
{
	static const char *const channels[] = { "w", "v", "x", "d1", "k" };
	struct limits *limits = &ledger.hub.bus.flow.limits;
	struct actor *r, *p;

	limits->max_subscriptions = limits->max_subscriptions_per_uid = 1000;
	limits->queue_limit = limits->queue_limit_per_uid = (uint64_t)64 * 1024 * 1024;
	r = RECEIVER(101, true, "w", "v", "x", "d1", "k", "*", "!s");
	assert_true(actor_is_alive(r) && actor_is_alive(bystander));
	for (size_t i = 0; i < 7; i++)
		assert_true(r->enrolments[i].since > 0);
	p = publisher(102);
	for (size_t i = 0; i < 5; i++) {
		actor_publish(p, channels[i], 20);
		actor_publish(p, channels[i], 20000);
	}
	actor_spublish(p, "s", 20);
	actor_publish(p, "bystander", 20);
	for (size_t i = 0; i + 2 < ledger.n_actors; i++)
		if (actor_is_alive(ledger.actors[i]) && ledger.actors[i]->peer->session.reply_mode == REPLY_ON)
			actor_say(ledger.actors[i], "PING\r\n", 1);
	ledger_settle(&ledger);
	for (size_t i = ledger.n_messages - 12; i < ledger.n_messages; i++) {
		assert_int_equal(ledger.messages[i].state, MESSAGE_ANSWERED);
		assert_int_equal(ledger.messages[i].count, ledger.messages[i].copies);
	}
}

/* Returns how many allocations failed. */
static uint64_t
hold_once(size_t scene, enum hub_reading reading, uint64_t first, uint64_t n)
{
	struct actor *bystander;
	uint64_t failed;
	int64_t blocks;

	failing_end(); /* in case the scene before was left in the middle */
	blocks = failing_blocks();

	ledger_init(&ledger, reading);
	snprintf(ledger.context, sizeof(ledger.context), "'%s' reading %d, allocations from %llu on, %llu of them",
	         scenes[scene].name, (int)reading, (unsigned long long)first, (unsigned long long)n);
	bystander = RECEIVER(100, false, "bystander");
	ledger.hub.on_bus = failing_set_on;
	failing_begin(first, n);
	scenes[scene].hold();
	failed = failing_end();
	ledger.hub.on_bus = NULL;
	ledger_drain(&ledger);
	check_recovered(bystander);
	ledger_deinit(&ledger);
	assert_int_equal(failing_blocks(), blocks);
	return failed;
}

/* One failure at each place; several in a row at fewer places; and some of these again with reads of 100 bytes. */
static const struct {
	enum hub_reading reading;
	uint64_t failures, step;
} ways[] = {
	{ HUB_WHOLE, 1, 1 },          { HUB_WHOLE, 2, 2 }, { HUB_WHOLE, 7, 3 },
	{ HUB_WHOLE, UINT64_MAX, 7 }, { HUB_SMALL, 1, 3 }, { HUB_SMALL, UINT64_MAX, 11 },
};

static void
memory_runs_out(void **state)
{
	size_t scene = (size_t)((const char *)*state - (const char *)scenes) / sizeof(scenes[0]);
	uint64_t points = 0, failures = 0, step = scenes[scene].step > 0 ? scenes[scene].step : 1;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		for (uint64_t first = 1, failed = 1; failed > 0; first += ways[i].step * step) {
			failed = hold_once(scene, ways[i].reading, first, ways[i].failures);
			points += failed > 0;
			failures += failed;
		}
	print_message("# %llu points, %llu failed allocations\n", (unsigned long long)points,
	              (unsigned long long)failures);
}

/* AddressSanitizer: a small quarantine is enough, and much faster. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=256";
}

/* A copy for an empty queue takes three allocations, each of which may fail: nothing is left then. */
static void
copy_to_empty_queue(void **state __attribute__((unused)))
{
	int64_t blocks = failing_blocks();

	for (uint64_t first = 1; first <= 4; first++) {
		struct chunk_pool pool = { 0 };
		struct chunk *chunk = chunk_new(&pool, CHUNK_ROOM);
		struct outq q;

		assert_non_null(chunk);
		chunk->data[0] = 'x';
		chunk->len = 1;
		outq_init(&q);
		failing_begin(first, 1);
		failing_set_on(true);
		assert_int_equal(outq_push_waiting(&q, chunk, 0, 1, NULL, 1), first < 4 ? -ENOMEM : 0);
		failing_set_on(false);
		assert_int_equal(failing_end(), first < 4);
		assert_int_equal(outq_clear(&q), first < 4 ? 0 : 1);
		chunk_unref(chunk);
		chunk_pool_deinit(&pool);
	}
	assert_int_equal(failing_blocks(), blocks);
}

int
main(int argc, char **argv)
{
	struct CMUnitTest tests[N_SCENES + 1];

	mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024); /* each run takes the same few large blocks */
	mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
	/* Repeats one run: SCENE READING FIRST N, from the message of a failure. */
	if (argc == 5) {
		hold_once(strtoul(argv[1], NULL, 10), (enum hub_reading)strtoul(argv[2], NULL, 10),
		          strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
		return 0;
	}
	for (size_t i = 0; i < N_SCENES; i++)
		tests[i] = (struct CMUnitTest){ scenes[i].name, memory_runs_out, NULL, NULL, (void *)&scenes[i] };
	tests[N_SCENES] = (struct CMUnitTest)cmocka_unit_test(copy_to_empty_queue);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
