/*
 * How a message is sent: published, added to a stream, or added later; and what makes a repetition harmless. In a spool
 * the way stands with each batch, so that what an earlier run has left is sent as that run was told to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"

/* The producer of an entry, see XADD IDMP, has so many identifiers at least for so long after UDSD IDMP, in seconds. */
#define WAY_IDENTIFIERS 100
#define WAY_REMEMBER_S (7 * 24 * 60 * 60)

/*
 * Messages without a key are spread over this many producers, so many to each in turn as it has identifiers. So no more
 * messages than WAY_WINDOW may be unanswered: of all those the daemon still knows whether it has them.
 */
#define WAY_PRODUCERS 256
#define WAY_WINDOW ((uint64_t)(WAY_PRODUCERS - 1) * WAY_IDENTIFIERS)

/* The longest key, and all fields with their RESP, in bytes. */
#define WAY_KEY_MAX ((size_t)512)
#define WAY_FIELDS_MAX ((size_t)32 * 1024)

enum way_kind { WAY_PUBLISH, WAY_STORE, WAY_LATER };

struct way {
	enum way_kind kind;
	uint64_t due_ms;     /* WAY_LATER: Unix time */
	uint64_t origin;     /* the number of the message that is the key's first */
	struct slice key;    /* of --id; or empty */
	struct slice fields; /* beside the message: bulk strings of RESP, n_fields of them */
	uint32_t n_fields;
};

/* What comes delay_ms from now is due; delay_ms 0: nothing changes. Returns whether another time is set than before. */
bool way_set_due(struct way *way, uint64_t delay_ms);

/* Appends what way_get() reads; nothing for WAY_PUBLISH. */
void way_put(const struct way *way, struct buf *b);

/* Returns false where the bytes are not a way. The slices point into them. */
bool way_get(struct slice bytes, struct way *ret_way);
