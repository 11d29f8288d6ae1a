/*
 * Clients that wait for entries: XREAD and XREADGROUP with BLOCK. Such a client is in state WAITING; when it is woken,
 * its command runs again and finds here what it resolved when it ran first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "streams-data.h"

/* A client's place in the list of one stream. A stream that does not exist (yet) is waited for by name. */
struct blocked_stream {
	TAILQ_ENTRY(blocked_stream) link;
	struct blocked *blocked;
	struct stream *stream;  /* or NULL: no such stream; then it is found by name */
	struct stream_id after; /* XREAD: entries larger than this are wanted */
	uint64_t group;         /* XREADGROUP: the number of the group; or 0 */
				/* More members belong to blocked.c alone. */
};

struct blocked {
	struct client *client;
	uint64_t deadline_ms;         /* as flow.now_ms; 0: none */
	size_t at;                    /* in the heap of deadlines */
	bool is_over;                 /* the deadline has passed, or CLIENT UNBLOCK */
	bool is_unblocked_with_error; /* CLIENT UNBLOCK ... ERROR */
	size_t n;
	struct blocked_stream streams[];
};

/* What a command waits for: one of these for each stream, in the order of its arguments. */
struct blocked_key {
	struct slice name;
	struct stream_id after;
	uint64_t group;
};

/*
 * Begins to wait: the client goes to state WAITING. timeout_ms: 0: for ever. The caller keeps *ret_blocked for the
 * client and frees it when the command is done or the client goes. Returns 0; -ENOMEM; -ESRCH if the client has died.
 */
int blocked_begin(struct streams *streams, struct client *c, const struct blocked_key *keys, size_t n,
                  uint64_t timeout_ms, struct blocked **ret_blocked);
/* Waits once more, at its old place in the lists, after the command ran again and found nothing. */
bool blocked_again(struct streams *streams, struct blocked *blocked);
/* Takes NULL. */
void blocked_free(struct streams *streams, struct blocked *blocked);

/* Entries were added: wakes all XREAD, and of each group with entries to give the XREADGROUP that waits longest. */
void blocked_wake(struct streams *streams, struct stream *stream);
/* An XREADGROUP has taken what it wanted: wakes the next of its group if there is more. */
void blocked_wake_next(struct streams *streams, struct stream *stream, uint64_t group);
/* The group, or the stream, is gone: those that wait for it run again, and find that out. */
void blocked_wake_group(struct streams *streams, struct stream *stream, uint64_t group);
void blocked_wake_all(struct streams *streams, struct stream *stream);
/* A stream was made: those that waited for its name wait for it now. */
void blocked_adopt(struct streams *streams, struct stream *stream);

/* CLIENT UNBLOCK. Returns whether the client was blocked. */
bool blocked_unblock(struct streams *streams, struct blocked *blocked, bool with_error);

/* The next deadline as flow.now_ms, or UINT64_MAX; and: wakes those whose deadline has passed. */
uint64_t blocked_next_deadline(const struct streams *streams);
void blocked_check(struct streams *streams);
