/*
 * The whole bus: several clients send the text of the input, and events happen in between. The first byte chooses
 * limits. The other bytes are text that the current client sends, except that 0xff introduces an event:
 *
 *   0 to 5  chooses the current client (see `identities`)  n    a new client takes its place
 *   |       the bus reads what it has sent                 p    the pass ends
 *   f g     its socket is full, or takes everything again  h N  it takes 8 * N bytes more
 *   w       the bus writes to it in small portions         k    its connection turns out broken
 *   b       writing to it fails                            q    it stops sending
 *   c N     N seconds pass                                 t    the loop's tick
 *   m N     an allocation fails after N others             l    max_message is lowered, or raised again
 *   x N     repeats the byte before 2^(N & 15) times       ff   the byte 0xff
 *
 * At the end no client may be stuck and nothing may be left behind. The output of each client must be replies of its
 * protocol. If no command had to wait, the output must also be the same when the bus reads the text in other pieces, in
 * passes of other lengths.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_SLOTS 6
#define SENT_MAX ((size_t)192 * 1024) /* in all */
#define PEERS_MAX 24

static const struct {
	pid_t pid;
	uid_t uid;
} identities[N_SLOTS] = { { 10, 0 }, { 10, 0 }, { 20, 1000 }, { 30, 1000 }, { 0, 0 }, { 40, 65534 } };

/* How the bus reads the text. */
enum reading {
	AS_WRITTEN,
	BY_TURNS, /* all that a client sends in one turn in one read; then the pass ends */
	BY_BYTES, /* one byte in each read and each pass */
};

struct play {
	struct host host;
	enum reading reading;
	struct peer *slots[N_SLOTS], *current;
	int slot;
	size_t n_peers, n_sent;
	bool differs; /* an event has happened whose time depends on the way of reading */
};

static void
play_take_slot(struct play *play, int slot, bool is_new)
{
	play->slot = slot;
	if (play->slots[slot] && is_new)
		host_kill(play->slots[slot]);
	if ((!play->slots[slot] || is_new) && play->n_peers < PEERS_MAX) {
		play->slots[slot] = host_add(&play->host, identities[slot].pid, identities[slot].uid);
		play->n_peers++;
	}
	play->current = play->slots[slot];
	if (!play->current)
		play->current = play->slots[play->slot = 0];
}

/* The bus reads what the current client has sent so far. */
static void
play_end_turn(struct play *play)
{
	struct peer *peer = play->current;
	size_t len = peer->sent.len;

	if (play->reading != BY_BYTES) {
		host_read(peer, SIZE_MAX);
		if (play->reading == BY_TURNS)
			host_pass(&play->host);
		return;
	}
	for (size_t at = peer->sent_at; at < len && peer->socket; at++) {
		peer->sent.len = at + 1;
		host_read(peer, 1);
		host_pass(&play->host);
	}
	peer->sent.len = len;
}

static void
play_say(struct play *play, uint8_t c, size_t times)
{
	struct peer *peer = play->current;

	if (times > SENT_MAX - play->n_sent)
		times = SENT_MAX - play->n_sent;
	if (times == 0)
		return;
	play->n_sent += times;
	assert(buf_reserve(&peer->sent, times) == 0);
	memset(peer->sent.data + peer->sent.len, c, times);
	peer->sent.len += times;
}

/* Events that must not change the output. */
static void
play_change_pace(struct play *play, uint8_t action, uint8_t n)
{
	struct peer *peer = play->current;

	switch (action) {
	case '|':
		play_end_turn(play);
		break;
	case 'p':
		play_end_turn(play);
		host_pass(&play->host);
		break;
	case 'f':
		peer->room = 0;
		break;
	case 'g':
		peer->room = SIZE_MAX;
		break;
	case 'h':
		peer->room = (peer->room == SIZE_MAX ? 0 : peer->room) + 8 * n;
		break;
	case 'w':
		peer->budget = 20;
		break;
	case 't':
		play_end_turn(play);
		host_tick(&play->host);
		break;
	}
}

