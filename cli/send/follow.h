/*
 * Follows a log by its name, as tail -F does: it goes on when the log is rotated, and first reads what was written to
 * the old file, also after that was renamed; or copied, when it was cut off. With a position file the next process goes
 * on where this one was: behind the last line that was answered. It reports to people what goes wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "input.h"
#include "protocol.h"

struct follow;
struct loop;

struct follow_options {
	const char *path;
	const char *position; /* file; or NULL: it begins at the end of the log */
	char delimiter;       /* of lines */
};

/* What makes a line known again: who it is from, its number there, and a sum of what it is. */
struct follow_origin {
	struct slice producer;
	uint64_t number, sum;
};

/*
 * The options must outlive it. Returns EX_OK, or an exit status after saying what went wrong. That there is no log yet
 * is no mistake.
 */
int follow_open(const struct follow_options *options, struct follow **ret_follow);

/* Saves the position. Takes NULL. */
void follow_free(struct follow *f);

/* Must be the first call. cb: more may have come. */
void follow_start(struct follow *f, struct loop *loop, input_cb *cb, void *arg);

/* The next line; valid until the next call. Never INPUT_END before follow_stop(). */
enum input_status follow_next(struct follow *f, struct slice *ret_line);

/* Of the last line, with a position file. *ret_changed: the producer is another one than at the last call. */
void follow_get_origin(struct follow *f, struct follow_origin *ret_origin, bool *ret_changed);

/* The next n lines are answered. */
void follow_done(struct follow *f, uint64_t n);

/* Reads no more. */
void follow_stop(struct follow *f);

bool follow_has_failed(const struct follow *f);

/* Lines that came from follow_next(), and their bytes. */
uint64_t follow_taken(const struct follow *f);
uint64_t follow_bytes(const struct follow *f);
