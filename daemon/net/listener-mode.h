/*
 * The modes of listeners: what happens to the bytes or packets that their clients send. Each mode has its struct
 * conn_ops; mode_check() knows which socket types and keys go with it.
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

/* The keys of a listener that depend on its mode. */
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

/* Checks that the options go together. Returns NULL, or the key that does not fit, with the reason in ret_text. */
const char *mode_check(const struct mode_options *options, bool is_tcp, char *ret_text, size_t size);

/* Makes what the clients of such a listener share, with one reference. Returns NULL if there is no memory. */
struct conn_origin *mode_origin_new(struct loop *loop, const struct mode_options *options, const char *address);
