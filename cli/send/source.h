/*
 * Where udsctl send gets its messages, in order. With a spool those that an earlier run left there come first, and each
 * message is in the file of the spool before it comes out here. The source also says how each message is to be sent. It
 * reports to people what goes wrong with all of these.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct loop;
struct send_options;
struct source;

enum source_status {
	SOURCE_OK,
	SOURCE_LATER, /* there is none now; the callback comes */
	SOURCE_END,
};

/* source_next() may have a message. */
typedef void source_cb(void *arg);

/*
 * Opens what the options name; they must outlive the source. Returns EX_OK, or an exit status after saying what went
 * wrong. Call before the loop catches signals: opening a FIFO waits for its writer.
 */
int source_open(const struct send_options *o, struct source **ret_source);

/* Must be the first call on a new source. */
void source_start(struct source *s, struct loop *loop, source_cb *cb, void *arg);

/* Takes NULL. */
void source_free(struct source *s);

/* Moves what has come in to the spool, if there is one. */
void source_fill(struct source *s);

/* The next message; valid until the next call. */
enum source_status source_next(struct source *s, struct item *ret_item);

/* Without a spool: whether to read more input. */
void source_want(struct source *s, bool want);

/* The next n messages, in order, were answered or refused. */
void source_done(struct source *s, uint64_t n);

/* Writes to the spool what is done. Call after source_done(). */
void source_settle(struct source *s);

/* Stops reading. Returns whether the input had not ended. */
bool source_stop(struct source *s);

/* Messages read so far, with those that an earlier run had left in the spool. */
uint64_t source_taken(const struct source *s);

/* Bytes read, without the latter. */
uint64_t source_bytes(const struct source *s);

/* Before giving up: counts the messages that are already here but had no room in the queue. */
void source_count_rest(struct source *s);

/* Messages read, but neither answered nor refused. */
uint64_t source_left(const struct source *s);

/* Whether the spool could not be written; it is tried again every second. */
bool source_is_stuck(const struct source *s);

/* Where the `number`th message (from 1 on) came from, for people: "line 7 of 'FILE'". */
void source_describe(const struct source *s, uint64_t number, char *text, size_t size);

/* Says how many messages stay in the spool, if any do. */
void source_say_left(const struct source *s);

/* EX_OK, or what the input or the spool makes of the exit status. */
int source_exit_status(const struct source *s);
