/*
 * Parses what a server sends, in RESP2 and RESP3
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). It works on bytes in place and keeps
 * only its memory between calls: a reply that is not complete is parsed again from its first byte once the
 * caller has `need` bytes. Streamed strings and aggregates ("$?"), which no server sends, are errors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* The deepest nesting, and the most values in one reply. */
#define RESP_REPLY_DEPTH_MAX 32
#define RESP_REPLY_NODES_MAX ((size_t)1024 * 1024)

enum resp_type {
	RESP_SIMPLE = '+',
	RESP_ERROR = '-',
	RESP_INTEGER = ':',
	RESP_BULK = '$',
	RESP_ARRAY = '*',
	RESP_NULL = '_', /* also "$-1" and "*-1" */
	RESP_BOOLEAN = '#',
	RESP_DOUBLE = ',',
	RESP_BIG_NUMBER = '(',
	RESP_BULK_ERROR = '!',
	RESP_VERBATIM = '=',
	RESP_MAP = '%',
	RESP_SET = '~',
	RESP_PUSH = '>',
	RESP_ATTRIBUTE = '|',
};

/*
 * One value. The values of a reply are in preorder: an aggregate is followed by its elements, a map by its keys and
 * values in turn. An attribute is not an element: the value that it belongs to follows it.
 */
struct resp_node {
	enum resp_type type;
	/*
	 * The bytes between type and CRLF of a value that is one line, the bytes of a bulk string (without the "txt:"
	 * of a verbatim one); empty for aggregates.
	 */
	struct slice text;
	int64_t integer; /* of an integer, or of a boolean: 0 or 1 */
	size_t elements; /* of an aggregate; a map has two for each pair */
	size_t end;      /* index after the value's last descendant */
};

/* Whether it is an error, of either version of the protocol. */
static inline bool
resp_node_is_error(const struct resp_node *node)
{
	return node->type == RESP_ERROR || node->type == RESP_BULK_ERROR;
}

enum resp_reply_status {
	RESP_REPLY_OK,    /* nodes[0..count) and used are valid */
	RESP_REPLY_MORE,  /* need is valid */
	RESP_REPLY_ERROR, /* error is valid */
	RESP_REPLY_NOMEM,
};

struct resp_reply {
	struct resp_node *nodes; /* slices of the input; valid until the next call */
	size_t count;
	size_t used; /* bytes of input the reply took */
	size_t need; /* bytes of input that another call needs to get further */
	char error[64];

	size_t cap;
};

/*
 * Parses the reply at the start of buf. max_bulk: the most bytes of one string. *r is zeroed before the
 * first call and may be used for any number of inputs, one after another.
 */
enum resp_reply_status resp_reply_parse(struct resp_reply *r, const uint8_t *buf, size_t len, size_t max_bulk);

void resp_reply_deinit(struct resp_reply *r);

/* Whether the node is a string, bulk or simple, of exactly these bytes. */
bool resp_node_is(const struct resp_node *node, const char *text);

/* The value of a key in the map, or flat array of keys and values, that the whole reply is; NULL where there is none.
 */
const struct resp_node *resp_reply_lookup(const struct resp_reply *r, const char *key);
