/*
 * Clients that wait for entries: XREAD and XREADGROUP with BLOCK. Such a client is in state WAITING; when it is woken,
 * its command runs again and finds here what it resolved when it ran first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "blocked-lists.h"
#include "heap.h"

struct blocked {
	struct client *client;
	bool is_over;                 /* the deadline has passed, or CLIENT UNBLOCK */
	bool is_unblocked_with_error; /* CLIENT UNBLOCK ... ERROR */
	bool is_served;               /* set by XREADGROUP, see blocked_free() */
	bool is_awake;                /* was woken, and has not begun to wait again */
	bool must_look_again;         /* there was something to claim while it was awake */
	uint64_t deadline_us;         /* of CLOCK_MONOTONIC; UINT64_MAX: none */
	struct heap_node alarm;       /* in streams.deadlines: the deadline, or an earlier time, see blocked_retry() */
	size_t memory;                /* bytes that it takes */
	size_t n;
	struct blocked_stream streams[];
};

/* What a command waits for: one of these for each stream, in the order of its arguments. */
struct blocked_key {
	struct slice name;
	struct stream_id after;
	uint64_t group, consumer;
	bool claims;
};

/*
 * Begins to wait: the client goes to state WAITING. timeout_ms: 0: for ever. The caller keeps *ret_blocked for the
 * client and frees it when the command is done or the client goes. Returns 0; -ENOMEM; -ESRCH if the client has died.
 */
int blocked_begin(struct streams *streams, struct client *c, const struct blocked_key *keys, size_t n,
                  uint64_t timeout_ms, struct blocked **ret_blocked);

/* It waits for this group of its stream from now on. */
void blocked_set_group(struct streams *streams, struct blocked_stream *entry, uint64_t group);

/* Waits once more, at its old place, after the command ran again and found nothing. Returns false if the client has
 * died. */
bool blocked_again(struct streams *streams, struct blocked *blocked);

/* Call after one of these, for a command that claims: it is woken after so long, even if nothing happens; or at once if
 * there was something to claim while it was awake. Holds until it is woken. */
void blocked_retry(struct streams *streams, struct blocked *blocked, uint64_t after_ms);

/*
 * Takes NULL. If it was woken for a group, the next one of the group is woken in its place; unless it is_served: then
 * the command has taken entries, and has called blocked_wake_next() where there are more.
 */
void blocked_free(struct streams *streams, struct blocked *blocked);

/* Entries were added: wakes all XREAD that want them, and of each group the XREADGROUP that waits longest. */
void blocked_wake(struct streams *streams, struct stream *stream);
/* A group has entries to give: wakes the XREADGROUP that waits longest. */
void blocked_wake_next(struct streams *streams, struct stream *stream, uint64_t group);
/* Entries of a group can be claimed: wakes the XREADGROUP CLAIM that waits longest; when that is done, the next. */
void blocked_wake_claims(struct streams *streams, struct stream *stream, uint64_t group);
/* The group, or the stream, is gone: those that wait for it run again, and find that out, or one that has its name. */
void blocked_wake_group(struct streams *streams, struct stream *stream, uint64_t group);
void blocked_wake_all(struct streams *streams, struct stream *stream);
/* A stream was made, or has its name now: those that waited for that name wait for it now. */
void blocked_adopt(struct streams *streams, struct stream *stream);

/* CLIENT UNBLOCK. Returns whether the client was blocked. */
bool blocked_unblock(struct streams *streams, struct blocked *blocked, bool with_error);

/*
 * The next deadline in microseconds of CLOCK_MONOTONIC, or UINT64_MAX; and: wakes those whose deadline has passed. It
 * may leave some for the next pass.
 */
uint64_t blocked_next_deadline(const struct streams *streams);
void blocked_check(struct streams *streams);
