/*
 * What groups give again without being asked to, for streams whose rule says so (stream-rule.h): which connection was
 * given a pending entry last, when it is given again, and which entries can be given at once. All of it is in memory
 * only. Groups of other streams have none of it.
 *
 * Whoever made the stream pays for the memory; there is at most one handout for each pending entry.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "group-values.h"
#include "pending.h"
#include "streams-data.h"

TAILQ_HEAD(handout_list, handout);

/* A pending entry that somebody has; or, if is_delayed, that was released and has to wait. */
struct handout {
	struct heap_node due;            /* in streams.handouts_due, if it is given again by itself */
	TAILQ_ENTRY(handout) group_link; /* in handouts.list */
	TAILQ_ENTRY(handout) link;       /* in holder.list, oldest first */
	struct handouts *handouts;
	struct holder *holder; /* NULL: delayed, or it is not known who has it */
	struct stream_id id;
	bool is_delayed;
	bool is_orphan; /* of a connection to the daemon that ran before; it may come back and claim it */
};

/* Of one connection: what it has. */
struct holder {
	const struct client *client; /* NULL: it has gone */
	struct handout_list list;
	TAILQ_ENTRY(holder) link; /* in streams.holders_ending */
};

/* Of one group. */
struct handouts {
	TAILQ_ENTRY(handouts) link;        /* in streams.handouts_gone or streams.handouts_scanned */
	struct stream *stream;             /* NULL: the group is gone */
	uint64_t group;                    /* its number */
	struct pending *pending;           /* the group's */
	struct group_values *values;       /* the group's, or NULL */
	struct pending released;           /* the ids of entries that can be given at once */
	struct pending doomed;             /* the ids of entries that are for the dead-letter stream */
	TAILQ_ENTRY(handouts) doomed_link; /* in streams.handouts_doomed, while there are some */
	struct handout_list list;
	size_t n, n_delayed;
	size_t charged, n_charged, leaves_charged; /* bytes that are charged, and for what */
	bool is_scanned, has_orphans;              /* see handouts_scan() */
	struct stream_id scan_at;
};

void handouts_init_all(struct streams *streams);

/* Without memory: NULL. */
struct handouts *handouts_new(struct streams *streams, struct stream *stream, uint64_t group, struct pending *pending,
                              struct group_values *values);
/* The group goes, with its pending entries. Takes NULL. */
void handouts_end(struct streams *streams, struct handouts *handouts);

/* Charges the maker of the stream with the histories of a group, as they are now. */
void handouts_charge_histories(struct streams *streams, const struct stream *stream,
                               struct pending_histories *histories);

/* The histories of a group that goes are freed in portions, too. */
void handouts_take_histories(struct streams *streams, const struct stream *stream, struct pending_histories *histories);

/*
 * The entry was given to a connection; NULL: it is not known to which. Or a consumer has given it back: it can be given
 * again, at once or after its delay; or it is doomed, after too many deliveries or a fatal one; of a group without a
 * dead-letter stream it stays where it is if its deliveries are those of XNACK FATAL. What there is no memory for is
 * made up for later.
 */
void handouts_give(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                   struct holder *holder);
void handouts_release(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                      enum pending_cause cause);
/* Nobody has the entry, but whoever had it may claim it within so long; then it is released. */
void handouts_keep(struct streams *streams, struct handouts *handouts, struct stream_pending *entry, uint64_t keep_ms);
/* The entry is not pending any more, or nothing is to be done about it. */
void handouts_forget(struct streams *streams, struct handouts *handouts, struct stream_pending *entry);

/*
 * Looks at all pending entries of the group in later passes: for when its rule has changed. Of those that nobody is
 * known to have, has_orphans says that really nobody has them: they are released.
 */
void handouts_scan(struct streams *streams, struct handouts *handouts, bool has_orphans);

/* NULL without memory. */
struct holder *holder_new(const struct client *client);
/* The connection is gone: what it has is released in the next passes. Takes NULL. */
void holder_end(struct streams *streams, struct holder *holder);

/* What follows is for handouts-advance.c and group-idle.c. */

/* What holds for the group. */
const struct stream_delivery *handouts_delivery(struct streams *streams, struct handouts *handouts);
/* Takes the handout out of all lists. */
void handout_free(struct streams *streams, struct handout *handout);
void handouts_stop_scan(struct streams *streams, struct handouts *handouts);
/* Notes how a delivery has ended, and for how long the entry is not given again; as far as there is memory for it. */
void handouts_note(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                   enum pending_cause cause, uint64_t delay_ms);
/* What becomes of an entry that nobody has any more: it is doomed, or given again, perhaps after a delay. */
void handouts_settle(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                     uint64_t delay_ms);
/* Of an entry that was given back before the daemon started: what is left of its delay, in ms. */
uint64_t handouts_delay_left(struct streams *streams, struct handouts *handouts, const struct stream_pending *entry);
