/*
 * What the handlers of commands about streams share. The key of a stream is the name of a channel too: the access rules
 * of that channel say who may add to the stream (publish), and who may read it and work its groups (subscribe). What
 * deletes, trims, renames or expires is for administrators: its row has COMMAND_NEEDS_ADMIN.
 *
 * A handler looks like this:
 *
 *     struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_READ);
 *     if (!streams)
 *             return COMMAND_DONE;
 *     ... parse the arguments; keyspace_require_...() ...
 *     if (keyspace_must_wait(bus, s, streams))            (only commands that write)
 *             return COMMAND_WAIT;
 *     stream = keyspace_find(bus, streams, argv[1]);
 *     ... STREAM_COLD: return keyspace_wait_cold(bus, s, streams, 0); STREAM_ERROR: keyspace_refuse_error(bus, s) ...
 *     keyspace_hold(bus, streams, stream);
 *     ... reply ...
 *     keyspace_release(bus);
 *     return COMMAND_DONE;
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "reply.h"
#include "sessions.h"
#include "streams.h"

/* What a command does with a key. Its row has the flag of the same value, so that MULTI can refuse it at once. */
enum keyspace_right {
	KEYSPACE_ADD = COMMAND_KEY_ADD,   /* publish */
	KEYSPACE_READ = COMMAND_KEY_READ, /* subscribe */
	KEYSPACE_SEE = COMMAND_KEY_SEE,   /* publish or subscribe: that the stream exists, and how long it is */
	KEYSPACE_MANAGE = 0,              /* nothing beside the COMMAND_NEEDS_ADMIN of its row */
};

/* The streams; or NULL after an error reply: there is no store, it has failed, or the
 * session has selected another database than 0. */
struct streams *keyspace_require_streams(struct bus *bus, struct session *s);

/* Whether the name is one that a stream may have, and the session has that right; otherwise replies an error. */
bool keyspace_require_key(struct bus *bus, struct session *s, struct slice key, enum keyspace_right right);

/* Both. */
struct streams *keyspace_open(struct bus *bus, struct session *s, struct slice key, enum keyspace_right right);

/* For a command that MULTI queues: whether the session has the right of its row to all its keys; otherwise replies an
 * error. */
bool keyspace_require_queued(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                             size_t argc);

/* Whether the session may do that, without an error reply; for commands that list keys. Charges the work. */
bool keyspace_admits(struct bus *bus, const struct session *s, struct slice key, enum keyspace_right right);

/*
 * For commands that write, before they change anything: whether too much is waiting for the disk. Then the session
 * waits, and the handler returns COMMAND_WAIT. EXEC has waited before it began, so inside it this is false.
 */
bool keyspace_must_wait(struct bus *bus, struct session *s, struct streams *streams);

/* For EXEC, before it begins: whether the command writes, and would have to wait for the disk now; then the session
 * waits. */
bool keyspace_exec_must_wait(struct bus *bus, struct session *s, const struct command *row);

/*
 * For commands that let the store grow: whether it may; otherwise replies an error. stream: who made it pays for it;
 * NULL: it would be made now.
 */
bool keyspace_require_room(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream);

/* Likewise for one more entry: the rule of the stream may say how many it may have. */
bool keyspace_require_room_for_entry(struct bus *bus, struct session *s, struct streams *streams,
                                     struct stream *stream);

/* The stream, or NULL: there is none. Takes a key of any length. */
struct stream *keyspace_find(struct bus *bus, struct streams *streams, struct slice key);

/* Finds or makes the stream. NULL after an error reply. */
struct stream *keyspace_get(struct bus *bus, struct session *s, struct streams *streams, struct slice key);

/*
 * After STREAM_COLD, while nothing is replied: the result of the handler. It runs again when the block is there: from
 * its beginning if next is 0, and then it must have changed nothing; else it finds next, and what it has put into
 * place.state, in sessions.place. In EXEC, which has fetched what it knew of (exec-needs.h) and cannot wait any more,
 * as all others would wait with it, an error is replied.
 */
enum command_result keyspace_wait_cold(struct bus *bus, struct session *s, struct streams *streams, size_t next);

/* After STREAM_ERROR: replies the error. Returns COMMAND_DONE. */
enum command_result keyspace_refuse_error(struct bus *bus, struct session *s);

/*
 * What is replied in between leaves when what was changed in the stream (NULL: in any) is on disk. That goes for errors
 * too that say how a stream is, such as that there is none: who hears that an entry or a group exists already relies on
 * it.
 */
static inline void
keyspace_hold(struct bus *bus, struct streams *streams, const struct stream *stream)
{
	reply_hold(bus, streams_barrier(streams, stream));
}

static inline void
keyspace_release(struct bus *bus)
{
	reply_hold(bus, NULL);
}

/* The stream of a command that needs one; or NULL after an error reply. */
struct stream *keyspace_require_stream(struct bus *bus, struct session *s, struct streams *streams, struct slice key);

/* Arguments; each replies an error and returns false if it is none. */
bool keyspace_require_integer(struct bus *bus, struct session *s, struct slice text, int64_t *ret_value);
bool keyspace_require_id(struct bus *bus, struct session *s, struct slice text, uint64_t missing_seq,
                         struct stream_id *ret_id);

/* The identifier of an entry, as a bulk string. */
void keyspace_reply_id(struct bus *bus, struct session *s, struct stream_id id);