static void
play_act(struct play *play, uint8_t action, uint8_t n)
{
	struct peer *peer = play->current;

	switch (action) {
	case '0' ... '5':
		play_end_turn(play);
		play_take_slot(play, action - '0', false);
		break;
	case 'n':
		play_end_turn(play);
		play_take_slot(play, play->slot, true);
		break;
	case 'k':
		play_end_turn(play);
		host_kill(peer);
		break;
	case 'q':
		play_end_turn(play);
		host_finish(peer);
		break;
	case 'c':
		play_end_turn(play);
		play->host.clock_ms += n * UINT64_C(1000);
		break;
	case 'b':
		play_end_turn(play);
		peer->is_broken = true;
		play->differs = true;
		break;
	case 'm':
		play_end_turn(play);
		host_fail_allocation(&play->host, n);
		play->differs = true;
		break;
	case 'l':
		play_end_turn(play);
		play->host.bus.flow.limits.max_message ^= 40000 ^ 1000;
		play->differs = true;
		break;
	case 'x':
		if (peer->sent.len > 0)
			play_say(play, peer->sent.data[peer->sent.len - 1], (size_t)1 << (n & 15));
		break;
	case 0xff:
		play_say(play, 0xff, 1);
		break;
	default:
		if (play->reading == AS_WRITTEN)
			play_change_pace(play, action, n);
	}
}

static void
play_run(struct play *play, enum reading reading, const uint8_t *data, size_t size)
{
	*play = (struct play){ .reading = reading };
	host_init(&play->host, data[0] & 1 ? 2000 : 1 << 20, 40000);
	TAILQ_INIT(&play->host.peers);
	play_take_slot(play, 0, false);
	for (size_t i = 1; i < size; i++) {
		uint8_t action, n = 0;

		if (data[i] != 0xff) {
			play_say(play, data[i], 1);
			continue;
		}
		if (++i == size)
			break;
		action = data[i];
		if (strchr("hcmx", action) && action && i + 1 < size)
			n = data[++i];
		play_act(play, action, n);
	}
	play_end_turn(play);
	host_settle(&play->host);
}

static bool
play_mentions(const struct buf *b, const char *word)
{
	return b->len > 0 && memmem(b->data, b->len, word, strlen(word));
}

/* Whether the peer may have sent one of these words, which are in lower case. */
static bool
play_may_have_said(const struct peer *peer, const char *const *words)
{
	struct buf lower = { 0 };
	bool said;

	assert(buf_append(&lower, peer->sent.data, peer->sent.len) == 0);
	for (size_t i = 0; i < lower.len; i++)
		lower.data[i] |= 0x20;
	said = play_mentions(&lower, "|x"); /* an escape: with that bit, a backslash is a bar */
	for (; *words; words++)
		said |= play_mentions(&lower, *words);
	buf_deinit(&lower);
	return said;
}

/* A client of RESP2 must not get types of RESP3. *resp3 follows the replies to HELLO and RESET. */
static void
play_check_version(const struct resp_reply *r, bool *resp3)
{
	const struct resp_node *first = &r->nodes[0];

	if (first->type == RESP_MAP && r->count > 1 && resp_node_is(&r->nodes[1], "server"))
		*resp3 = true;
	else if (first->type == RESP_ARRAY && r->count > 12 && resp_node_is(&r->nodes[1], "server"))
		*resp3 = false;
	for (size_t i = 0; i < r->count && !*resp3; i++)
		if (!strchr("+-:$*_", (int)r->nodes[i].type) || (r->nodes[i].type == RESP_NULL && r->nodes[i].text.p)) {
			fprintf(stderr, "type '%c' for a client of RESP2\n", (int)r->nodes[i].type);
			abort();
		}
	if (first->type == RESP_SIMPLE && resp_node_is(first, "RESET"))
		*resp3 = false;
}

