/*
 * Clients that wait for entries of streams: many of them, a few streams and groups, and all that can happen in between.
 * The first byte chooses limits. Then each three bytes are one step: what happens, to whom, and a number that chooses
 * the rest.
 *
 * In the end, and at some steps, all is let go on until nothing moves. Then nobody may wait for what is there, nor for
 * a group that is not; and a worker that had hung up, when it was woken, must not have been given anything.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "group-handouts.h"
#include "host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS 12
#define PEERS_MAX 40
#define SENT_MAX ((size_t)64 * 1024)

struct slot {
	struct peer *peer;
	bool is_gone;    /* it has hung up, and nobody has noticed */
	size_t got_then; /* bytes that it had got, if it waited for a group then; else SIZE_MAX */
};

static struct play {
	struct host host;
	struct stream_rules rules;
	struct slot slots[SLOTS];
	size_t n_peers, n_sent;
	unsigned int last_id;
} play;

static bool
play_is_gone(const struct session *s)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (play.slots[i].peer && (const void *)play.slots[i].peer->socket == (const void *)s)
			return play.slots[i].is_gone;
	return false;
}

/* The session of a peer that is connected, or NULL. */
static struct session *
play_session(const struct slot *slot)
{
	return slot->peer ? (struct session *)(void *)slot->peer->socket : NULL;
}

static void __attribute__((format(printf, 2, 3))) play_say(struct slot *slot, const char *format, ...)
{
	char text[200];
	va_list ap;
	int len;

	if (!play_session(slot) || slot->is_gone || play.n_sent > SENT_MAX)
		return;
	va_start(ap, format);
	len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	assert(len > 0 && (size_t)len < sizeof(text));
	assert(buf_append(&slot->peer->sent, text, (size_t)len) == 0 && buf_append(&slot->peer->sent, "\r\n", 2) == 0);
	play.n_sent += (size_t)len;
	host_read(slot->peer, SIZE_MAX);
}

static void
play_connect(struct slot *slot)
{
	size_t i = (size_t)(slot - play.slots);

	if (play.n_peers == PEERS_MAX)
		return;
	*slot = (struct slot){ .peer = host_add(&play.host, 10 + (pid_t)i, i % 3 == 2 ? 1000 : 0) };
	play.n_peers++;
}

static void
play_kill(struct slot *slot)
{
	if (play_session(slot))
		host_kill(slot->peer);
	slot->is_gone = false;
}

/* The peer hangs up, which only the system knows until somebody asks. */
static void
play_hang_up(struct slot *slot)
{
	const struct session *s = play_session(slot);

	if (!s || slot->is_gone)
		return;
	slot->is_gone = true;
	slot->got_then = SIZE_MAX;
	if (s->info && s->info->blocked && s->info->blocked->streams[0].group > 0 && !s->info->blocked->is_awake &&
	    s->client.out.count == 0)
		slot->got_then = slot->peer->got.len;
}

/* It was given no entry: each has the field "f". */
static void
play_check_gone(const struct slot *slot)
{
	const struct buf *got = &slot->peer->got;

	if (!slot->is_gone || slot->got_then == SIZE_MAX || got->len == slot->got_then)
		return;
	assert(!memmem(got->data + slot->got_then, got->len - slot->got_then, "$1\r\nf\r\n", 7));
}

/* Whether the client, which waits, waits for something that is not there. */
static void
play_check_waiter(struct streams *streams, const struct blocked_stream *entry)
{
	struct stream *stream;
	struct stream_group *group;

	if (entry->waiting_name) {
		assert(entry->group == 0 && !streams_find(streams, entry->name));
		return;
	}
	assert(entry->list);
	if (entry->group == 0) {
		stream = streams_find(streams, entry->name);
		assert(stream && entry->list == &stream->blocked);
		assert(stream_id_cmp(stream->last, entry->after) <= 0 ||
		       stream_count_after(streams, stream, entry->after) % UINT64_MAX == 0);
		return;
	}
	stream = streams_find(streams, entry->name);
	group = stream ? group_find_no(stream, entry->group) : NULL;
	assert(group && entry->waiting_group && entry->list == &entry->waiting_group->waiters);
	if (group_is_paused(group))
		return;
	assert(!group_next_released(streams, group, STREAM_ID_MIN));
	assert(group->pending.n_entries >= stream_rule(streams, stream)->max_pending ||
	       stream_id_cmp(stream->last, group->last) <= 0 ||
	       stream_count_after(streams, stream, group->last) % UINT64_MAX == 0);
}

