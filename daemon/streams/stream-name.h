/* Names of streams: who has one, and how the log shows it. */
#pragma once

#include "streams-data.h"

struct stream_name_text {
	char text[100];
};

/* The stream of that name, also if it has expired; or NULL. hash: stream_name_hash(). */
struct stream *stream_name_find(const struct streams *streams, struct slice name, uint64_t hash);

static inline uint64_t
stream_name_hash(const struct streams *streams, struct slice name)
{
	return siphash(&streams->key, name.p, name.len);
}

/* A client chose the name: without control characters, and cut if it is long. */
struct stream_name_text stream_name_text(const struct stream *stream);
