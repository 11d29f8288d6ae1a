/*
 * An entry of a stream, as XREAD and XRANGE give it, and how it is shown. An entry that has the field "message" alone
 * is what udsctl send --store makes of a message: its value is the message. Any other entry is shown as a JSON object
 * of its fields.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "entry-id.h"
#include "protocol.h"
#include "resp-reply.h"

struct buf;

/* The field of a message. */
#define ENTRY_MESSAGE "message"

/* The field with the user ID of who has added the entry, where the configuration of the daemon asks for that. */
#define ENTRY_SENDER "udsd-sender"

struct entry {
	struct entry_id id;
	const struct resp_node *fields; /* the array of names and values, in turn; its elements are behind it */
};

/* Reads an array of an ID and the fields. Returns false where it is something else. */
bool entry_read(const struct resp_node *node, struct entry *ret_entry);

/* Whether the entry is a message; then it is *ret_message. */
bool entry_is_message(const struct entry *e, struct slice *ret_message);

/*
 * The fields: an object of names and values. A value that is not UTF-8 is in base64, under the name with "_base64"; so
 * is one whose name ends in "_base64" by itself, so that the fields can be told from the object. Where an object cannot
 * have the names (two are the same, or one is not UTF-8 or has a NUL), an array of objects with "name" and "value".
 */
json_t *entry_fields(const struct entry *e);

/* The same for names and values in turn, without the fields that `skips` is true for, if that is not NULL. */
typedef bool entry_skips(const struct resp_node *name);
json_t *entry_fields_but(const struct resp_node *fields, entry_skips *skips);

/* Appends that as text. */
void entry_put_fields(const struct entry *e, struct buf *b);
