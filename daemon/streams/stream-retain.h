/*
 * What streams keep: removes the oldest entries of a stream that has more than its rule allows, or older ones; and says
 * when nothing may be added.
 */
#pragma once

#include <stdint.h>

#include "stream.h"

void stream_retain_init(struct streams *streams);
void stream_retain_deinit(struct streams *streams);

/*
 * Whether an entry may be added as far as the rule of the stream says. NULL, or the text of an error reply, valid until
 * the next call.
 */
const char *stream_retain_refusal(struct streams *streams, struct stream *stream);

/* Removes what is too much, in portions; nothing while a batch is filled. Before each commit. */
void streams_retain(struct streams *streams);

/* Whether streams_retain() has something to do, which must not wait for an event; and when it will have: microseconds
 * of CLOCK_MONOTONIC, or UINT64_MAX. */
bool streams_must_retain(const struct streams *streams);
uint64_t streams_retain_deadline(const struct streams *streams);
