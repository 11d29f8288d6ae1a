/*
 * Replies that wait for the disk: messages overtake them, and yet nothing comes in an order that means something else.
 * The command ECHO replies here as a command does that has changed a stream.
 */
#include "hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-table.h"
#include "outq-held.h"
#include "reply.h"

#define S(text) ((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 })

/* The commit that is under way, or NULL; it has a reference. */
static struct barrier *open_commit, *older_commit;
static struct command table[COMMAND_ROWS_MAX];

static enum command_result
held_echo(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	(void)argc;
	if (!open_commit)
		open_commit = barrier_new_commit(&bus->flow.barriers);
	reply_hold(bus, open_commit);
	reply_bulk(bus, s, argv[1]);
	reply_hold(bus, NULL);
	return COMMAND_DONE;
}

static void
use_held_echo(struct hub *hub)
{
	size_t n = 0;

	for (; command_table[n].name; n++) {
		assert_in_range(n, 0, COMMAND_ROWS_MAX - 2);
		table[n] = command_table[n];
		if (strcmp(table[n].name, "echo") == 0)
			table[n].run = held_echo;
	}
	table[n] = command_table[n];
	hub->sessions.table = table;
}

static void
commit_one(struct hub *hub, struct barrier **commit)
{
	struct barrier *barrier = *commit;

	*commit = NULL;
	if (barrier) {
		barrier_arrive(barrier);
		barrier_unref(barrier);
	}
	hub_settle(hub);
}

static void
commit(struct hub *hub)
{
	commit_one(hub, &older_commit);
	commit_one(hub, &open_commit);
}

static void
say(struct peer *peer, const char *text)
{
	peer_say(peer, text);
	hub_settle(peer->hub);
}

static struct peer *
subscriber(struct hub *hub, pid_t pid, bool resp3, const char *channel)
{
	struct peer *peer = peer_new(hub, pid);
	char text[64];

	snprintf(text, sizeof(text), "%sSUBSCRIBE %s\r\n", resp3 ? "HELLO 3\r\n" : "", channel);
	say(peer, text);
	peer->got.len = 0;
	return peer;
}

static void
expect_message(struct peer *peer, const char *channel, struct slice payload)
{
	struct buf expected = { 0 };

	put_message(&expected, true, NULL, slice_of(channel), payload);
	peer_expect_buf(peer, &expected);
}

static void
publishers_do_not_wait_for_the_disk(struct hub *hub)
{
	struct peer *r, *p;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	say(r, "ECHO a\r\n");
	peer_expect_text(r, "");
	for (int i = 0; i < 3; i++) {
		say(p, "PUBLISH x 1\r\nPUBLISH x 2\r\n");
		peer_expect_text(p, ":1\r\n:1\r\n");
		peer_expect_repeated(r,
		                     ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n"
		                     "$1\r\n2\r\n",
		                     1);
		say(r, "PING\r\nECHO b\r\n");
		peer_expect_text(r, "");
	}
	commit(hub);
	peer_expect_text(r, "$1\r\na\r\n+PONG\r\n$1\r\nb\r\n+PONG\r\n$1\r\nb\r\n+PONG\r\n$1\r\nb\r\n");
}

