/*
 * What the bus knows of a client: who it is, whether it may go on, what is queued for it, what it receives and what it
 * publishes. It has no socket and speaks no protocol: a session embeds it, and a connection that.
 *
 * Two state machines run in it. `state` says what becomes of its input, `out_state` where its output stands. Each has
 * one setter (flow.h), which also moves the client between lists.
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
	CLIENT_READY,   /* has whole commands left over from an earlier pass; on the ready list */
	CLIENT_WAITING, /* its next command waits, on a channel's list or the throttled list */
	CLIENT_CLOSING, /* takes no more commands, and is closed once its output is written */
	CLIENT_DEAD,    /* on the dead list until the end of the pass */
};

enum client_out_state {
	CLIENT_OUT_IDLE,
	CLIENT_OUT_RECEIVER, /* has messages to be written at the end of this pass */
	CLIENT_OUT_REPLIER,  /* has only replies to be written at the end of this pass */
	/* From here on it waits for others. */
	CLIENT_OUT_BLOCKED, /* its socket is full */
	CLIENT_OUT_GATED,   /* its next reply waits for a barrier */
};

struct client {
	struct outq out;
	TAILQ_ENTRY(client) link; /* in the list of all */
	union {
		TAILQ_ENTRY(client) out_link; /* by out_state */
		struct barrier_waiter gate;   /* in state GATED; zeroed when that begins */
	};
	TAILQ_ENTRY(client) in_link;
	struct client_list *in_list; /* that in_link is in, or NULL */
	uint64_t id;
	struct identity identity;
	struct user *user; /* his quota */
	size_t charged;    /* to it for output */

	/* What it receives. */
	struct subscription_list subscriptions;
	uint64_t delivered; /* messages queued for it */
	uint32_t n_channels, n_patterns, n_shards;

	/* When its peer last took something, or had nothing to take: the low half of now_ms. */
	uint32_t progress_ms;

	/*
	 * What it publishes. publishes_to_own: a receiver of `channel` is of this process; publish_allowed: this may
	 * publish to it; as of `generation`.
	 */
	uint64_t published; /* messages */
	struct {
		const struct channel *channel;
		uint64_t generation;
	} last_published;

	uint32_t created_s, active_s; /* when it came, and last did something; seconds since the start */
	uint8_t state;
	uint8_t out_state;
	uint8_t encoding;       /* enum encoding: of the messages that it gets */
	uint8_t wanted;         /* for whoever owns the socket: what it waits for there */
	bool clogged : 1;       /* more output unsent than queue_limit, and not yet below half again */
	bool drained : 1;       /* was clogged, and is to be told what it missed */
	bool is_slow : 1;       /* and is disconnected for it, or will be, see flow_disconnect_slow() */
	bool has_missed : 1;    /* messages that it has not been told of */
	bool wants_missed : 1;  /* is subscribed to what tells of them */
	bool is_tap : 1;        /* is told of all messages */
	bool is_marked : 1;     /* set only while channel.c looks for who receives a channel twice */
	bool is_hidden : 1;     /* stands for no client: it is not counted as one, and nobody may see it */
	bool hurried : 1;       /* what it publishes waits for nobody */
	bool has_waited : 1;    /* on flow.untried, for the message that it publishes next */
	bool wait_receiver : 1; /* it waits for receivers where there are none */
	bool publishes_to_own : 1, publish_allowed : 1; /* see last_published */
};

static inline bool
client_is_subscribed(const struct client *c)
{
	return !LIST_EMPTY(&c->subscriptions);
}

static inline bool
client_is_live(const struct client *c)
{
	return c->state < CLIENT_CLOSING;
}

/* Whether both belong to one process, as far as the kernel tells. */
static inline bool
client_is_own(const struct client *a, const struct client *b)
{
	return a == b || (a->identity.pid != 0 && a->identity.pid == b->identity.pid);
}

/* Whether it speaks RESP3; RESP2 otherwise, if it speaks RESP at all. */
static inline bool
client_is_resp3(const struct client *c)
{
	return c->encoding == ENCODING_RESP3;
}
