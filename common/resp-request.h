/*
 * Parses requests: arrays of bulk strings, or inline commands, as Redis 7.2 takes them
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). It works on bytes in place and keeps
 * none of them: for a request that is not complete the caller keeps the bytes and what was learnt of them
 * (struct resp_progress), and calls again when `need` bytes are there.
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

/* Where the parsing of an unfinished array stands. Zeroed: at its beginning. */
struct resp_progress {
	size_t at;    /* where the next argument begins */
	size_t argc;  /* arguments before that */
	size_t count; /* arguments of the whole */
};

struct resp_request {
	/* Slices of the input, or of `unquoted` for an inline command; valid until the next call. */
	struct slice *argv;
	size_t argc;
	size_t used; /* bytes of input the request took */

	size_t need; /* bytes of input there must be before another call can get further */
	/* Where the last argument's bytes begin, when the request lacks only the rest of them; else 0. */
	size_t tail_offset;
	size_t tail_len; /* and how many they will be, without the CRLF */

	char error[64];

	size_t argv_cap;
	char *unquoted;
};

void resp_request_deinit(struct resp_request *r);

/*
 * Parses the request at the start of buf. max_bulk: the most bytes of one argument. *r is zeroed before
 * the first call and may be used for any number of inputs, one after another. *progress is zeroed for a new
 * request, and updated when there must be more of it; otherwise it is zeroed again.
 */
enum resp_request_status resp_request_parse(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf,
                                            size_t len, size_t max_bulk);

/*
 * After RESP_REQUEST_MORE with a tail_offset that is the end of the input: takes tail_len bytes that stand
 * elsewhere for the last argument, which makes the request whole.
 */
void resp_request_add_tail(struct resp_request *r, const uint8_t *tail);
