/*
 * What both programs must agree on: the place of the socket, and the limits and words of the protocol.
 * RESP is described at https://redis.io/docs/latest/develop/reference/protocol-spec/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Bytes that another object owns; not NUL-terminated. */
struct slice {
	const uint8_t *p;
	size_t len;
};

static inline struct slice
slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* slice_is() where each command passes. */
static inline bool __attribute__((always_inline)) slice_is_inline(struct slice slice, const uint8_t *p)
{
	uint64_t a, b, c, d; /* no arrays, or the stack of the caller would be guarded */
	uint32_t e, f, g, h;

	if (slice.len > 16)
		return memcmp(slice.p, p, slice.len) == 0;
	if (slice.len < 4)
		return slice.len == 0 || (slice.p[0] == p[0] && slice.p[slice.len / 2] == p[slice.len / 2] &&
		                          slice.p[slice.len - 1] == p[slice.len - 1]);
	if (slice.len < 8) { /* the first four and the last four */
		memcpy(&e, slice.p, 4);
		memcpy(&f, slice.p + slice.len - 4, 4);
		memcpy(&g, p, 4);
		memcpy(&h, p + slice.len - 4, 4);
		return e == g && f == h;
	}
	memcpy(&a, slice.p, 8);
	memcpy(&b, slice.p + slice.len - 8, 8);
	memcpy(&c, p, 8);
	memcpy(&d, p + slice.len - 8, 8);
	return a == c && b == d;
}

/* Whether the slice is equal to the bytes at p. Few bytes, as in names, are compared without a call. */
static inline bool
slice_is(struct slice slice, const uint8_t *p)
{
	return slice_is_inline(slice, p);
}

/* Whether the slice is the given word, in any case. */
static inline bool
slice_is_word(struct slice slice, const char *word)
{
	return strlen(word) == slice.len &&
	       (memcmp(slice.p, word, strlen(word)) == 0 || strncasecmp((const char *)slice.p, word, slice.len) == 0);
}

/* memcpy() without a call for few bytes, as in names and most messages. Returns the end of the copy. */
static inline uint8_t *__attribute__((always_inline)) slice_put(uint8_t *to, struct slice from)
{
	uint8_t *end = to + from.len;

	/* Two copies that may overlap, each of a constant size. */
	if (from.len > 64) {
		memcpy(to, from.p, from.len);
	} else if (from.len > 32) {
		memcpy(to, from.p, 32);
		memcpy(end - 32, from.p + from.len - 32, 32);
	} else if (from.len >= 16) {
		memcpy(to, from.p, 16);
		memcpy(end - 16, from.p + from.len - 16, 16);
	} else if (from.len >= 8) {
		memcpy(to, from.p, 8);
		memcpy(end - 8, from.p + from.len - 8, 8);
	} else if (from.len >= 4) {
		memcpy(to, from.p, 4);
		memcpy(end - 4, from.p + from.len - 4, 4);
	} else if (from.len > 0) {
		to[0] = from.p[0];
		to[from.len / 2] = from.p[from.len / 2];
		end[-1] = from.p[from.len - 1];
	}
	return end;
}

#define PROTOCOL_SERVICE_SOCKET "/run/udsd/udsd.sock"
#define PROTOCOL_USER_SOCKET "udsd/udsd.sock" /* below $XDG_RUNTIME_DIR */

/* Redis's PROTO_INLINE_MAX_SIZE: the longest inline command, count line or length line, in bytes. */
#define PROTOCOL_LINE_MAX ((size_t)64 * 1024)
/*
 * The most arguments of one command. Redis takes sixteen times as many; here no command has a use for them, and to find
 * their ends alone would keep all others waiting.
 */
#define PROTOCOL_ARGS_MAX ((size_t)64 * 1024)
/* The longest name of a channel, and the longest pattern, in bytes. */
#define PROTOCOL_NAME_MAX ((size_t)1024)
/* The longest name of a client or of its library, in bytes. */
#define PROTOCOL_CLIENT_TEXT_MAX ((size_t)256)
/* What a command may hold beside its largest argument (names of channels, headers), in bytes. */
#define PROTOCOL_REQUEST_ROOM ((size_t)1024 * 1024)

/* The databases of SELECT: 0 to one less than this. All are the same. */
#define PROTOCOL_DATABASES 16

/* UDSD WAITRECEIVER: the most receivers, and the most milliseconds, a day. */
#define PROTOCOL_WAIT_RECEIVERS_MAX UINT16_MAX
#define PROTOCOL_WAIT_MS_MAX (UINT64_C(24) * 60 * 60 * 1000)

/* The code of errors that are no answer to a command: the connection ends, and another one may do. */
#define PROTOCOL_TRY_AGAIN "TRYAGAIN"

/* How the names of udsd's own channels begin. */
#define PROTOCOL_RESERVED "__udsd__:"
/* Receivers that are subscribed to it learn what they missed: "COUNT CHANNEL". */
#define PROTOCOL_MISSED PROTOCOL_RESERVED "missed"
/* Reports each message that is published to the administrators that asked for it with UDSD MONITOR. */
#define PROTOCOL_PUBLISHED PROTOCOL_RESERVED "published"

/* Whether it is the name of one of udsd's own channels. */
static inline bool
protocol_is_reserved(struct slice name)
{
	const size_t len = sizeof(PROTOCOL_RESERVED) - 1;

	return name.len >= len && memcmp(name.p, PROTOCOL_RESERVED, len) == 0;
}

/* The release of Redis whose answers the bus follows. */
#define PROTOCOL_REDIS_VERSION "7.2.0"