/* Whether the node is certainly a message: those of RESP2 are arrays like others. */
static bool
play_is_message(const struct resp_node *node)
{
	static const char *const kinds[] = { "message", "pmessage", "smessage" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && node->type == RESP_PUSH && node->elements > 0; i++)
		if (resp_node_is(node + 1, kinds[i]))
			return true;
	/* A line for a monitor begins with the time. */
	return node->type == RESP_SIMPLE && node->text.len > 0 && node->text.p[0] >= '0' && node->text.p[0] <= '9';
}

/* A message must not be inside a reply. */
static void
play_check_order(const struct resp_reply *r)
{
	for (size_t i = 1; i < r->count; i++)
		if (play_is_message(&r->nodes[i])) {
			fprintf(stderr, "value %zu of a reply is a message\n", i);
			abort();
		}
}

/* What is known of the version of a peer's replies. */
struct version {
	bool shows, resp3;
};

static void
play_check_reply(const struct resp_reply *reply, void *arg)
{
	struct version *version = arg;

	play_check_order(reply);
	if (version->shows)
		play_check_version(reply, &version->resp3);
}

/* The output must be whole replies. */
static void
play_check(const struct peer *peer)
{
	static const char *const words[] = { "reply", "exec", "monitor", NULL };
	/* The protocol's version is known as long as each HELLO has a reply of its own. */
	struct version version = { .shows = !play_may_have_said(peer, words) };

	/* CLIENT REPLY between MULTI and EXEC leaves out elements of EXEC's reply, as Redis does. */
	if (play_may_have_said(peer, (const char *const[]){ "reply", NULL }) &&
	    play_may_have_said(peer, (const char *const[]){ "exec", NULL }))
		return;
	host_check_replies(peer, play_check_reply, &version);
}

/* Whether the output depends on the time of a command. */
static bool
play_depends_on_time(const struct peer *peer)
{
	static const char *const told[] = { "# Memory", "# Stats",    "# Clients", "# Commandstats", "# Errorstats",
		                            "# CPU",    "# Services", "qbuf=",     "queued",         NULL };
	/* The client may have left meanwhile; a request has a time, a quota, and one of several workers. */
	static const char *const said[] = { "kill", "serve", "call", "ask", NULL };

	for (const char *const *word = told; *word; word++)
		if (play_mentions(&peer->got, *word))
			return true;
	return play_may_have_said(peer, said);
}

static void
play_check_same(const struct play *a, const struct play *b)
{
	const struct peer *x, *y;

	TAILQ_FOREACH(x, &a->host.peers, link)
		if (play_depends_on_time(x))
			return;
	TAILQ_FOREACH(y, &b->host.peers, link)
		if (play_depends_on_time(y))
			return;
	for (x = TAILQ_FIRST(&a->host.peers), y = TAILQ_FIRST(&b->host.peers); x && y;
	     x = TAILQ_NEXT(x, link), y = TAILQ_NEXT(y, link)) {
		size_t len = x->got.len < y->got.len ? x->got.len : y->got.len;

		if ((x->got.len == y->got.len || (x->was_killed && x->got.len == len) ||
		     (y->was_killed && y->got.len == len)) &&
		    (len == 0 || memcmp(x->got.data, y->got.data, len) == 0))
			continue;
		fprintf(stderr, "read as written:\n%.*s\nread in another way:\n%.*s\n", (int)x->got.len,
		        (const char *)x->got.data, (int)y->got.len, (const char *)y->got.data);
		abort();
	}
	assert(!x && !y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play as_written, other;
	const struct peer *peer;

	if (size == 0)
		return 0;
	play_run(&as_written, AS_WRITTEN, data, size);
	TAILQ_FOREACH(peer, &as_written.host.peers, link)
		play_check(peer);
	if (!as_written.differs && !as_written.host.has_waited) {
		play_run(&other, data[0] & 2 && as_written.n_sent < 4096 ? BY_BYTES : BY_TURNS, data, size);
		if (!other.host.has_waited)
			play_check_same(&as_written, &other);
		host_deinit(&other.host);
	}
	host_deinit(&as_written.host);
	return 0;
}
