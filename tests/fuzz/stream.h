/*
 * A stream of bytes that arrives in pieces, made from a fuzzer's input. 0xff is an escape:
 *
 *   ff ff      the byte 0xff
 *   ff 80..ef  repeats the byte before, 2^(low three bits) times
 *   ff f0..fe  likewise, 2^(low four bits) times
 *   ff         before any other byte: a piece ends here
 *
 * So text stays text, and a mutation can move the end of a piece or make a long string of a short one.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Longer than PROTOCOL_LINE_MAX, so that a line can be too long. */
#define STREAM_MAX ((size_t)80 * 1024)
#define STREAM_PIECES_MAX ((size_t)48)

struct stream_of_pieces {
	uint8_t *data;
	size_t len;
	size_t ends[STREAM_PIECES_MAX]; /* of the pieces, ascending; the last is len */
	size_t n;
};

static inline void
stream_repeat(struct stream_of_pieces *stream, size_t times)
{
	uint8_t last = stream->len > 0 ? stream->data[stream->len - 1] : 0;

	if (times > STREAM_MAX - stream->len)
		times = STREAM_MAX - stream->len;
	memset(stream->data + stream->len, last, times);
	stream->len += times;
}

/* The stream is valid until the next call. */
static inline struct stream_of_pieces
stream_from(const uint8_t *data, size_t size)
{
	static uint8_t bytes[STREAM_MAX];
	struct stream_of_pieces stream = { .data = bytes };

	for (size_t i = 0; i < size && stream.len < STREAM_MAX; i++) {
		if (data[i] != 0xff) {
			stream.data[stream.len++] = data[i];
		} else if (i + 1 < size && data[i + 1] == 0xff) {
			stream.data[stream.len++] = data[++i];
		} else if (i + 1 < size && data[i + 1] >= 0x80) {
			i++;
			stream_repeat(&stream, (size_t)1 << (data[i] & (data[i] < 0xf0 ? 7 : 15)));
		} else if (stream.n < STREAM_PIECES_MAX - 1 &&
		           (stream.n == 0 || stream.ends[stream.n - 1] < stream.len)) {
			stream.ends[stream.n++] = stream.len;
		}
	}
	stream.ends[stream.n++] = stream.len;
	return stream;
}

/* A copy in a block of exactly this length, so that a sanitizer finds reads beyond it. The caller frees it. */
static inline uint8_t *
exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	assert(copy || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}
