/*
 * The answers to PUBLISH as they come from the socket: mostly ":N" lines, counted in a tight loop. What
 * is not one of them is told apart, so that each message gets the answer that belongs to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

enum answers_next {
	ANSWERS_MORE,    /* the next answer is not complete */
	ANSWERS_ERROR,   /* it is an error: text is valid */
	ANSWERS_OK,      /* it is "+OK" */
	ANSWERS_FOREIGN, /* it is nothing that a bus answers */
};

struct answers {
	size_t integers;        /* answers that took the message */
	size_t used;            /* bytes of those, and of the next where it is ANSWERS_ERROR or ANSWERS_OK */
	enum answers_next next; /* what comes behind them */
	struct slice text;      /* the error without "-" and CRLF; lies in the input */
};

/* Reads the integers that the bytes begin with, and the answer behind them. */
void answers_read(const uint8_t *p, size_t len, struct answers *ret_answers);

/* The exit status that an error means: EX_NOPERM or EX_PROTOCOL. */
int answers_error_status(const struct slice *text);

/* Whether an error's text begins with the word, as "NOPERM". */
bool answers_error_is(const struct slice *text, const char *word);
