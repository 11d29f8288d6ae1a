/* How deliveries of a pending entry have ended, and the histories that there are of a list of pending entries. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"

/* Bytes of a text that is kept with an entry, at most. */
#define PENDING_TEXT_MAX ((size_t)256)

enum pending_cause {
	PENDING_FAILED,    /* a consumer said so */
	PENDING_TIMED_OUT, /* it was not acknowledged in time */
	PENDING_DIED,      /* the connection that had it ended */
	PENDING_RELEASED,  /* it was given back without being counted */
	PENDING_CAUSES,
};

/* How deliveries of an entry have ended, once one did without an acknowledgement. */
struct pending_history {
	TAILQ_ENTRY(pending_history) link; /* in pending_histories.list */
	uint64_t ended[PENDING_CAUSES];    /* so many by each cause */
	uint64_t consumer;                 /* the number of the one that had it last, or 0 */
	uint64_t due_ms;                   /* Unix time before which it is not given again, or 0 */
	uint8_t cause;                     /* enum pending_cause: how the last one has ended */
	bool is_over;                      /* nobody has the entry since */
	bool is_fatal;                     /* is not to be given again: it goes to the dead-letter stream */
	/* What the last consumer that gave it back has said. */
	bool has_status;
	int64_t status;
	size_t text_len;
	uint8_t *text; /* or NULL */
};

struct pending_histories {
	TAILQ_HEAD(, pending_history) list;
	size_t bytes;   /* of memory */
	size_t charged; /* of these, what handouts.c has charged */
};

/* Returns *history, which is made if it is NULL; NULL without memory. */
struct pending_history *pending_history_get(struct pending_histories *histories, struct pending_history **history);

/* The text is cut, between characters, if it is longer than PENDING_TEXT_MAX. Empty: there is none. Returns 0 or
 * -ENOMEM. */
int pending_history_set_text(struct pending_histories *histories, struct pending_history *history, struct slice text);

/* Frees *history, if there is one, and makes it NULL. */
void pending_history_drop(struct pending_histories *histories, struct pending_history **history);

/* Frees one that is in no list. */
void pending_history_free(struct pending_history *history);
