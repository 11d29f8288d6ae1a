/*
 * Output of clients: queues it, and decides what a write means for a client. Afterwards the queue is compared with its
 * limit, see output-limit.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow.h"

/*
 * Queues output, see outq_push() for barrier and messages. A client for which there is no memory is closed; a dead one
 * gets nothing.
 */
void output_queue(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                  struct barrier *barrier, uint32_t messages);

/* The same for published messages: flow.executing gets them when its EXEC is done. */
void output_deliver(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len,
                    struct barrier *barrier, uint32_t messages);

/* The same for output that belongs to messages without being one: the first part of a large one, or a notice. */
void output_deliver_part(struct flow *flow, struct client *c, struct chunk *chunk, size_t offset, size_t len);

/*
 * Messages overtake replies that wait for a commit (outq.h), except those that are queued when this is called. Call
 * before a reply that says which messages come, or in which form.
 */
void output_pin(struct flow *flow, struct client *c);

/*
 * The replies of flow.executing between these calls are one answer, that of EXEC, into which no message may come.
 * output_begin_answer() returns a number for output_end_answer().
 */
uint32_t output_begin_answer(struct flow *flow, struct client *c);
void output_end_answer(struct flow *flow, struct client *c, uint32_t at);

/* Queues what was deferred for flow.executing, until work.done is `end`. Returns whether that was all. */
bool output_deliver_deferred(struct flow *flow, uint64_t end);

/* Copies bytes with flow.unicast. Returns their offset in its chunk, or -ENOMEM. */
int64_t output_append_unicast(struct flow *flow, const void *data, size_t len);

/* Drops what is queued for the client, but goes on handling its input. It must have left all channels. */
void output_stop(struct flow *flow, struct client *c);

/* Disconnects a clogged client: now if its socket is known to be full, else after the next write. */
void output_disconnect_slow(struct flow *flow, struct client *c);

/* Call after outq_write() for a client that is not dead, with its results. Sets the out_state. */
void output_flushed(struct flow *flow, struct client *c, enum outq_status status, size_t written,
                    struct barrier *barrier);
