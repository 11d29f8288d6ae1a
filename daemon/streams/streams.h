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
#include "stream-retain.h"
#include "stream-trim.h"
#include "streams-commit.h"
#include "streams-registry.h"
#include "streams-room.h"
#include "streams-rules.h"

/* Loads the store. Takes the storage over, if it succeeds. Returns 0; or -errno, and the reason is logged. */
int streams_init(struct streams *streams, struct flow *flow, struct storage *storage,
                 const struct streams_limits *limits);

/* Commits what was changed, and closes the store. All clients must be gone. */
void streams_deinit(struct streams *streams);

/* node_entries stays: CONFIG SET has set it. */
void streams_set_limits(struct streams *streams, const struct streams_limits *limits);

/* Puts the client on the list of those that wait for a block, which stream_step() has asked for. See flow_wait(). */
bool streams_wait_cold(struct streams *streams, struct client *c);

/*
 * Begins a copy of the store at `path`, which must not exist. Clients that wait on streams.copying are resumed when
 * streams.copies has been counted up; streams.copy_error is the result then. forgotten: an older one, which is removed
 * before; or NULL. Returns 0; -EBUSY; -ENOMEM.
 */
int streams_backup(struct streams *streams, const char *path, const char *forgotten);
