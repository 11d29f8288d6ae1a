/*
 * Replays: receivers of a channel that get its messages from the store for now, since they want earlier ones, or had
 * too much output when one was published. Meanwhile the channel is not delivered to them, and nobody waits for them.
 * replay-turns.h gives them their messages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channel.h"
#include "hashtable.h"
#include "siphash.h"
#include "stream-id.h"

struct flow;

/* A place in a stream. */
struct replay_place {
	struct stream_id at; /* the entry before it */
	uint64_t number;     /* how many entries were ever added up to there; UINT64_MAX: not known */
	uint64_t stream_no;  /* of the stream; 0: there was none */
};

enum replay_state {
	REPLAY_READY,   /* gets more when it is its turn */
	REPLAY_WRITING, /* what it got is not written yet */
	REPLAY_COLD,    /* the next block is fetched */
	REPLAY_QUEUED,  /* it has to be, after those of others */
};

/* Of one client, and of one way that leads from the channel to it. */
struct replay {
	struct hashtable_node node;    /* in replays.table, by client, channel and pattern */
	TAILQ_ENTRY(replay) link;      /* of replays.ready, cold or queued */
	TAILQ_ENTRY(replay) of_client; /* the one whose turn is next first */
	struct replay_set *set;        /* of the client */
	struct client *client;
	struct channel *channel;
	const struct pattern *pattern; /* NULL: it is subscribed to the channel by name */
	uint8_t state;                 /* enum replay_state */
	bool is_slow;                  /* the client was slow; it has not asked for earlier messages */
	struct replay_place place;     /* up to here it has got all */
	struct stream_id next;         /* where to look for the next entry: in its own block, if that is known */
	uint32_t head_len;
	uint8_t head[]; /* of each message, as for RESP2 */
};

TAILQ_HEAD(replay_list, replay);

/* Of one client that has_replays. */
struct replay_set {
	struct hashtable_node node; /* in replays.sets; its hash is the id of the client */
	struct replay_list list;
	size_t n;
};

struct replays {
	struct flow *flow;
	struct siphash_key key;
	struct hashtable table; /* of all */
	struct hashtable sets;
	struct replay_list ready, cold, queued;
	size_t n_cold;
	uint64_t fetched; /* streams.fetched when the cold ones were looked at */
	/* The time that they may take, see replay-turns.c: nanoseconds, and of CLOCK_MONOTONIC. */
	int64_t credit_ns;
	uint64_t last_ns, busy_until_ns;
	uint64_t bytes_in; /* stats.bytes_in at last_ns */
};

void replays_init(struct replays *replays, struct flow *flow);
/* All must have ended. */
void replays_deinit(struct replays *replays);

/* The replay of that way, or NULL. pattern: NULL for the name. */
struct replay *replay_find(const struct client *c, const struct channel *channel, const struct pattern *pattern);

/*
 * From now on the client gets the channel's messages from the store, behind that place. No such replay may exist.
 * Returns NULL without memory, or if the user has as many subscriptions as they may: one through a pattern counts as
 * such.
 */
struct replay *replay_begin(struct replays *replays, struct client *c, struct channel *channel,
                            const struct pattern *pattern, struct replay_place from);

/* From now on it gets what is published. No batch of the channel may be open that has messages which it got. */
void replay_end(struct replays *replays, struct replay *replay);

/* Ends those of a subscription that ends: to the channel, or to the pattern if the channel is NULL. */
void replays_end_for(struct replays *replays, struct client *c, const struct channel *channel,
                     const struct pattern *pattern);

void replay_set_state(struct replays *replays, struct replay *replay, enum replay_state state);

/* Those of the client, or NULL if it has none. */
struct replay_set *replays_of(const struct replays *replays, const struct client *c);
/* How many it has. */
size_t replays_count(const struct replays *replays, const struct client *c);

/* Whether what the client gets from replays is written. */
bool replay_has_room(const struct client *c);

/* Call when the output of a client with replays was written: lets the next one have its turn, if there is room. */
void replays_flushed(struct replays *replays, struct client *c);
