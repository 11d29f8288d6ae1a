/*
 * A bus for tests, without an event loop: the bytes that a peer sends reach the bus in reads of a chosen size, and what
 * the bus writes to the peer is collected. The hub does what the loop and the connections do otherwise.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sys/queue.h>

#include <cmocka.h>

#include "buf.h"
#include "feed.h"
#include "prng.h"
#include "protocol.h"
#include "sessions.h"

/* How much one read brings of the bytes that a peer has sent. */
enum hub_reading {
	HUB_WHOLE, /* as much as the read buffer holds */
	HUB_BYTES, /* a single byte */
	HUB_SMALL, /* as HUB_WHOLE, with a buffer of 100 bytes */
	HUB_RANDOM,
};

TAILQ_HEAD(peer_list, peer);

struct peer {
	struct session session; /* first */
	struct hub *hub;
	TAILQ_ENTRY(peer) link;
	struct buf sent; /* by the peer; the bus has read sent_at bytes of it */
	size_t sent_at;
	struct buf got;               /* what the bus wrote to it and no test has checked yet */
	const struct feed_plan *plan; /* for a peer that does not speak RESP; or NULL */
	bool has_ended;               /* it sends no more, which the bus hears once it has read everything */
	bool is_full;                 /* its socket takes nothing now */
	bool is_closed;               /* by the bus; the session no longer exists */
	int fds[2];                   /* a socket of its own, which only peer_take() reads; or -1 */
};

struct hub {
	union {
		struct sessions sessions;
		struct bus bus; /* its first member */
	};
	struct peer_list peers;
	void (*on_bus)(bool begins);           /* called before and after the bus works; or NULL */
	void (*on_written)(struct peer *peer); /* called after a peer's queue was written; or NULL */
	bool may_refuse; /* peer_new() may fail for lack of memory; the peer is closed from the start then */
	enum hub_reading reading;
	uint64_t seed;
	struct prng prng;
	uint8_t *buffer;
	size_t buffer_size;
	int fds[2];
};

void hub_init(struct hub *hub, enum hub_reading reading, uint64_t seed);

/* From now on every message takes several passes: the search for its matches, and its delivery. */
void hub_make_wide(struct hub *hub);

/* Closes all peers; the bus must be left with nothing. */
void hub_deinit(struct hub *hub);

/* Lets the bus read once from the peer, if it accepts input now. Returns whether it did. */
bool hub_read(struct peer *peer);

/* Likewise, but at most max bytes, whatever hub.reading says. */
bool hub_read_some(struct peer *peer, size_t max);

/* Ends a pass. */
void hub_end_pass(struct hub *hub);

/* Reads and ends passes until nothing is left to do. */
void hub_settle(struct hub *hub);

/* A peer of root, or an anonymous one if pid is 0. */
struct peer *peer_new(struct hub *hub, pid_t pid);
struct peer *peer_new_as(struct hub *hub, const struct identity *identity);

/* A peer that does not speak RESP. */
struct peer *peer_new_feed(struct hub *hub, pid_t pid, const struct feed_plan *plan);

/* The peer sends no more. */
void peer_end(struct peer *peer);

/* From now on it is written to through a socket with a small buffer. */
void peer_use_small_socket(struct peer *peer);

/* Reads at most max bytes from the peer's own socket, and lets the bus go on writing. Returns how many. */
size_t peer_take(struct peer *peer, size_t max);

/* The peer's socket is full from now on, or takes everything again. */
void peer_set_full(struct peer *peer, bool is_full);

/* The connection breaks: as if its socket reported an error. */
void peer_break(struct peer *peer);

void peer_send(struct peer *peer, const void *data, size_t len);
void peer_say(struct peer *peer, const char *text);

/* Sends a command as an array of bulk strings. */
void peer_send_command(struct peer *peer, const struct slice *argv, size_t argc);
void peer_publish(struct peer *peer, const char *channel, struct slice payload);

/* Expects that the peer got exactly these bytes, and discards them. */
void peer_expect(struct peer *peer, const void *data, size_t len);
void peer_expect_text(struct peer *peer, const char *text);

/* Likewise; frees the expected bytes. */
void peer_expect_buf(struct peer *peer, struct buf *expected);

/* The text n times. */
void peer_expect_repeated(struct peer *peer, const char *text, size_t n);

/* Sends the text, settles, and expects the answer. */
void peer_ask(struct peer *peer, const char *text, const char *answer);

/* A rule at the end of a list. publish and subscribe: principals, or NULL for everybody. */
struct access_rule *rules_add(struct access_rules *rules, const char *glob, const char *publish, const char *subscribe,
                              enum slow_policy slow);

/* Frees all rules of the list. */
void rules_clear(struct access_rules *rules);

/* Likewise, after the bus has stopped using them. */
void hub_drop_rules(struct hub *hub, struct access_rules *rules);

/* A conversation of peers with a bus. */
struct conversation {
	const char *name;
	void (*hold)(struct hub *hub);
};

#define CONVERSATIONS_MAX 64

/*
 * Runs each conversation as a test: several times, each time with a new bus and with the peers' bytes cut into other
 * reads. Returns the number of failed tests.
 */
int hub_hold_all(const struct conversation *conversations, size_t n);

/* A slice of a text without its NUL. */

/* Appends a bulk string, or a message as a receiver gets it. pattern: NULL for a subscription of the channel. */
void put_bulk(struct buf *b, struct slice data);
void put_text(struct buf *b, const char *text);
void put_message(struct buf *b, bool resp3, const char *pattern, struct slice channel, struct slice payload);

/* A payload of len bytes in which every byte value occurs, if it is long enough. The caller frees it. */
uint8_t *make_payload(size_t len);
