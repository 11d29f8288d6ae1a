/* All streams by name, who has made them, and when they expire. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

int streams_registry_init(struct streams *streams);
/* Frees all streams. */
void streams_registry_deinit(struct streams *streams);

/*
 * The stream of that name, or NULL: also if it has just expired. streams_get() makes it: NULL with -ENOMEM, -ENFILE
 * (max_streams), -ENAMETOOLONG in *ret_error.
 */
struct stream *streams_find(struct streams *streams, struct slice name);
struct stream *streams_get(struct streams *streams, struct slice name, uid_t uid, int *ret_error);

/* For the load: a stream with that number, which must not have been used. NULL without memory. */
struct stream *streams_add(struct streams *streams, struct slice name, uid_t uid, uint64_t no);

/* Deletes a stream with its groups; wakes those that wait for it. */
void streams_delete(struct streams *streams, struct stream *stream);
/* Frees a deleted stream, whose deletion is in a batch. */
void streams_free(struct streams *streams, struct stream *stream);
/* Another stream of the new name is deleted. Returns 0, -ENOMEM, or -ENAMETOOLONG. */
int streams_rename(struct streams *streams, struct stream *stream, struct slice name);
/* unix_ms: 0: never. Returns 0; or -ENOMEM, unless the stream had a time of expiry, or gets none. */
int streams_expire(struct streams *streams, struct stream *stream, uint64_t unix_ms);

/* Deletes some of the streams that have expired; whether there are any; and when the next one may have, in microseconds
 * of CLOCK_MONOTONIC, or UINT64_MAX. */
void streams_sweep(struct streams *streams);
bool streams_have_expired(const struct streams *streams);
uint64_t streams_next_expiry(const struct streams *streams);

/* A walk over all streams, which may take several turns: meets each that is there all the time exactly once. */
struct streams_walk {
	size_t bucket; /* a place in the order of hashes; 0: the begin */
};
/* Up to `max` streams into found[]; returns their number. *ret_is_end: that was all. */
size_t streams_walk(struct streams *streams, struct streams_walk *walk, struct stream **found, size_t max,
                    bool *ret_is_end);

/*
 * Unix time in ms, as of the last event, like flow.now_ms. It stands still while a command runs: a stream that the
 * command has found does not expire, and so is not freed, before it is done.
 */
uint64_t streams_now_ms(struct streams *streams);

/* Bytes of the streams that the user has made. */
uint64_t streams_user_bytes(const struct streams *streams, uid_t uid);