/* A receiver whose socket is full gets all in the right order: first what overtakes, then what is released. */
static void
full_socket(struct hub *hub)
{
	struct peer *r, *p;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	peer_set_full(r, true);
	say(p, "PUBLISH x 1\r\n");
	say(r, "ECHO a\r\n");
	say(p, "PUBLISH x 2\r\n");
	commit(hub);
	say(p, "PUBLISH x 3\r\n");
	say(r, "ECHO b\r\n");
	say(p, "PUBLISH x 4\r\n");
	peer_set_full(r, false);
	hub_settle(hub);
	peer_expect_text(r, ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n"
	                    "$1\r\na\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n3\r\n"
	                    ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n4\r\n");
	peer_expect_text(p, ":1\r\n:1\r\n:1\r\n:1\r\n");
	commit(hub);
	peer_expect_text(r, "$1\r\nb\r\n");
}

/* The confirmation comes before the first message, so until the commit that channel waits, too. */
static void
confirmation_first(struct hub *hub)
{
	struct peer *r, *p;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	say(r, "ECHO a\r\nSUBSCRIBE y\r\nECHO b\r\n");
	say(p, "PUBLISH y 1\r\n");
	peer_expect_text(r, "");
	peer_expect_text(p, "");
	commit(hub);
	peer_expect_text(
	    r, "$1\r\na\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n>3\r\n$7\r\nmessage\r\n$1\r\ny\r\n$1\r\n1\r\n"
	       "$1\r\nb\r\n");
	peer_expect_text(p, ":1\r\n");
}

/* Likewise when the form of the messages changes, and when a client begins to monitor. */
static void
form_and_monitors(struct hub *hub)
{
	struct peer *r, *m, *p;

	use_held_echo(hub);
	r = peer_new(hub, 1);
	m = peer_new(hub, 3);
	p = peer_new(hub, 2);
	say(r, "ECHO a\r\nHELLO 3\r\nSUBSCRIBE x\r\n");
	say(m, "ECHO a\r\nUDSD MONITOR\r\n");
	say(p, "PUBLISH x 1\r\n");
	peer_expect_text(r, "");
	peer_expect_text(m, "");
	commit(hub);
	assert_memory_equal(r->got.data, "$1\r\na\r\n%7\r\n", 11);
	r->got.len = 0;
	assert_memory_equal(m->got.data, "$1\r\na\r\n+OK\r\n*3\r\n", 16);
	m->got.len = 0;
	/* From now on in RESP2. */
	say(r, "ECHO b\r\nHELLO 2\r\n");
	say(p, "PUBLISH x 2\r\n");
	peer_expect_text(r, "");
	commit(hub);
	assert_memory_equal(r->got.data, "$1\r\nb\r\n*14\r\n", 12);
	assert_non_null(memmem(r->got.data, r->got.len, "*3\r\n$7\r\nmessage", 15));
	r->got.len = m->got.len = 0;
	/* A notice overtakes. */
	say(m, "ECHO b\r\n");
	say(p, "PUBLISH x 2\r\n");
	assert_memory_equal(m->got.data, "*3\r\n", 4);
	m->got.len = 0;
	commit(hub);
	peer_expect_text(m, "$1\r\nb\r\n");
}

/* No message comes into the answer of EXEC, of which only a part is held. */
static void
exec_is_one_answer(struct hub *hub)
{
	struct peer *r, *p;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	say(r, "PING\r\nMULTI\r\nPING\r\nECHO a\r\nPUBLISH x own\r\nPING\r\nEXEC\r\nPING\r\n");
	say(p, "PUBLISH x 1\r\n");
	peer_expect_text(p, ":1\r\n");
	peer_expect_text(
	    r, "+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
	       ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$3\r\nown\r\n>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n");
	commit(hub);
	peer_expect_text(r, "*4\r\n+PONG\r\n$1\r\na\r\n:1\r\n+PONG\r\n+PONG\r\n");
	/* With a subscription in it, and one more reply that is held behind that. */
	say(r, "MULTI\r\nECHO a\r\nSUBSCRIBE y\r\nECHO b\r\nEXEC\r\n");
	peer_expect_text(r, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n");
	say(p, "PUBLISH y 1\r\n");
	peer_expect_text(r, "");
	commit(hub);
	peer_expect_text(r, "$1\r\na\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n$1\r\nb\r\n"
	                    ">3\r\n$7\r\nmessage\r\n$1\r\ny\r\n$1\r\n1\r\n");
	peer_expect_text(p, ":1\r\n");
}

/* The pieces of a large message stay together. */
static void
large_messages(struct hub *hub)
{
	uint8_t *payload = make_payload(100000);
	struct slice large = { payload, 100000 };
	struct peer *r, *p;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	say(r, "ECHO a\r\n");
	peer_publish(p, "x", large);
	hub_settle(hub);
	peer_expect_text(p, ":1\r\n");
	expect_message(r, "x", large);
	/* In an EXEC, too. */
	say(r, "MULTI\r\nECHO b\r\n");
	peer_expect_text(r, "");
	peer_publish(r, "x", large);
	say(r, "EXEC\r\n");
	expect_message(r, "x", large);
	commit(hub);
	peer_expect_text(r, "$1\r\na\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\nb\r\n:1\r\n");
	free(payload);
}

/* Replies that wait are bounded: the client is not read from; but it is no slow receiver. */
static void
held_up_beside(struct hub *hub, uint64_t others, size_t queue_limit, size_t most)
{
	struct peer *r, *p;
	struct buf word = { 0 }, expected = { 0 };
	size_t n = 4000;

	use_held_echo(hub);
	hub->bus.flow.limits.queue_limit = queue_limit;
	hub->bus.flow.stats.clients += others;
	r = subscriber(hub, 1, true, "x");
	p = peer_new(hub, 2);
	put_text(&word, "ECHO ");
	for (size_t i = 0; i < 1000; i++)
		put_text(&word, "a");
	put_text(&word, "\r\n");
	for (size_t i = 0; i < n; i++)
		peer_send(r, word.data, word.len);
	hub_settle(hub);
	assert_true(r->session.client.held_up && !r->session.client.clogged);
	assert_in_range(outq_held_cost(&r->session.client.out), most,
	                most + 256 * 1024); /* beside what one read brings */
	for (int i = 0; i < 100; i++)
		say(p, "PUBLISH x 1\r\n");
	peer_expect_repeated(p, ":1\r\n", 100);
	peer_expect_repeated(r, ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n1\r\n", 100);
	/* The user has to pay for it. */
	assert_in_range(r->session.client.charged, most, SIZE_MAX);
	while (open_commit)
		commit(hub);
	assert_false(r->session.client.held_up);
	word.data[word.len - 1] = '\n';
	for (size_t i = 0; i < n; i++) {
		put_text(&expected, "$1000\r\n");
		buf_append(&expected, word.data + 5, 1002);
	}
	peer_expect_buf(r, &expected);
	assert_int_equal(r->session.client.charged, 0);
	hub->bus.flow.stats.clients -= others;
	buf_deinit(&word);
}

static void
held_up(struct hub *hub)
{
	held_up_beside(hub, 0, 8 * 1024 * 1024, 1024 * 1024);
}

/* What is pinned must not make it a slow receiver. */
static void
held_up_below_the_limit(struct hub *hub)
{
	held_up_beside(hub, 0, 2 * 1024 * 1024, 256 * 1024);
}

/* Many clients share what may be held. */
static void
held_up_among_many(struct hub *hub)
{
	held_up_beside(hub, 1000, 8 * 1024 * 1024, 64 * 1024);
}

/* A client that goes while its replies are held leaves nothing behind. */
static void
gone_while_held(struct hub *hub)
{
	struct peer *r, *p, *q;

	use_held_echo(hub);
	r = subscriber(hub, 1, true, "x");
	q = subscriber(hub, 3, false, "x");
	p = peer_new(hub, 2);
	say(r, "ECHO a\r\n");
	peer_set_full(r, true);
	say(p, "PUBLISH x 1\r\n");
	peer_expect_text(p, "");
	peer_break(r);
	hub_settle(hub);
	peer_expect_text(p, ":2\r\n");
	q->got.len = 0;
	/* One that says goodbye gets its answers first. */
	say(p, "ECHO a\r\nQUIT\r\n");
	peer_expect_text(p, "");
	assert_false(p->is_closed);
	commit(hub);
	peer_expect_text(p, "$1\r\na\r\n+OK\r\n");
	assert_true(p->is_closed);
}

/*
 * Random commands of some peers against what each of them must see:
 * - its replies are whole, and in the order of its commands;
 * - messages and confirmations of subscriptions are in the order in which they were published and made;
 * - a reply comes after all messages that were published to the peer before the command;
 * - a reply to ECHO comes after its commit.
 */
#define PEERS 5
#define EVENTS_MAX 4096

struct event {
	struct buf bytes;
	size_t messages; /* of a reply: how many messages must have come before */
	uint64_t commit; /* of a reply: the number of the last commit that it waits for */
};

struct watched {
	struct peer *peer;
	struct event replies[EVENTS_MAX], messages[EVENTS_MAX];
	size_t n_replies, n_messages, seen_replies, seen_messages;
	bool is_subscribed[3];
};

static uint64_t commits_made, commits_done;

/* The length of the first item of RESP, with all that it contains; 0 if the end is missing. */
static size_t
item_size(const uint8_t *p, size_t len)
{
	const uint8_t *end = memmem(p, len, "\r\n", 2);
	size_t size, n, part;

	if (!end)
		return 0;
	size = (size_t)(end - p) + 2;
	n = (size_t)atoi((const char *)p + 1);
	if (*p == '$')
		return size + n + 2 <= len ? size + n + 2 : 0;
	if (*p != '*' && *p != '>' && *p != '%')
		return size;
	for (n = *p == '%' ? 2 * n : n; n > 0; n--, size += part) {
		part = item_size(p + size, len - size);
		if (part == 0)
			return 0;
	}
	return size;
}

static void
watched_check(struct watched *w)
{
	size_t at = 0, size;

	while ((size = item_size(w->peer->got.data + at, w->peer->got.len - at)) > 0) {
		const uint8_t *p = w->peer->got.data + at;
		bool is_message = *p == '>' && memcmp(p + 8, "message", 7) == 0;
		const struct event *event =
		    is_message ? &w->messages[w->seen_messages++] : &w->replies[w->seen_replies++];

		assert_true(w->seen_messages <= w->n_messages && w->seen_replies <= w->n_replies);
		if (!is_message) {
			assert_in_range(w->seen_messages, event->messages, w->n_messages);
			assert_in_range(event->commit, 0, commits_done);
		}
		assert_int_equal(size, event->bytes.len);
		assert_memory_equal(p, event->bytes.data, size);
		at += size;
	}
	buf_consume(&w->peer->got, at);
}

struct random_run {
	struct hub *hub;
	struct watched all[PEERS];
	uint64_t counter;
	struct event *reply; /* that the commands make: of its own, or that of EXEC */
};

/* The bytes of a command go to `request`, what it replies to run->reply. */
static void
random_command(struct random_run *run, struct watched *w, struct buf *request)
{
	struct prng *prng = &run->hub->prng;
	size_t channel = prng_below(prng, 3);
	char text[64];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)++run->counter);
	switch (prng_below(prng, 6)) {
	case 0:
	case 1:
		buf_printf(request, "ECHO %s\r\n", text);
		put_bulk(&run->reply->bytes, slice_of(text));
		if (!open_commit) {
			open_commit = barrier_new_commit(&run->hub->bus.flow.barriers);
			commits_made++;
		}
		run->reply->commit = commits_made;
		break;
	case 2:
		buf_printf(request, "PING %s\r\n", text);
		put_bulk(&run->reply->bytes, slice_of(text));
		break;
	case 3:
		buf_printf(request, "SUBSCRIBE c%zu\r\n", channel);
		w->is_subscribed[channel] = true;
		buf_printf(&run->reply->bytes, ">3\r\n$9\r\nsubscribe\r\n$2\r\nc%zu\r\n:%d\r\n", channel,
		           w->is_subscribed[0] + w->is_subscribed[1] + w->is_subscribed[2]);
		break;
	default: {
		int n = 0;

		buf_printf(request, "PUBLISH c%zu %s\r\n", channel, text);
		for (size_t i = 0; i < PEERS; i++) {
			struct watched *to = &run->all[i];

			if (!to->is_subscribed[channel])
				continue;
			n++;
			buf_printf(&to->messages[to->n_messages].bytes,
			           ">3\r\n$7\r\nmessage\r\n$2\r\nc%zu\r\n$%zu\r\n%s\r\n", channel, strlen(text), text);
			to->n_messages++;
		}
		buf_printf(&run->reply->bytes, ":%d\r\n", n);
		break;
	}
	}
}

static struct event *
new_reply(struct watched *w)
{
	struct event *event = &w->replies[w->n_replies++];

	event->messages = w->n_messages;
	return event;
}

static void
random_request(struct random_run *run, struct watched *w)
{
	struct prng *prng = &run->hub->prng;
	struct buf request = { 0 };
	size_t n = 1 + prng_below(prng, 4);

	if (prng_below(prng, 3) > 0) {
		run->reply = new_reply(w);
		random_command(run, w, &request);
	} else {
		struct event *answer;

		put_text(&request, "MULTI\r\n");
		put_text(&new_reply(w)->bytes, "+OK\r\n");
		for (size_t i = 0; i < n; i++)
			put_text(&new_reply(w)->bytes, "+QUEUED\r\n");
		answer = new_reply(w);
		buf_printf(&answer->bytes, "*%zu\r\n", n);
		run->reply = answer;
		for (size_t i = 0; i < n; i++)
			random_command(run, w, &request);
		put_text(&request, "EXEC\r\n");
	}
	peer_send(w->peer, request.data, request.len);
	buf_deinit(&request);
	hub_settle(run->hub);
}

static void
random_commands(struct hub *hub)
{
	struct random_run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->hub = hub;
	commits_made = commits_done = 0;
	use_held_echo(hub);
	for (size_t i = 0; i < PEERS; i++) {
		run->all[i].peer = peer_new(hub, 1 + (pid_t)i);
		say(run->all[i].peer, "HELLO 3\r\n");
		run->all[i].peer->got.len = 0;
	}
	for (int step = 0; step < 600; step++) {
		struct watched *w = &run->all[prng_below(&hub->prng, PEERS)];

		switch (prng_below(&hub->prng, 8)) {
		case 0:
			if (!older_commit) {
				older_commit = open_commit;
				open_commit = NULL;
			}
			break;
		case 1:
			if (older_commit) {
				commits_done++;
				commit_one(hub, &older_commit);
			}
			break;
		case 2:
			peer_set_full(w->peer, !w->peer->is_full);
			hub_settle(hub);
			break;
		default:
			random_request(run, w);
			break;
		}
		for (size_t i = 0; i < PEERS; i++)
			watched_check(&run->all[i]);
	}
	for (size_t i = 0; i < PEERS; i++)
		peer_set_full(run->all[i].peer, false);
	hub_settle(hub);
	while (older_commit || open_commit) {
		commits_done++;
		commit_one(hub, older_commit ? &older_commit : &open_commit);
	}
	for (size_t i = 0; i < PEERS; i++) {
		struct watched *w = &run->all[i];

		watched_check(w);
		assert_int_equal(w->seen_replies, w->n_replies);
		assert_int_equal(w->seen_messages, w->n_messages);
		for (size_t k = 0; k < w->n_replies; k++)
			buf_deinit(&w->replies[k].bytes);
		for (size_t k = 0; k < w->n_messages; k++)
			buf_deinit(&w->messages[k].bytes);
	}
	free(run);
}

int
main(void)
{
	static const struct conversation conversations[] = {
		{ "publishers_do_not_wait_for_the_disk", publishers_do_not_wait_for_the_disk },
		{ "full_socket", full_socket },
		{ "confirmation_first", confirmation_first },
		{ "form_and_monitors", form_and_monitors },
		{ "exec_is_one_answer", exec_is_one_answer },
		{ "large_messages", large_messages },
		{ "held_up", held_up },
		{ "held_up_below_the_limit", held_up_below_the_limit },
		{ "held_up_among_many", held_up_among_many },
		{ "gone_while_held", gone_while_held },
		{ "random_commands", random_commands },
	};

	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
