/*
 * What udsctl send sends, in order: its arguments, or the lines of standard input or files; with a spool
 * first what an earlier run left in that. With a spool each message is in its file before it comes out here.
 * It tells people what goes wrong with all of these.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct loop;
struct send_options;
struct source;

enum source_status {
	SOURCE_OK,
	SOURCE_LATER, /* nothing is there; the callback comes */
	SOURCE_END,
};

/* There may be more. */
typedef void source_cb(void *arg);

/*
 * Opens what the options name. Returns EX_OK, or an exit status after saying what went wrong. To be called
 * before the loop catches signals: opening a FIFO waits for whoever writes it.
 */
int source_open(const struct send_options *o, struct source **ret_source);

/* Before anything else. */
void source_start(struct source *s, struct loop *loop, source_cb *cb, void *arg);

/* Takes NULL. */
void source_free(struct source *s);

/* Moves what has come into the spool, if there is one. */
void source_fill(struct source *s);

/* The next message; valid until the next call. */
enum source_status source_next(struct source *s, struct slice *ret_message);

/* The channel of that message. Without a spool it is the same for all. */
struct slice source_channel(const struct source *s);

/* Whether source_next() had nothing more: then, without a spool, more is read. */
void source_want(struct source *s, bool want);

/* The first n messages that are not done with are: answered or refused. */
void source_done(struct source *s, uint64_t n);

/* To be called after some are done: writes that down. */
void source_settle(struct source *s);

/* Reads no more. Returns whether that left something unread. */
bool source_stop(struct source *s);

/* Messages taken so far, with those that were left in the spool. */
uint64_t source_taken(const struct source *s);
/* Bytes of them, with their ends, without those. */
uint64_t source_bytes(const struct source *s);

/* Gives up: counts as taken what is known to be there although there was no room for it. */
void source_count_rest(struct source *s);

/* Messages that are taken and not done with. */
uint64_t source_left(const struct source *s);

/* The spool could not be written, and is tried again. */
bool source_is_stuck(const struct source *s);

/* Where the message stood that was the `number`th to come out here, for people: "line 7 of 'FILE'". */
void source_describe(const struct source *s, uint64_t number, char *text, size_t size);

/* Says what stays in the spool, if anything does. */
void source_say_left(const struct source *s);

/* EX_OK, or what the exit status is to be after all messages were sent that could be. */
int source_exit_status(const struct source *s);
