/* A message that was received, and what udsctl recv tells of it beside its payload. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "protocol.h"

struct buf;

struct message {
	struct slice channel;
	struct slice pattern; /* it came by; p is NULL where it came by its channel's name */
	struct slice payload;
	struct timespec time; /* when it was read */
	uint64_t number;      /* from 1 on */
};

/* Room for a time as text. */
#define MESSAGE_TIME_MAX ((size_t)128)

/*
 * Writes the time in ISO 8601 with microseconds: in UTC with a Z, or local with its distance from UTC.
 * Returns its length without the NUL.
 */
size_t message_format_time(const struct timespec *time, bool utc, char text[MESSAGE_TIME_MAX]);

/* Appends the payload as a string of JSON, with U+FFFD for each byte that is not UTF-8. */
void message_put_string(struct slice payload, struct buf *b);

/* Appends an object of JSON. */
void message_put_json(const struct message *m, struct buf *b);

/* The same of a notice that `missed` messages of the channel, or with "*" of further channels, did not come. */
void message_put_missed_json(uint64_t missed, struct slice channel, const struct timespec *time, struct buf *b);
