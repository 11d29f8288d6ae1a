/* The record of a stream on disk. */
#pragma once

#include "stream.h"

/* Written with the name last; at most so many bytes. */
#define STREAM_RECORD_MAX (1 + 10 * VARINT_MAX + PROTOCOL_NAME_MAX)

size_t stream_record_put(uint8_t *p, const struct stream *stream);

/* What a record says; the name is in it. Only these members: uid, expires_ms, last, max_deleted, added,
 * tails_done. */
int stream_record_parse(struct slice record, struct stream *ret_stream, struct slice *ret_name);

/* Keys of records: of the one of a stream (the owner is its number), and of the numbers that were given out. */
#define STREAM_RECORD_KEY ((struct slice){ (const uint8_t *)"s", 1 })
#define STREAMS_LAST_NO_KEY ((struct slice){ (const uint8_t *)"last-no", 7 })
