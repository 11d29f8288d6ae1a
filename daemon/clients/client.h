/*
 * What the bus knows of a client: who it is, whether it may go on, what is queued for it, what it receives and
 * publishes. It has no socket and speaks no protocol: a session embeds it, and a connection embeds the session.
 *
 * Two state machines run side by side. `state` says what happens to the client's input, `out_state` to its output. Each
 * has one setter (flow.h), which also moves the client between lists.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "barrier.h"
#include "encoding.h"
#include "identity.h"
#include "outq.h"

struct channel;
struct client;
struct subscription;
struct user;

TAILQ_HEAD(client_list, client);
LIST_HEAD(subscription_list, subscription);

enum client_state {
	CLIENT_OPEN,    /* takes commands */
	CLIENT_READY,   /* goes on with its input in the next pass; on the ready list */
	CLIENT_WAITING, /* its next command waits for something, on the list of those that wait for that */
	CLIENT_CLOSING, /* takes no more commands, and is closed once its output is written */
	CLIENT_DEAD,    /* on the dead list; the end of the pass closes and frees it */
};

enum client_out_state {
	CLIENT_OUT_IDLE,
	CLIENT_OUT_RECEIVER, /* has messages to be written at the end of this pass */
	CLIENT_OUT_REPLIER,  /* has only replies to be written at the end of this pass */
	/* From here on, output has to wait: small pieces are copied. */
	CLIENT_OUT_BLOCKED, /* its socket is full */
	CLIENT_OUT_GATED,   /* its next reply waits for a barrier */
};

struct client {
	struct outq out;
	TAILQ_ENTRY(client) link; /* in the list of all */
	union {
		TAILQ_ENTRY(client) out_link; /* in the list of its out_state */
		struct barrier_waiter gate;   /* in out_state GATED */
	};
	TAILQ_ENTRY(client) in_link;
	struct client_list *in_list; /* that in_link is in, or NULL */
	uint64_t id;
	struct identity identity;
	struct user *user;
	size_t charged; /* bytes of output that the user is charged with */

	/* What it receives. */
	struct subscription_list subscriptions;
	uint64_t delivered; /* messages queued for it */
	uint32_t n_channels, n_patterns, n_shards;

	/* When its peer last read something, or had nothing to read: the low half of flow.now_ms. */
	uint32_t progress_ms;

	uint64_t published; /* messages */
	/* What publishes_to_own and publish_allowed are about; valid while members_generation is `generation`. */
	struct {
		const struct channel *channel;
		uint64_t generation;
	} last_published;

	uint32_t created_s, active_s; /* when it came, and last did something; seconds since the daemon started */
	uint8_t state;
	uint8_t out_state;
	uint8_t encoding : 6;  /* enum encoding: how messages are written for it */
	bool has_replays : 1;  /* gets messages from the store for now, see bus/replay.h */
	bool has_party : 1;    /* calls or serves services, see party_find() */
	uint8_t wanted;        /* for the owner of the socket: the events that it waits for there */
	bool clogged : 1;      /* has too much output unsent, see output-limit.h */
	bool held_up : 1;      /* has too many replies that wait for a commit: gets no more for now, but clogs nobody */
	bool drained : 1;      /* was clogged and is not any more: a report of what it missed is due */
	bool is_slow : 1;      /* is disconnected if it is still clogged after the next write; or was, for that */
	bool has_missed : 1;   /* messages that no report has told it of yet */
	bool wants_missed : 1; /* is subscribed to PROTOCOL_MISSED */
	bool is_readable : 1;  /* for the owner of the socket: it waits for its turn to be read */
	bool is_tap : 1;       /* gets a notice of every message (tap.h) */
	bool is_marked : 1;    /* set only while routing.c looks for clients that receive a channel twice */
	bool is_hidden : 1;    /* a socket of udsd's own: not counted as a client, and shown to nobody */
	bool hurried : 1;      /* its messages are published at once, whoever is clogged */
	bool has_waited : 1;   /* has been on flow.untried for the message that it publishes next */
	bool skips_own : 1;    /* its replies do not wait for receivers of its own process */
	/* Of last_published.channel: one of its receivers is the client's own, see client_is_own(); the client may
	 * publish to it. */
	bool publishes_to_own : 1, publish_allowed : 1;
	bool publishes_plainly : 1; /* it may publish, and the message is not stored */
	uint16_t wait_receivers;    /* when it publishes to a channel with fewer receivers, it waits for more */
};

static inline bool
client_is_subscribed(const struct client *c)
{
	return !LIST_EMPTY(&c->subscriptions);
}

/* Whether it gets no further replies for now, and so is not read from. */
static inline bool
client_is_stalled(const struct client *c)
{
	return c->clogged || c->held_up;
}

static inline bool
client_is_live(const struct client *c)
{
	return c->state < CLIENT_CLOSING;
}

/*
 * Whether a message of the publisher goes to the publisher itself, or to another client of its process and the
 * publisher has said that it skips those. The pid alone does not tell who reads: it is that of the process that
 * connected, and a child may have taken over the socket since.
 */
static inline bool
client_is_own(const struct client *publisher, const struct client *receiver)
{
	return publisher == receiver || (publisher->skips_own && publisher->identity.pid != 0 &&
	                                 publisher->identity.pid == receiver->identity.pid);
}

/* Otherwise it speaks RESP2, or no RESP at all. */
static inline bool
client_is_resp3(const struct client *c)
{
	return c->encoding == ENCODING_RESP3;
}
