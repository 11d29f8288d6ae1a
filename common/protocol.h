/*
 * What both programs must agree on: where the socket is, and the sizes and words of the protocol.
 * RESP is described at https://redis.io/docs/latest/develop/reference/protocol-spec/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A run of bytes that belongs to somebody else; not NUL-terminated. */
struct slice {
	const uint8_t *p;
	size_t len;
};

#define PROTOCOL_SERVICE_SOCKET "/run/udsd/udsd.sock"
#define PROTOCOL_USER_SOCKET "udsd/udsd.sock" /* below $XDG_RUNTIME_DIR */

/* Redis's PROTO_INLINE_MAX_SIZE: the longest inline command, count line or length line, in bytes. */
#define PROTOCOL_LINE_MAX ((size_t)64 * 1024)
/* The most arguments of one command. */
#define PROTOCOL_ARGS_MAX ((size_t)1024 * 1024)
/* The longest name of a channel, and the longest pattern, in bytes. */
#define PROTOCOL_NAME_MAX ((size_t)1024)
/* The longest name of a client or of its library, in bytes. */
#define PROTOCOL_CLIENT_TEXT_MAX ((size_t)256)
/* What a command may hold beside its largest argument (names of channels, headers), in bytes. */
#define PROTOCOL_REQUEST_ROOM ((size_t)1024 * 1024)

/* How the names of udsd's own channels begin. */
#define PROTOCOL_RESERVED "__udsd__:"
/* Tells a receiver that is subscribed to it what it missed: "COUNT CHANNEL". */
#define PROTOCOL_MISSED PROTOCOL_RESERVED "missed"
/* Tells administrators who asked for it (UDSD MONITOR) of each message that is published. */
#define PROTOCOL_PUBLISHED PROTOCOL_RESERVED "published"

/* The release of Redis whose answers the bus follows. */
#define PROTOCOL_REDIS_VERSION "7.2.0"
