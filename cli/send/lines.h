/*
 * The new messages of udsctl send, in order: arguments, or what standard input or files bring, or a log that grows. It
 * says what goes wrong with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow.h"
#include "input.h"
#include "protocol.h"

struct lines;
struct loop;
struct send_options;

/*
 * Opens what the options name; they must outlive it. Returns EX_OK, or an exit status after saying what went wrong.
 * Call before the loop catches signals: opening a FIFO waits for its writer.
 */
int lines_open(const struct send_options *o, struct lines **ret_lines);

/* Takes NULL. */
void lines_free(struct lines *l);

/* Must be the first call. spooled: nothing counts as read before lines_consume(). cb: more has come, or the end. */
void lines_start(struct lines *l, struct loop *loop, bool spooled, input_cb *cb, void *arg);

/* The next message; valid until the loop runs again. */
enum input_status lines_next(struct lines *l, struct slice *ret_message);

/* Whether there will be no more. */
bool lines_are_over(const struct lines *l);

/* The next n messages are safe elsewhere: in the spool, or answered. */
void lines_consume(struct lines *l, uint64_t n);
void lines_answered(struct lines *l, uint64_t n);

/* Whether the last message is known by where it came from; then sets that, see follow_get_origin(). */
bool lines_get_origin(struct lines *l, struct follow_origin *ret_origin, bool *ret_changed);

/* Whether to read more. */
void lines_want(struct lines *l, bool want);

/* Stops reading. Returns whether the input had not ended. */
bool lines_stop(struct lines *l);

/* Counts those that are already here. */
void lines_count_rest(struct lines *l);

/* Messages that came from lines_next(), and bytes read. */
uint64_t lines_taken(const struct lines *l);
uint64_t lines_bytes(const struct lines *l);

/* Standard input, if it is all that is read, and line by line; else -1. */
int lines_input(const struct lines *l);

/* Whether they are arguments. */
bool lines_are_arguments(const struct lines *l);

/* Where the `number`th message (from 1 on) came from, for people: "line 7 of 'FILE'". */
void lines_describe(const struct lines *l, uint64_t number, char *text, size_t size);

/* Says what was lost at the end of the input, if anything. */
void lines_say_lost(const struct lines *l);

/* Whether reading failed. */
bool lines_have_failed(const struct lines *l);
