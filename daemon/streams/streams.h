/*
 * All streams of one loop, by name, and how they become durable. Commands change what is in memory. At the end of a
 * pass streams_commit() writes what was changed into one batch of the store; the batch is durable as a whole or not at
 * all, so what one pass changed stays together, EXEC included.
 *
 * An answer leaves when what it says is on disk: streams_barrier() gives the barrier that an answer about a stream has
 * to wait for, which opens with the commit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

/* Loads the store. Takes the storage over. Returns 0; or -errno, and the reason is logged. */
int streams_init(struct streams *streams, struct flow *flow, struct storage *storage,
                 const struct streams_limits *limits);

/* Commits what was changed, and closes the store. All clients must be gone. */
void streams_deinit(struct streams *streams);

void streams_set_limits(struct streams *streams, const struct streams_limits *limits);

/* Call at the end of each pass, before output is written: hands what was changed to the store, if that is free. */
void streams_commit(struct streams *streams);

/* Whether streams_commit() has something to do, which must not wait for an event. */
bool streams_want_commit(const struct streams *streams);

/* Call when storage_fd() is readable: opens the barrier of a batch that is durable, lets clients go on. */
void streams_collect(struct streams *streams);

/* Whether anything is not durable yet. */
bool streams_have_changes(const struct streams *streams);

/*
 * The stream of that name, or NULL: also if it has just expired. streams_get() makes it: NULL with -ENOMEM, -ENFILE
 * (max_streams), -ENAMETOOLONG in *ret_error.
 */
struct stream *streams_find(struct streams *streams, struct slice name);
struct stream *streams_get(struct streams *streams, struct slice name, uid_t uid, int *ret_error);

/* Deletes a stream with its groups; wakes those that wait for it. */
void streams_delete(struct streams *streams, struct stream *stream);
/* Another stream of the new name is deleted. Returns 0 or -ENOMEM. */
int streams_rename(struct streams *streams, struct stream *stream, struct slice name);
/* unix_ms: 0: never. */
void streams_expire(struct streams *streams, struct stream *stream, uint64_t unix_ms);

/* A walk over all streams, which may take several turns: meets each that is there all the time exactly once. */
struct streams_walk {
	size_t bucket;
};
/* Up to about `max` streams into found[], at least one bucket; returns their number. *ret_is_end: that was all. */
size_t streams_walk(struct streams *streams, struct streams_walk *walk, struct stream **found, size_t max,
                    bool *ret_is_end);

/*
 * What an answer about the stream has to wait for: the barrier of the batch that has its last change, or NULL if that
 * is durable. stream NULL: everything that was changed.
 */
struct barrier *streams_barrier(struct streams *streams, const struct stream *stream);

/* Unix time in ms, of this pass. */
uint64_t streams_now_ms(const struct streams *streams);

/* Whether what grows the store may be added. NULL, or the text of an error reply. uid: who has to pay for it. */
const char *streams_refusal(struct streams *streams, uid_t uid);

/* Bytes of the streams that the user has made. */
uint64_t streams_user_bytes(const struct streams *streams, uid_t uid);

/* Puts the client on the list of those that wait for a block, which stream_step() has asked for. See flow_wait(). */
bool streams_wait_cold(struct streams *streams, struct client *c);

/* Whether a command that writes has to wait for the disk first: then the client is put on the list. */
bool streams_must_wait(struct streams *streams, struct client *c);
