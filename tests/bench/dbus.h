/*
 * Messages of D-Bus, in the byte order of x86:
 * https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol Places are aligned from the begin of the
 * buffer on, which is that of a message or of a body.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum dbus_type { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

void dbus_align(struct buf *b, size_t to);
void dbus_put_u32(struct buf *b, uint32_t value);
void dbus_put_u64(struct buf *b, uint64_t value);
void dbus_put_string(struct buf *b, const char *text);
void dbus_put_signature(struct buf *b, const char *text);

/* An array of structs: returns its place, for dbus_end_array(). */
size_t dbus_begin_array(struct buf *b);
void dbus_end_array(struct buf *b, size_t place);

/* What a message has beside its body; NULL and 0: not. */
struct dbus_header {
	enum dbus_type type;
	uint32_t serial, reply_serial, n_fds;
	const char *path, *interface, *member, *destination, *signature;
};

/* Appends the message to b, which may have any length. */
void dbus_put_message(struct buf *b, const struct dbus_header *header, const struct buf *body);

/* The string of a client that may not have any other: begins its connection. */
void dbus_put_auth(struct buf *b);

/* A message that has come. */
struct dbus_message {
	enum dbus_type type;
	uint32_t serial;
	const char *sender; /* "" if there is none */
	const char *text;   /* the string that its body begins with, if it has one */
};

/* Returns the length of the message at data, or 0: it is not whole. */
size_t dbus_read(const char *data, size_t len, struct dbus_message *ret_message);
