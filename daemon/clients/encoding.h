/*
 * How messages are written for a receiver: as one of RESP's versions, or, where a listener delivers to clients that
 * do not speak RESP, a line each, or with their length before them.
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

/* The bytes that an encoding takes beside the payload; of those that are not RESP. */
#define ENCODING_LENGTH_SIZE ((size_t)4)

/* Writes the length that stands before a payload. */
void encoding_put_length(uint8_t *out, size_t len);

/* Writes a message as LINE or LENGTH; out has room for ENCODING_LENGTH_SIZE bytes more. Returns how many bytes. */
size_t encoding_put(enum encoding encoding, uint8_t *out, struct slice payload);
