/*
 * The open batch: consecutive messages to one channel, which each receiver gets as a single span of output. A batch
 * ends when a message goes to another channel, before a receiver gets anything else, when its chunk is full, before
 * subscriptions change, and at the end of the pass.
 *
 * A batch is wide if it goes to so many receivers that delivering it takes longer than a turn. Then it is delivered in
 * portions, in as many passes as it takes, while flow.is_wide makes all wait who could notice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "client.h"
#include "encoding.h"
#include "protocol.h"
#include "replay.h"
#include "resp-encode.h"

struct barrier;
struct channel;
struct flow;
struct missed_table;
struct routing;

/* Messages, or a part of a large one, in one form: for one way and one encoding. */
struct piece {
	struct chunk *chunk;
	size_t offset, len;
};

/* What is delivered of a batch that is closed, and which receivers are next. */
struct delivery {
	struct channel *channel; /* NULL: nothing is delivered */
	struct chunk *tail;      /* see batch_append(); or NULL */
	struct piece written;    /* otherwise the messages, in the form in which they were written */
	uint32_t messages;
	uint32_t way, encoding, i; /* the next receiver: in the set of that way, and only those of this encoding */
	bool has_pieces;           /* the form for these is made */
	struct piece pieces[2];    /* of a batch the second one only */
};

struct batch {
	struct flow *flow;
	struct routing *routing;
	struct missed_table *missed;
	struct replays *replays;
	struct writer writer;    /* the messages of the batch, in the form below */
	struct writer copies;    /* the same in other forms, and heads of large messages */
	struct channel *channel; /* NULL: no batch is open */
	struct delivery delivery;
	struct barrier *barrier; /* counts the spans that carry the batch, and the delivery */
	struct user *payer;      /* the user of the publisher */
	bool is_wide;
	struct client *own; /* the publisher, if it has receivers of its own, for which nobody waits; else NULL */
	struct replay_place stored_before; /* if it is stored: the last entry of the stream before its first message */
	uint32_t start;                    /* offset of the batch in writer.chunk */
	uint32_t messages, max_messages;
	uint32_t large_from; /* of the channel; a message of this length is no part of a batch */
	/* The form in which messages are written at once: for receivers by one way, in RESP2 or RESP3. */
	uint32_t way;
	enum encoding encoding;
	struct slice head; /* of each message, as for RESP2 */
};

/* batch.own for messages of this publisher. Its publishes_to_own must be up to date. */
static inline struct client *
batch_own(struct client *publisher)
{
	return publisher->publishes_to_own ? publisher : NULL;
}

/* Whether the open batch has room for one more message of payload_len bytes. */
static inline bool
batch_has_room(const struct batch *batch, size_t payload_len)
{
	const struct chunk *chunk = batch->writer.chunk;

	return payload_len < batch->large_from &&
	       chunk->cap - chunk->len >= batch->head.len + payload_len + RESP_HEADER_MAX + 2;
}

/* No batch is open. */
void batch_init(struct batch *batch, struct flow *flow, struct routing *routing, struct missed_table *missed,
                struct replays *replays);

/* No batch may be open. */
void batch_deinit(struct batch *batch);

/*
 * Makes room for one message of payload_len bytes, in the open batch if that fits the publisher and the channel, else
 * in a new one. The channel must be up to date and have receivers; publishes_to_own must be up to date. The reply to
 * the publisher has to wait for batch.barrier. Returns 0; or -ENOMEM, and then no batch is open.
 */
int batch_open(struct batch *batch, struct client *publisher, struct channel *channel, size_t payload_len);

/* Writes the head of a message. It is stored as for RESP2; RESP3 differs only in the first byte. Returns its end. */
static inline uint8_t *
batch_put_head(uint8_t *p, struct slice head, enum encoding encoding)
{
	uint8_t *end = slice_put(p, head);

	if (encoding == ENCODING_RESP3)
		*p = '>';
	return end;
}

/* Writes a message for which there is room. Returns whether the batch is full now and has to be closed. */
static inline bool __attribute__((always_inline)) batch_put(struct batch *batch, struct slice payload)
{
	struct chunk *chunk = batch->writer.chunk;
	uint8_t *p = batch_put_head(writer_end(&batch->writer), batch->head, batch->encoding);

	p += resp_put_header((char *)p, '$', payload.len);
	p = slice_put(p, payload);
	*p++ = '\r';
	*p++ = '\n';
	chunk->len = (uint32_t)(p - chunk->data);
	return ++batch->messages == batch->max_messages;
}

/*
 * Adds the message that batch_open() made room for. tail: a chunk with the payload as a bulk string ("$LEN\r\n",
 * payload, CRLF), which a large message then shares; or NULL. Returns 0; or -ENOMEM, and then it was not published.
 */
int batch_append(struct batch *batch, struct slice payload, struct chunk *tail);

/* Queues the open batch for its receivers and ends it. Afterwards none is open or delivered. */
void batch_close(struct batch *batch);

/* As batch_close(), but if it is wide, batch_advance() delivers it. */
void batch_send(struct batch *batch);

/* Delivers what batch_send() has left, until work.done is `end`. Returns whether that is all. */
bool batch_advance(struct batch *batch, uint64_t end);

/* Whether the batch that is open or delivered is wide. */
static inline bool
batch_is_wide(const struct batch *batch)
{
	return batch->is_wide && (batch->channel || batch->delivery.channel);
}
