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
};

/* Of one connection: what it has. */
struct holder {
	struct handout_list list;
	TAILQ_ENTRY(holder) link; /* in streams.holders_ending */
};

/* Of one group. */
struct handouts {
	TAILQ_ENTRY(handouts) link; /* in streams.handouts_gone or streams.handouts_scanned */
	struct stream *stream;      /* NULL: the group is gone */
	uint64_t group;             /* its number */
	struct pending *pending;    /* the group's */
	struct pending released;    /* the ids of entries that can be given at once */
	struct handout_list list;
	size_t n;
	size_t charged;
	bool is_scanned, has_orphans; /* see handouts_scan() */
	struct stream_id scan_at;
};

void handouts_init_all(struct streams *streams);
/* All streams are gone, and all holders have ended. */
void handouts_deinit_all(struct streams *streams);

/* Without memory: NULL. */
struct handouts *handouts_new(struct streams *streams, struct stream *stream, uint64_t group, struct pending *pending);
/* The group goes, with its pending entries. Takes NULL. */
void handouts_end(struct streams *streams, struct handouts *handouts);

/*
 * The entry was given to a connection; NULL: it is not known to which. Or it was released: it can be given again, at
 * once or after its delay; but not if its deliveries are those of XNACK FATAL. What there is no memory for is made up
 * for later.
 */
void handouts_give(struct streams *streams, struct handouts *handouts, struct stream_pending *entry,
                   struct holder *holder);
void handouts_release(struct streams *streams, struct handouts *handouts, struct stream_pending *entry);
/* The entry is not pending any more, or nothing is to be done about it. */
void handouts_forget(struct streams *streams, struct handouts *handouts, struct stream_pending *entry);

/*
 * Looks at all pending entries of the group in later passes: for when its rule has changed. Of those that nobody is
 * known to have, has_orphans says that really nobody has them: they are released.
 */
void handouts_scan(struct streams *streams, struct handouts *handouts, bool has_orphans);

struct holder *holder_new(void);
/* The connection is gone: what it has is released in the next passes. Takes NULL. */
void holder_end(struct streams *streams, struct holder *holder);

/* Does what is due, up to a value of work.done; and whether there is more, but for what is due at a later time. */
void handouts_advance(struct streams *streams, uint64_t work_end);
bool handouts_have_work(const struct streams *streams);
/* The next time at which something is due, in microseconds of CLOCK_MONOTONIC; or UINT64_MAX. */
uint64_t handouts_next_deadline(const struct streams *streams);
