/* Who has to pay for streams and groups: a count of bytes for each user. */
#pragma once

#include <stdint.h>

#include "streams-data.h"

/* The user makes a stream. Returns NULL without memory. */
struct stream_owner *stream_owner_enter(struct streams *streams, uid_t uid);
/* A stream of theirs has gone, with all its bytes. */
void stream_owner_leave(struct streams *streams, struct stream_owner *owner);

/* Bytes that they take more, or less. What cannot be counted without memory is not counted. */
void stream_charge(struct streams *streams, uid_t uid, int64_t bytes);

uint64_t stream_owner_bytes(const struct streams *streams, uid_t uid);
