/*
 * Reads the answers to PUBLISH. Nearly all are ":N" lines of a few bytes, and of N only matters whether it is 0: they
 * are counted, in a tight loop without a parser. Each call stops at the first answer that is something else, so that
 * the caller knows which message it belongs to.
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
	ANSWERS_FOREIGN, /* nothing that a bus answers */
};

struct answers {
	size_t integers;        /* messages that were accepted */
	size_t zeros;           /* of those: that reached nobody */
	uint64_t first, last;   /* how many receivers the first and the last of them counted */
	size_t used;            /* bytes of those answers, and of an ANSWERS_ERROR or ANSWERS_OK behind them */
	enum answers_next next; /* what comes behind the integers */
	struct slice text;      /* of the error, without "-" and CRLF; points into the input */
};

/* Reads the integers at the start of the bytes, and the answer behind them. */
void answers_read(const uint8_t *p, size_t len, struct answers *ret_answers);

/* The exit status that an error means: EX_NOPERM or EX_PROTOCOL. */
int answers_error_status(const struct slice *text);

/*
 * What the daemon says before it closes a connection, or because it has no memory, is no answer to a command: 0 where
 * the text is one, else an errno for the reason. Commands that are not answered may be sent again on another
 * connection.
 */
int answers_complaint(const struct slice *text);

/* Whether the text of an error begins with the word, like "NOPERM". */
bool answers_error_is(const struct slice *text, const char *word);
