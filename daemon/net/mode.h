/*
 * The modes of listeners: what becomes of the bytes or packets of their clients. A mode is a row of a table, with what
 * it does with a connection; which sockets and keys it goes with is checked here as well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

struct conn_origin;
struct loop;

enum mode { MODE_ROUTE, MODE_ECHO, MODE_LINE, MODE_LENGTH, MODE_WHOLE };
#define MODE_COUNT 5

enum mode_type { MODE_STREAM, MODE_SEQPACKET, MODE_DGRAM };
#define MODE_TYPE_COUNT 3

/* Keys of a listener that go with each other. */
struct mode_options {
	int mode;                            /* enum mode */
	int type;                            /* enum mode_type: of the socket */
	bool deliver;                        /* clients receive the channel as well */
	bool ack;                            /* each message is answered */
	char channel[PROTOCOL_NAME_MAX + 1]; /* empty: not given */
};

/* The names of all modes, for errors and help. */
#define MODE_LIST "route, echo, line, length or whole"

extern const char *const mode_names[MODE_COUNT];
extern const char *const mode_type_names[MODE_TYPE_COUNT];

/* SOCK_STREAM and so on. */
int mode_socket_type(enum mode_type type);

/*
 * Whether the options go with each other. Returns NULL, or the key that is wrong, and what is wrong with it in
 * ret_text.
 */
const char *mode_check(const struct mode_options *options, bool is_tcp, char *ret_text, size_t size);

/* What the clients of such a listener share, with one reference; NULL when there is no memory. */
struct conn_origin *mode_origin_new(struct loop *loop, const struct mode_options *options, const char *address);
