/*
 * Reads the answers to PUBLISH and to XADD. Nearly all are ":N" lines of a few bytes, and of N only matters whether it
 * is 0, or ids in short bulk strings: they are counted, in tight loops without a parser. Each call stops at the first
 * answer that is of another kind, so that the caller knows which message it belongs to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum answers_next {
	ANSWERS_MORE,    /* the next answer is not complete */
	ANSWERS_ERROR,   /* an error: text is valid */
	ANSWERS_OK,      /* "+OK" */
	ANSWERS_AGAIN,   /* integers behind ids, or the other way round: call again */
	ANSWERS_FOREIGN, /* nothing that a bus answers */
};

struct answers {
	size_t integers;        /* messages that were accepted */
	size_t zeros;           /* of those: that reached nobody */
	uint64_t first, last;   /* how many receivers the first and the last of them counted */
	size_t ids;             /* messages that were stored; then there are no integers */
	struct slice id_bytes;  /* their answers, see answers_next_id() */
	size_t used;            /* bytes of those answers, and of an ANSWERS_ERROR or ANSWERS_OK behind them */
	enum answers_next next; /* what comes behind the integers or ids */
	struct slice text;      /* of the error, without "-" and CRLF; points into the input */
};

/* Reads the integers or ids at the start of the bytes, and the answer behind them. */
void answers_read(const uint8_t *p, size_t len, struct answers *ret_answers);

/* Takes the first id from *bytes; false at their end. */
bool answers_next_id(struct slice *bytes, struct slice *ret_id);

/* The exit status that an error means: EX_NOPERM, EX_UNAVAILABLE (there is no store, or no room for
 * a stream), EX_TEMPFAIL (see below) or EX_PROTOCOL. */
int answers_error_status(const struct slice *text);

/* Whether the error may go away by itself: the store is full, or cannot be written. */
bool answers_error_is_temporary(const struct slice *text);

/*
 * What the daemon says before it closes a connection, or because it has no memory, is no answer to a command: 0 where
 * the text is one, else an errno for the reason. Commands that are not answered may be sent again on another
 * connection.
 */
int answers_complaint(const struct slice *text);

/* Whether the text of an error begins with the word, like "NOPERM". */
bool answers_error_is(const struct slice *text, const char *word);
