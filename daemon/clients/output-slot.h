/* Replies of clients that are not known yet, see outq-slot.h. */
#pragma once

#include <stddef.h>

#include "flow.h"

/*
 * Keeps the place of a client's next reply. Returns what output_fill() is called with, a reference; or NULL, and then
 * the client has died.
 */
struct barrier *output_push_slot(struct flow *flow, struct client *c);

/*
 * The reply: len bytes, at least one, at offset of the chunk. Call once for each slot, unless the client goes before:
 * then outq_abandon() is called. The reference stays the caller's.
 */
void output_fill(struct flow *flow, struct client *c, struct barrier *slot, struct chunk *chunk, size_t offset,
                 size_t len);
