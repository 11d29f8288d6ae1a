/*
 * Standard input, or files one after another, read in large blocks and handed out in messages or pieces.
 * It is read only while its owner wants it, so the program in front of a pipe waits when the queue is full.
 * Reads never block: they are made only when poll(2) says that there is something.
 *
 * With input_keep() what is read stays in the pipe or file until input_taken(): who reads on after this
 * process died begins with what it had not taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct input;
struct loop;

/* The longest message, in bytes: Redis's limit of one bulk string. */
#define INPUT_MESSAGE_MAX ((size_t)512 * 1024 * 1024)

enum input_split {
	INPUT_LINES, /* messages end with a newline, which is not part of them */
	INPUT_NULS,  /* or with a NUL */
	INPUT_WHOLE, /* all of each file is one message */
};

struct input_file {
	int fd;
	const char *name; /* NULL: standard input */
	uint64_t before;  /* messages from the files before it; set as it is read */
};

enum input_status {
	INPUT_OK,
	INPUT_MORE, /* nothing complete is there: input_want() */
	INPUT_END,
	INPUT_FAILED, /* reading failed; input_error() */
};

/* More has come, or the end: input_next() may be called. */
typedef void input_cb(void *arg);

/* Reads fd, which stays the caller's; it is called standard input. */
struct input *input_new(struct loop *loop, int fd, enum input_split split, input_cb *cb, void *arg);

/* Reads files, n of them, at least one; the array and what is in it stay the caller's. */
struct input *input_new_files(struct loop *loop, struct input_file *files, size_t n, enum input_split split,
                              input_cb *cb, void *arg);
void input_free(struct input *in);

/* To be called before anything is read. Of terminals and sockets nothing can be kept. */
void input_keep(struct input *in);

/* All that was read is taken; to be called when input_next() has nothing more. */
void input_taken(struct input *in);

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

/* Whether the end of the last file was reached. */
bool input_is_at_end(const struct input *in);

/* errno of the read that failed; EMSGSIZE for a message longer than INPUT_MESSAGE_MAX. */
int input_error(const struct input *in);

/* How many messages, and bytes with their ends, were handed out. */
uint64_t input_handed(const struct input *in);
uint64_t input_handed_bytes(const struct input *in);

/* The file that is being read, or in which reading failed; NULL for standard input. */
const char *input_name(const struct input *in);

/* Where the message with this number stood, from 1 on: its file (NULL: standard input), and the number in that. */
const char *input_locate(const struct input *in, uint64_t number, uint64_t *ret_number);
