/* Messages that are stored: what is published to a channel whose stream says so is added to that stream. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "block.h"
#include "bus.h"
#include "publish-request.h"

/* The field of an entry that a message is. */
#define STORED_FIELD "message"

static inline bool
stored_is_field(struct slice name)
{
	return name.len == sizeof(STORED_FIELD) - 1 && memcmp(name.p, STORED_FIELD, name.len) == 0;
}

/* The value of that field; or false if the entry is no message, since somebody added it who did not publish. */
bool stored_get_message(const struct stream_entry *entry, struct slice *ret_payload);

/*
 * Adds a message to the stream of its channel, which is made if there is none; the publisher's user pays for that.
 * Returns NULL and what the answer has to wait for; or the text of an error reply, valid until the next call.
 */
const char *stored_add(struct bus *bus, const struct client *publisher, const struct publish_request *request,
                       struct barrier **ret_barrier);

/* After batch_open() for a channel that is stored: opens another batch if what follows goes into another commit.
 * Returns 0 or -ENOMEM. */
int stored_bind_batch(struct bus *bus, struct client *publisher, struct channel *channel, size_t payload_len);

/* As stored_add(), for the next message of that batch: its barrier waits for the disk, too. */
const char *stored_add_to_batch(struct bus *bus, const struct client *publisher, const struct publish_request *request);
