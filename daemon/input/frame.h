/*
 * Cuts what clients send that do not speak RESP into messages: lines, pieces with their length before them, or all of
 * it. Knows no descriptor, client or loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum framing {
	FRAMING_LINE,   /* ends with LF, or CR LF, or the end of the input */
	FRAMING_LENGTH, /* 4 bytes, big-endian, that say how many follow */
	FRAMING_WHOLE,  /* ends with the input */
};

enum frame_status {
	FRAME_OK,
	FRAME_MORE,     /* its end has not come */
	FRAME_TOO_LONG, /* it has more than max bytes, or says so */
	FRAME_CUT,      /* the input ends within it */
};

struct frame {
	struct slice payload;
	size_t used; /* bytes of the input that it takes */
};

/*
 * Looks at the first message of p[0..len), where len is not 0. is_end: nothing follows. max: the most bytes of a
 * payload. *scanned: 0 for a message that is looked at for the first time; where more was asked for, it is given back
 * with the same bytes and more. *ret_frame is set for FRAME_OK only.
 */
enum frame_status frame_split(enum framing framing, const uint8_t *p, size_t len, bool is_end, uint64_t max,
                              size_t *scanned, struct frame *ret_frame);
