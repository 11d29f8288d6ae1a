/* A received message, and its form in JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "protocol.h"

struct buf;
struct entry;

struct message {
	struct slice channel;
	struct slice pattern; /* that matched; p is NULL if the subscription names the channel */
	struct slice payload;
	struct slice id;            /* of the entry of a stream; p is NULL for a message of a channel */
	const struct entry *fields; /* of an entry that is no message: the payload is its fields as JSON; else NULL */
	struct timespec time;       /* when it was read; of an entry: when it was added, by its ID */
	uint64_t number;            /* of this run of udsctl, from 1 on */
};

/* Room for a time as text, with its NUL. */
#define MESSAGE_TIME_MAX ((size_t)128)

/*
 * Writes the time in ISO 8601 with microseconds: in UTC with "Z", or local with the offset from UTC. Returns its
 * length.
 */
size_t message_format_time(const struct timespec *time, bool utc, char text[MESSAGE_TIME_MAX]);

/* Appends the text; clean: with "?" for each control character but tab and newline. */
void message_put_text(struct slice text, bool clean, struct buf *b);

/* Appends the payload as a JSON string, with U+FFFD for each byte that is not UTF-8. */
void message_put_string(struct slice payload, struct buf *b);

/* Appends a JSON object. Texts that are not UTF-8 are in base64, under KEY_base64. */
void message_put_json(const struct message *m, struct buf *b);

/* Likewise, for a notice that the daemon dropped `missed` messages of the channel; "*": of other channels. */
void message_put_missed_json(uint64_t missed, struct slice channel, const struct timespec *time, struct buf *b);
