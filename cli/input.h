/*
 * Standard input, read in large blocks and handed out in messages or pieces. It is read only while its
 * owner wants it, so the program in front of a pipe waits when the queue is full. Reads never block:
 * they are made only when poll(2) says that there is something.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

struct input;
struct loop;

/* The longest message, in bytes: Redis's limit of one bulk string. */
#define INPUT_MESSAGE_MAX ((size_t)512 * 1024 * 1024)

enum input_split {
	INPUT_LINES, /* messages end with a newline, which is not part of them */
	INPUT_NULS,  /* or with a NUL */
	INPUT_WHOLE, /* all of the input is one message */
};

enum input_status {
	INPUT_OK,
	INPUT_MORE, /* nothing complete is there: input_want() */
	INPUT_END,
	INPUT_FAILED, /* reading failed; input_error() */
};

/* More has come, or the end: input_next() may be called. */
typedef void input_cb(void *arg);

/* Reads fd, which stays the caller's. */
struct input *input_new(struct loop *loop, int fd, enum input_split split, input_cb *cb, void *arg);
void input_free(struct input *in);

/* The next message; valid until input_want(). */
enum input_status input_next(struct input *in, struct slice *ret_message);

/*
 * The bytes that are there, cut behind each newline, newlines included. *ret_open: the line goes on in
 * the next piece. Of a line longer than `max` bytes each `max` count as a line.
 */
enum input_status input_next_piece(struct input *in, size_t max, struct slice *ret_piece, bool *ret_open);

/* Whether to read more. */
void input_want(struct input *in, bool want);

/* Reads no more: what is complete is handed out, then comes INPUT_END. */
void input_stop(struct input *in);

/* Whether the end of the input itself was reached. */
bool input_is_at_end(const struct input *in);

/* errno of the read that failed; EMSGSIZE for a message longer than INPUT_MESSAGE_MAX. */
int input_error(const struct input *in);
