/*
 * Splits a stream that is not RESP into messages: lines, payloads after their length, or the whole stream. Knows no
 * descriptor, client or loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum framing {
	FRAMING_LINE,   /* ends with LF, CR LF, NUL (as syslog(3) writes) or the end of the stream */
	FRAMING_LENGTH, /* 4 bytes, big-endian: the length of the payload that follows */
	FRAMING_WHOLE,  /* the whole stream is one message */
};

enum frame_status {
	FRAME_OK,
	FRAME_MORE,     /* the message is not complete */
	FRAME_TOO_LONG, /* it has more than max bytes, or announces more */
	FRAME_CUT,      /* the stream ends within it */
};

struct frame {
	struct slice payload;
	size_t used; /* bytes of the stream, with what frames the payload */
};

/*
 * Finds the first message of p[0..len); len is not 0. is_end: no bytes follow. max: upper bound of the payload, in
 * bytes. *scanned: 0 at first; after FRAME_MORE, the caller passes it again unchanged with the same bytes and more.
 * *ret_frame is set for FRAME_OK only.
 */
enum frame_status frame_split(enum framing framing, const uint8_t *p, size_t len, bool is_end, uint64_t max,
                              size_t *scanned, struct frame *ret_frame);