/* Nothing moves any more. */
static void
play_check(struct streams *streams)
{
	size_t n_blocked = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		const struct session *s = play_session(&play.slots[i]);
		const struct blocked *blocked = s && s->info ? s->info->blocked : NULL;

		play_check_gone(&play.slots[i]);
		if (!blocked)
			continue;
		n_blocked++;
		assert(s->client.state == CLIENT_WAITING && !blocked->is_over && !blocked->is_awake);
		for (size_t k = 0; k < blocked->n; k++)
			play_check_waiter(streams, &blocked->streams[k]);
	}
	assert(streams->n_blocked == n_blocked);
}

/* Lets all go on; is_end: nothing follows. */
static void
play_settle(bool is_end)
{
	struct peer *peer;

	memory_store_set_auto(play.host.streams.storage, true);
	memory_store_finish(play.host.streams.storage);
	host_settle(&play.host);
	host_look(&play.host, play_check);
	if (is_end)
		return;
	TAILQ_FOREACH(peer, &play.host.peers, link)
		if (peer->socket)
			peer->was_killed = true; /* unless it is closed in order later */
}

/* Commands with names that are chosen by the number n. */
static void
play_command(struct slot *slot, uint8_t what, uint8_t n)
{
	static const char keys[] = "abcd", groups[] = "gh";
	char key = keys[n & 3], other = keys[n >> 2 & 3], group = groups[n >> 4 & 1];
	int who = (int)(slot - play.slots), id = n % 32 + 1;

	switch (what) {
	case 0:
	case 1:
		play_say(slot, "XADD %c %u-1 f v", key, ++play.last_id);
		break;
	case 2:
		play_say(slot, "XREAD BLOCK %d STREAMS %c %s", n >> 6, key, n & 32 ? "$" : "0");
		break;
	case 3:
		play_say(slot, "XREAD BLOCK 0 STREAMS %c %c $ %d", key, other, id);
		break;
	case 4:
		play_say(slot, "XREADGROUP GROUP %c c%d BLOCK 0 STREAMS %c >", group, who % 4, key);
		break;
	case 5:
		play_say(slot, "XREADGROUP GROUP %c c%d COUNT 1 BLOCK %d %s STREAMS %c %c > >", group, who, n >> 6,
		         n & 32 ? "NOACK" : "CLAIM 20", key, other);
		break;
	case 6:
		play_say(slot, "XGROUP CREATE %c %c %s MKSTREAM", key, group, n & 32 ? "$" : "0");
		break;
	case 7:
		play_say(slot, "XGROUP DESTROY %c %c", key, group);
		break;
	case 8:
		play_say(slot, "XGROUP SETID %c %c %s", key, group, n & 32 ? "$" : "0");
		break;
	case 9:
		play_say(slot, "XGROUP DELCONSUMER %c %c c%d", key, group, n >> 5);
		break;
	case 10:
		play_say(slot, "DEL %c", key);
		break;
	case 11:
		play_say(slot, "RENAME %c %c", key, other);
		break;
	case 12:
		play_say(slot, n & 1 ? "FLUSHALL" : "PING");
		break;
	case 13:
		play_say(slot, "XDEL %c %d-1 %d-1", key, id, id + 1);
		break;
	case 14:
		play_say(slot, "XTRIM %c MAXLEN %d", key, n >> 5);
		break;
	case 15:
		play_say(slot, "XACK %c %c %d-1 %d-1", key, group, id, id + 1);
		break;
	case 16:
		play_say(slot, "XNACK %c %c FAIL IDS 1 %d-1", key, group, id);
		break;
	case 17:
		play_say(slot, "XAUTOCLAIM %c %c c%d 0 0", key, group, who);
		break;
	case 18:
		play_say(slot, "CLIENT UNBLOCK %d %s", id, n & 128 ? "ERROR" : "TIMEOUT");
		break;
	case 19:
		play_say(slot, "PEXPIRE %c %d", key, n);
		break;
	case 20:
		play_say(slot, n & 1 ? "MULTI" : "EXEC");
		break;
	case 21:
		play_say(slot, "UDSD GROUP %c %c SET paused %d", key, group, n >> 7);
		break;
	case 22:
		play_say(slot, n & 1 ? "HELLO 3" : "SUBSCRIBE x");
		break;
	case 23:
		play_say(slot, "CLIENT KILL ID %d", id);
		break;
	}
}
#define COMMANDS 24

