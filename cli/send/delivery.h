/*
 * Messages on their way to the daemon: from the queue to the socket, and out of the queue when their answers come.
 * Answers come in the order of the messages, so the first in the queue is always the one that the next answer belongs
 * to. After the loss of a connection all that is left in the queue is sent again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "buf.h"
#include "client.h"
#include "frame.h"
#include "protocol.h"
#include "sendq.h"

struct loop;

struct delivery_options {
	struct addr_list addr;
	uint16_t wait_receivers; /* messages wait for so many; 0: for none */
	/* The stream that is to know for long what it has, see UDSD IDMP; or NULL. Must outlive the delivery. */
	const char *remember;
};

struct delivery_ops {
	/* The next n messages were answered. */
	void (*answered)(void *arg, uint64_t n);
	/* The next messages were stored, with these ids (see answers_next_id()); answered() follows. */
	void (*stored)(void *arg, struct slice id_bytes);
	/* The next message, of `size` bytes, was refused, and is not sent again. */
	void (*refused)(void *arg, const struct slice *text, uint64_t size);
	/*
	 * Connected again. Returns how many ms the first message waits at most until as many receivers are there as the
	 * last answer counted: after a restart of the daemon they come back like this process. 0: not at all.
	 */
	uint64_t (*rejoin)(void *arg);
	/* Something has changed: call delivery_write(). */
	void (*moved)(void *arg);
};

/* The owner reads, but changes nothing. */
struct delivery {
	struct loop *loop;
	const struct delivery_ops *ops;
	void *arg;
	struct delivery_options options;
	struct client *client;
	struct sendq queue;
	struct frame frame;

	struct buf greeting;    /* of this connection */
	unsigned int greetings; /* commands of it that are not answered */
	bool is_bus;            /* something was answered as a bus answers */
	bool no_rejoin;         /* the daemon does not know that */
	char refusal[256];      /* why messages are sent again later, like a full store; else empty */
	bool has_dropped;       /* since the last connect: the connection, to send what was refused again */
	uint64_t dropped;       /* connections that were given up so, and made again */
	uint64_t receivers;     /* that the last answer counted */
	uint64_t expected;      /* that the first answer of this connection should count; 0: it does not matter */
	uint64_t rejoin;        /* ms that messages wait for those, at most */
	uint64_t rejoined_at;   /* loop_now() when that is over */

	uint64_t answered, refused; /* messages */
	uint64_t unreached;         /* of those answered: that had no receiver */
	uint64_t written;           /* messages written, on all connections so far: those sent again count again */
	uint64_t written_distinct;  /* of those, different ones */
	uint64_t written_from;      /* answered + refused when the connection came up */
};

/* Connects with client_start(). */
void delivery_init(struct delivery *d, struct loop *loop, const struct delivery_options *options,
                   const struct delivery_ops *ops, void *arg);
void delivery_deinit(struct delivery *d);

/* Queues a message. */
void delivery_push(struct delivery *d, const struct item *item);

/*
 * Writes what the socket takes; before the first answer no more than one message, since a listener that never answers
 * publishes what it gets, whatever that is; nor while the store takes nothing. Never calls back.
 */
void delivery_write(struct delivery *d);

/* How often the connection was lost and made again. */
uint64_t delivery_reconnects(const struct delivery *d);

/* How many messages were written more than once. */
uint64_t delivery_repeated(struct delivery *d);

/* Why there is no answer. */
void delivery_explain(const struct delivery *d, const char *channel, char *text, size_t size);
