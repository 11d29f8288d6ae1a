/*
 * Parses requests: arrays of bulk strings, or inline commands, as Redis 7.2 takes them
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). It works on bytes in place and keeps
 * none of them: of a request that is not complete the caller keeps the bytes and the progress (struct resp_progress),
 * and calls again when it has `need` bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum resp_request_status {
	RESP_REQUEST_OK,    /* argv[0..argc) and used are valid; argc 0 is a blank line or an empty array */
	RESP_REQUEST_MORE,  /* need and tail_* are valid */
	RESP_REQUEST_ERROR, /* error is valid: the text after "Protocol error: " */
	RESP_REQUEST_NOMEM,
};

/* How far an incomplete array has been parsed. Zeroed: not at all. */
struct resp_progress {
	size_t at;    /* where the next argument begins */
	size_t argc;  /* arguments before that */
	size_t count; /* arguments of the array */
};

struct resp_request {
	/* Slices of the input, or of `unquoted` for an inline command; valid until the next call. */
	struct slice *argv;
	size_t argc;
	size_t used; /* bytes of input the request took */

	size_t need; /* bytes of input that another call needs to get further */
	/* If the request lacks only the rest of its last argument: where that begins; else 0. */
	size_t tail_offset;
	size_t tail_len; /* the whole length of that argument, without its CRLF */

	char error[64];

	size_t argv_cap;
	char *unquoted;
};

void resp_request_deinit(struct resp_request *r);

/*
 * Parses the request at the start of buf. max_bulk: the most bytes of one argument. *r is zeroed before
 * the first call and may be used for any number of inputs, one after another. *progress is zero for a new request;
 * RESP_REQUEST_MORE updates it, any other result zeroes it.
 */
enum resp_request_status resp_request_parse(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf,
                                            size_t len, size_t max_bulk);

/*
 * Completes a request with its last argument, tail_len bytes that lie elsewhere. Call after RESP_REQUEST_MORE, if
 * tail_offset was the end of the input.
 */
void resp_request_add_tail(struct resp_request *r, const uint8_t *tail);
