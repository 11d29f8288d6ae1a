/*
 * Who has added an entry. Where the rule of a stream says so (stream_rule.sender), the daemon writes the user ID of the
 * client, as the kernel knows it, into a field of each entry. What a client says in such a field is not believed,
 * unless it is an administrator's, who may add again what others have sent.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "block.h"
#include "bus.h"
#include "client.h"
#include "num.h"
#include "protocol.h"
#include "stream.h"
#include "stream-rule.h"

/* The fields that are added; for sender_end(). */
struct sender_fields {
	struct stream_fields fields;
	struct slice *argv; /* of `fields`; NULL: they are those that were given */
	char uid[NUM_DIGITS_MAX + 2];
};

/* For sender_begin(). */
int sender_sign(struct bus *bus, const struct client *c, struct stream_fields given, struct sender_fields *ret);

/*
 * The fields that the stream gets when the client adds these, which stay the caller's as long as those are used.
 * Returns 0 or -ENOMEM, and then there is nothing to end.
 */
static inline int
sender_begin(struct bus *bus, const struct client *c, struct streams *streams, struct stream *stream,
             struct stream_fields given, struct sender_fields *ret)
{
	ret->fields = given;
	ret->argv = NULL;
	return stream_rule(streams, stream)->sender ? sender_sign(bus, c, given, ret) : 0;
}

static inline void
sender_end(struct sender_fields *sent)
{
	free(sent->argv);
}

/* For sender_append(). */
int sender_append_signed(struct bus *bus, const struct client *c, struct streams *streams, struct stream *stream,
                         struct stream_id id, struct stream_fields given);

/* Appends an entry that the client adds, as stream_append(). */
static inline int
sender_append(struct bus *bus, const struct client *c, struct streams *streams, struct stream *stream,
              struct stream_id id, struct stream_fields given)
{
	return stream_rule(streams, stream)->sender ? sender_append_signed(bus, c, streams, stream, id, given)
	                                            : stream_append(streams, stream, id, given);
}
