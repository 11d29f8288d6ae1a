/*
 * How a message is written for a receiver: in a version of RESP; or, for receivers that do not speak RESP, the bare
 * payload as a line or behind its length.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum encoding {
	ENCODING_RESP2,
	ENCODING_RESP3,
	ENCODING_LINE,   /* the payload, LF */
	ENCODING_LENGTH, /* the payload's length in 4 bytes, big-endian; the payload */
};

#define ENCODING_COUNT 4

/* Bytes of the length before a payload. LINE needs fewer beside the payload. */
#define ENCODING_LENGTH_SIZE ((size_t)4)

/* Writes the length that stands before a payload: ENCODING_LENGTH_SIZE bytes. */
void encoding_put_length(uint8_t *out, size_t len);

/* Writes a message as LINE or LENGTH: at most payload.len + ENCODING_LENGTH_SIZE bytes. Returns how many. */
size_t encoding_put(enum encoding encoding, uint8_t *out, struct slice payload);