static void
play_event(struct slot *slot, uint8_t what, uint8_t n)
{
	struct streams *streams = &play.host.streams;

	switch (what) {
	case 0:
		host_pass(&play.host);
		break;
	case 1:
		host_collect(&play.host);
		break;
	case 2: /* the disk stands still, or goes on */
		memory_store_set_auto(streams->storage, n & 1);
		if (n & 1)
			memory_store_finish(streams->storage);
		break;
	case 3:
		play.host.clock_ms += n;
		host_collect(&play.host);
		break;
	case 4:
		play_hang_up(slot);
		break;
	case 5:
		play_kill(slot);
		break;
	case 6:
		if (!play_session(slot))
			play_connect(slot);
		break;
	case 7:
		if (slot->peer)
			slot->peer->room = n & 1 ? SIZE_MAX : 8 * n;
		break;
	case 8:
		if (play_session(slot))
			host_finish(slot->peer);
		break;
	case 9:
		play_settle(false);
		break;
	}
}
#define EVENTS 10

/* The number n chooses what groups do by themselves. */
static struct stream_rule *
play_rule(uint8_t n)
{
	struct stream_rule *rule = stream_rule_new("*");

	assert(rule);
	rule->max_pending = n & 4 ? 3 : STREAM_MAX_PENDING;
	rule->max_entries = n & 32 ? 8 : 0;
	rule->delivery.redeliver_ms = n & 8 ? 30 : 0;
	rule->delivery.max_deliveries = n & 16 ? 3 : 0;
	return rule;
}

static void
play_ignore(const struct resp_reply *reply __attribute__((unused)), void *arg __attribute__((unused)))
{
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream_rule *rule;
	const struct peer *peer;

	if (size == 0)
		return 0;
	play = (struct play){ 0 };
	host_init(&play.host, 1 << 20, 40000);
	host_open_streams(&play.host, &(struct streams_limits){ .cache = data[0] & 1 ? 1 : 1 << 20,
	                                                        .queue_bytes = data[0] & 2 ? 300 : 1 << 20,
	                                                        .max_streams = 10,
	                                                        .node_entries = 2 });
	play.host.sessions.is_gone = play_is_gone;
	rule = play_rule(data[0]);
	STAILQ_INIT(&play.rules);
	STAILQ_INSERT_TAIL(&play.rules, rule, link);
	streams_set_rules(&play.host.streams, &play.rules);
	for (size_t i = 0; i < SLOTS; i++)
		play_connect(&play.slots[i]);
	for (size_t i = 1; i + 2 < size; i += 3) {
		struct slot *slot = &play.slots[data[i + 1] % SLOTS];
		uint8_t what = data[i] % (COMMANDS + EVENTS);

		if (what < COMMANDS)
			play_command(slot, what, data[i + 2]);
		else
			play_event(slot, what - COMMANDS, data[i + 2]);
	}
	play_settle(true);
	TAILQ_FOREACH(peer, &play.host.peers, link)
		host_check_replies(peer, play_ignore, NULL);
	host_deinit(&play.host);
	free(rule);
	return 0;
}
