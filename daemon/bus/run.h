/*
 * Publishing. Consecutive messages to one channel form the open run: they are encoded one behind the other
 * into a chunk, and when the run ends each receiver gets all of them as one span. So what a receiver costs,
 * it costs once for each run. A run ends when a message goes to another channel, when a receiver gets
 * something else, when the chunk is full, when subscriptions change, and at the end of the pass; so every
 * receiver sees everything in the order in which it was published.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "encoding.h"
#include "protocol.h"
#include "resp-encode.h"
#include "client.h"

struct barrier;
struct channel;
struct channels;
struct flow;
struct missed_table;

struct run {
	struct flow *flow;
	struct channels *channels;
	struct missed_table *missed;
	struct stream stream;
	struct stream copies;    /* what the run does not write itself: other encodings, heads of large messages */
	struct channel *channel; /* NULL: no run is open */
	struct barrier *barrier; /* counts the spans that carry the run */
	struct client *own;      /* the publisher, if receivers of its own process are not waited for; else NULL */
	uint32_t start;          /* in the stream's chunk */
	uint32_t messages, max_messages;
	/* What is written at once, one of RESP's encodings; others are made from it when the run ends. */
	uint32_t way;
	enum encoding encoding;
	struct slice head; /* of each message, as it is kept for RESP2 */
};

/* A payload so long stands in a chunk of its own, which receivers share and nobody copies. */
#define RUN_LARGE ((size_t)16 * 1024)

/* What run.own is for messages of this publisher; after publish_know(). */
static inline struct client *
run_own(struct client *publisher)
{
	return publisher->publishes_to_own ? publisher : NULL;
}

/* Whether the open run has room for one more message of payload_len bytes. */
static inline bool
run_has_room(const struct run *run, size_t payload_len)
{
	const struct chunk *chunk = run->stream.chunk;

	return payload_len < RUN_LARGE && chunk->cap - chunk->len >= run->head.len + payload_len + RESP_HEADER_MAX + 2;
}

void run_init(struct run *run, struct flow *flow, struct channels *channels, struct missed_table *missed);
void run_deinit(struct run *run);

/*
 * Gets ready for one message of payload_len bytes from the publisher to the channel, which must be up to date
 * and have receivers, and after publish_know(). The reply to it waits for run.barrier. Returns 0, or -ENOMEM
 * and then nothing is open.
 */
int run_open(struct run *run, struct client *publisher, struct channel *channel, size_t payload_len);

/* Writes what stands before a message. The heads are kept for RESP2; RESP3 differs in the first byte. */
static inline uint8_t *
run_put_head(uint8_t *p, struct slice head, enum encoding encoding)
{
	uint8_t *end = slice_put(p, head);

	if (encoding == ENCODING_RESP3)
		*p = '>';
	return end;
}

/* Writes one more message, for which there is room, at its end. Returns whether that was the last that it may have. */
static inline bool __attribute__((always_inline)) run_put(struct run *run, struct slice payload)
{
	struct chunk *chunk = run->stream.chunk;
	uint8_t *p = run_put_head(stream_end(&run->stream), run->head, run->encoding);

	p += resp_put_header((char *)p, '$', payload.len);
	p = slice_put(p, payload);
	*p++ = '\r';
	*p++ = '\n';
	chunk->len = (uint32_t)(p - chunk->data);
	return ++run->messages == run->max_messages;
}

/*
 * Adds the message that run_open() got ready for. tail: a chunk that holds "$LEN\r\n", the payload and CRLF,
 * or NULL. Returns 0, or -ENOMEM and then it was not published.
 */
int run_append(struct run *run, struct slice payload, struct chunk *tail);

/* Hands the open run, if there is one, to its receivers. */
void run_close(struct run *run);
