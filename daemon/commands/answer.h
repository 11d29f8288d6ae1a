/*
 * An answer whose length is not known before it is made, such as the entries of a range: it is built in memory of its
 * own and queued when it is whole. Each function that adds to it charges the work. Without memory for it, what is added
 * is dropped, and answer_send() ends the client as the functions of reply.h do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessions.h"
#include "stream.h"

struct answer {
	struct bus *bus;
	struct session *s;
	struct chunk *out; /* or NULL: there was no memory */
};

void answer_begin(struct answer *answer, struct bus *bus, struct session *s);

/* Bytes so far. */
size_t answer_bytes(const struct answer *answer);

/* Whether it is so long that the client should ask for less: queue_limit. */
bool answer_is_too_long(const struct answer *answer);

void answer_array(struct answer *answer, size_t n);
void answer_map(struct answer *answer, size_t n);
void answer_integer(struct answer *answer, int64_t value);
void answer_bulk(struct answer *answer, struct slice data);
void answer_text(struct answer *answer, const char *text);
void answer_null(struct answer *answer);
void answer_null_array(struct answer *answer); /* RESP2 tells it from answer_null() */
void answer_id(struct answer *answer, struct stream_id id);
/* An entry as XRANGE shows it: its id, and its fields and values. */
void answer_entry(struct answer *answer, struct stream_entry *entry);
/* Its fields and values alone. */
void answer_fields(struct answer *answer, struct stream_entry *entry);

/* An array or map inside of it whose length is known only later: opens a hole, which is closed with n elements (of a
 * map n pairs). What was opened last is closed first. */
size_t answer_open(struct answer *answer);
void answer_close_array(struct answer *answer, size_t hole, size_t n);
void answer_close_map(struct answer *answer, size_t hole, size_t n);

/* Queues it, held as reply_hold() says, and frees it. */
void answer_send(struct answer *answer);
/* Frees it without a reply, for an error reply or when the command waits. */
void answer_drop(struct answer *answer);
