/* The stop of a loop: what clients have sent before it is handled, then they are closed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct stop {
	struct loop *loop;
	uint64_t last_id;    /* clients with a higher id have not been read at all */
	uint64_t drained_id; /* of the last client that was drained */
	uint64_t n_unread;   /* clients that had sent more than was read */
	bool is_closing;     /* all that was sent is handled */
	uint64_t closed_id;  /* of the last client that was closed then */
	bool is_done;        /* all clients are closed, or will be once they have taken their output */
};

void stop_init(struct stop *stop, struct loop *loop);

/* Call before each turn: clients that come from now on are not read in it. */
void stop_note_clients(struct stop *stop);

/* Call before connections are accepted for the last time. timeout_ms: until it must be over. */
void stop_begin(struct stop *stop, uint64_t timeout_ms);

/* Does a part of it. Call in each pass; does nothing before stop_begin(). */
void stop_advance(struct stop *stop);

/* Whether stop_advance() has more to do, with no event to wait for. */
bool stop_has_work(const struct stop *stop);

/* Logs what is left undone, if anything is. */
void stop_log_rest(const struct stop *stop);
