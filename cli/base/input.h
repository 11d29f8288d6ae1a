/*
 * Standard input, or files one after another, read in large blocks and handed out in messages or pieces. It is read
 * only while its owner wants it, so the program at the other end of a pipe waits when the queue is full. Reads never
 * block: they follow poll(2).
 *
 * With input_enable_peek() what is read stays in the pipe or file until input_consume(): a process that reads on after
 * this one has died begins with the first message that it had not consumed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct input;
struct loop;

/* The longest message, in bytes: the limit of Redis for one bulk string. */
#define INPUT_MESSAGE_MAX ((size_t)512 * 1024 * 1024)

enum input_split {
	INPUT_LINES, /* messages end with a newline, which is not part of them */
	INPUT_NULS,  /* or with a NUL */
	INPUT_WHOLE, /* all of each file is one message */
};

struct input_file {
	int fd;
	const char *name; /* NULL: standard input */
	uint64_t before;  /* messages in the files before it; set by the input */
};

enum input_status {
	INPUT_OK,
	INPUT_MORE, /* nothing complete is there: call input_want() */
	INPUT_END,
	INPUT_FAILED, /* reading failed; input_error() */
};

/* More has come, or the end, or an error: call input_next(). */
typedef void input_cb(void *arg);

/* Reads n files, at least one. The caller owns the array, its names and descriptors; they must outlive the input. */
struct input *input_new(struct loop *loop, struct input_file *files, size_t n, enum input_split split, input_cb *cb,
                        void *arg);
void input_free(struct input *in);

/* Call before anything is read. Has no effect on terminals and sockets. */
void input_enable_peek(struct input *in);

/* Consumes the first n messages of those that were handed out and are not consumed. */
void input_consume(struct input *in, uint64_t n);

/* The next message; valid until the loop runs again. */
enum input_status input_next(struct input *in, struct slice *ret_message);

/*
 * The next bytes, at most a line, with its newline. *ret_open: the line goes on in the next piece. A line longer than
 * `max` bytes counts as several lines of `max` bytes.
 */
enum input_status input_next_piece(struct input *in, size_t max, struct slice *ret_piece, bool *ret_open);

/* Sets whether to read more. */
void input_want(struct input *in, bool want);

/* Stops reading: what is complete is still handed out, then comes INPUT_END. */
void input_stop(struct input *in);

/* Bytes of an unfinished message that input_stop() has lost although they were not to be consumed before its end. */
size_t input_lost(const struct input *in);

/* Whether the end of the last file was reached. */
bool input_is_at_end(const struct input *in);

/* The errno of the read that failed, EMSGSIZE for a message longer than INPUT_MESSAGE_MAX; 0: none. */
int input_error(const struct input *in);

/* Messages handed out, and their bytes with the delimiters. */
uint64_t input_handed(const struct input *in);
uint64_t input_handed_bytes(const struct input *in);

/* The file that is being read, or in which reading failed; NULL for standard input. */
const char *input_name(const struct input *in);

/* Where a message, by its number from 1 on, stands: the file (NULL: standard input) and its number there. */
const char *input_locate(const struct input *in, uint64_t number, uint64_t *ret_number);
