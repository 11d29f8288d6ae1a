/* How what was changed in memory becomes durable. */
#pragma once

#include <stdbool.h>

#include "streams-data.h"

/* Returns 0 or -ENOMEM. */
int streams_commit_init(struct streams *streams);
/* Puts what was changed into the open batch, which storage_close() makes durable. */
void streams_commit_deinit(struct streams *streams);

/* Call at the end of each pass, before output is written: hands what was changed to the store, if that is free. */
void streams_commit(struct streams *streams);

/* Whether streams_commit() has something to do, which must not wait for an event. */
bool streams_want_commit(const struct streams *streams);

/* Call when storage_fd() is readable: opens the barrier of a batch that is durable, lets clients go on. */
void streams_collect(struct streams *streams);

/* Whether anything is not durable yet. */
bool streams_have_changes(const struct streams *streams);

/*
 * What an answer about the stream has to wait for: the barrier of the batch that has its last change, or NULL if that
 * is durable. stream NULL: everything that was changed. The caller gets no reference of its own.
 */
struct barrier *streams_barrier(struct streams *streams, const struct stream *stream);

/* Whether so much is not durable yet that nothing more may be added. */
bool streams_is_behind(const struct streams *streams);

/* Whether a command that writes has to wait for that: then the client is put on the list. */
bool streams_must_wait(struct streams *streams, struct client *c);
