/* Identifiers of entries: milliseconds and a sequence number, written "MS-SEQ". They only grow within a stream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct stream_id {
	uint64_t ms, seq;
};

#define STREAM_ID_MIN ((struct stream_id){ 0, 0 })
#define STREAM_ID_MAX ((struct stream_id){ UINT64_MAX, UINT64_MAX })
/* "MS-SEQ" with its NUL. */
#define STREAM_ID_TEXT 42

static inline int
stream_id_cmp(struct stream_id a, struct stream_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* The next larger and smaller one. Return false, and change nothing, at the end of the range. */
bool stream_id_next(struct stream_id *id);
bool stream_id_prev(struct stream_id *id);

/* As 16 bytes, big-endian, which are in the order of the ids. */
void stream_id_put(uint8_t to[16], struct stream_id id);
struct stream_id stream_id_get(const uint8_t from[16]);

/* Writes "MS-SEQ" and a NUL. Returns the length without that. */
size_t stream_id_format(char text[STREAM_ID_TEXT], struct stream_id id);

/* Likewise, for many ids of which most have the same time as the one before. Zero-initialise the memo. */
struct stream_id_memo {
	uint64_t ms;
	size_t len; /* 0: nothing is remembered */
	char digits[20];
};
size_t stream_id_format_next(char text[STREAM_ID_TEXT], struct stream_id id, struct stream_id_memo *memo);

/* Parses "MS-SEQ", or "MS" with that sequence number. Returns whether it is one. */
bool stream_id_parse(struct slice text, uint64_t missing_seq, struct stream_id *ret_id);

/* Likewise for the ends of a range: also "-" and "+", and "(" before an id that is excluded. is_end: "MS" means the
 * last one of that millisecond. Returns NULL, or the text of an error reply. */
const char *stream_id_parse_bound(struct slice text, bool is_end, struct stream_id *ret_id);
