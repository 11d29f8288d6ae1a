/*
 * Replies in the session's version of the protocol. Without memory for a reply the session is killed. Replies to a dead
 * session, or one that has turned replies off, are dropped.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "bus.h"
#include "chunk.h"
#include "output-limit.h"
#include "output.h"
#include "protocol.h"
#include "session.h"

/* Returns space for `room` bytes of reply, or NULL if the reply is dropped. reply_commit() queues what was written. */
static inline char *__attribute__((always_inline)) reply_reserve(struct bus *bus, struct session *s, size_t room)
{
	if (s->client.state == CLIENT_DEAD || session_is_muted(s))
		return NULL;
	/* Messages published before this reply must come before it. */
	if (bus->batch.messages > 0 && client_is_subscribed(&s->client))
		batch_close(&bus->batch);
	if (writer_reserve(&bus->flow.unicast, room) < 0) {
		flow_out_of_memory(&bus->flow, &s->client);
		return NULL;
	}
	return (char *)writer_end(&bus->flow.unicast);
}

/* Queues len bytes. barrier: NULL, or what they have to wait for. */
static inline void __attribute__((always_inline))
reply_commit(struct bus *bus, struct session *s, size_t len, struct barrier *barrier)
{
	struct chunk *chunk = bus->flow.unicast.chunk;
	uint32_t offset = chunk->len;

	chunk->len += (uint32_t)len;
	/* Most replies only lengthen what is queued already. */
	if (s->client.out_state < CLIENT_OUT_BLOCKED && outq_extend(&s->client.out, chunk, offset, len, barrier, 0)) {
		if (output_limit_must_check(&bus->flow, &s->client.out))
			output_limit_check(&bus->flow, &s->client);
		return;
	}
	output_queue(&bus->flow, &s->client, chunk, offset, len, barrier, 0);
}

/* Bytes that are encoded already. */
static inline void
reply_raw(struct bus *bus, struct session *s, const void *data, size_t len)
{
	char *p = len > 0 ? reply_reserve(bus, s, len) : NULL;

	if (!p)
		return;
	memcpy(p, data, len);
	reply_commit(bus, s, len, NULL);
}

/* Bytes of a chunk that are a whole reply, or several. Few of them are copied. */
void reply_chunk(struct bus *bus, struct session *s, struct chunk *chunk, size_t offset, size_t len);

/* Likewise, but as a reference in any case, for what several clients get. */
void reply_shared(struct bus *bus, struct session *s, struct chunk *chunk, size_t offset, size_t len);

#define reply_literal(bus, s, text) reply_raw((bus), (s), (text), sizeof(text) - 1)

/* "+TEXT"; text without line ends. */
void reply_status(struct bus *bus, struct session *s, const char *text);

/* "-TEXT", where the text begins with its code ("ERR ..."). Line ends in it become blanks. Counts the error. */
void reply_error(struct bus *bus, struct session *s, const char *format, ...) __attribute__((format(printf, 3, 4)));

void reply_integer(struct bus *bus, struct session *s, uint64_t value);
void reply_integer_signed(struct bus *bus, struct session *s, int64_t value);

/* An integer that goes out when the barrier opens. */
void reply_integer_behind(struct bus *bus, struct session *s, uint64_t value, struct barrier *barrier);

void reply_bulk(struct bus *bus, struct session *s, struct slice data);
void reply_text(struct bus *bus, struct session *s, const char *text);

/* A bulk string of at most 255 bytes. */
void reply_format(struct bus *bus, struct session *s, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One key of a map with its value. */
void reply_pair(struct bus *bus, struct session *s, const char *key, const char *value);
void reply_pair_integer(struct bus *bus, struct session *s, const char *key, int64_t value);

/* Text for people: a bulk string in RESP2, a verbatim string in RESP3. */
void reply_verbatim(struct bus *bus, struct session *s, struct slice text);

void reply_null(struct bus *bus, struct session *s);
void reply_null_array(struct bus *bus, struct session *s); /* RESP2 tells it from reply_null() */

/*
 * From now on, what the running command replies with the functions of reply.c that are not inline waits for the barrier
 * (NULL: for none). A command that holds its reply calls reply_hold(bus, NULL) before its handler returns. What follows
 * in the queue comes later in any case.
 *
 * Messages overtake a reply that waits for a commit, and then come before the first byte that is held. So a command
 * holds all of its reply, from the first byte on, with one barrier (barrier_later() finds it, if there are several);
 * and replies all of it in one turn.
 */
void reply_hold(struct bus *bus, struct barrier *barrier);

/* Headers: the caller replies n elements afterwards, of a map n pairs. */
void reply_array(struct bus *bus, struct session *s, size_t n);
void reply_map(struct bus *bus, struct session *s, size_t n);
void reply_set(struct bus *bus, struct session *s, size_t n);

/* Confirms a subscription or its end. Goes out even where CLIENT REPLY has turned replies off. name: NULL for none. */
void reply_confirmation(struct bus *bus, struct session *s, const char *what, const struct slice *name, uint64_t count);
