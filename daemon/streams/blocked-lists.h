/*
 * The lists in which clients wait for entries: of a stream, of a group, and of a name while there is no such stream.
 * Those of groups and names exist only while somebody waits in them. blocked.c says who waits where.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "protocol.h"
#include "streams-data.h"

struct blocked;

struct blocked_group {
	struct hashtable_node node;     /* in streams.blocked_groups, by number */
	LIST_ENTRY(blocked_group) link; /* in that of the stream */
	uint64_t no;
	struct blocked_list waiters;
	size_t n_claims; /* waiters with `claims` */
};

struct blocked_name {
	struct hashtable_node node; /* in streams.blocked_names, by name */
	struct blocked_list waiters;
	size_t len;
	uint8_t name[];
};

/* What a client waits for in one stream. One that does not exist (yet) is waited for by name. */
struct blocked_stream {
	struct stream_id after; /* XREAD: entries larger than this are wanted */
	uint64_t group;         /* XREADGROUP: the number of the group; or 0 */
	uint64_t consumer;      /* and that of the consumer, which may have gone */
	bool claims;            /* XREADGROUP CLAIM: it takes what others have, or have given back, too */
	/* For this folder alone. */
	struct blocked *blocked;
	struct slice name;
	TAILQ_ENTRY(blocked_stream) link;
	struct blocked_list *list; /* that link is in, or NULL */
	struct blocked_group *waiting_group;
	struct blocked_name *waiting_name;
};

/* The list of a group, by its number, or of a name; or NULL if nobody waits there. */
struct blocked_group *blocked_find_group(struct streams *streams, uint64_t no);
struct blocked_name *blocked_find_name(struct streams *streams, struct slice name);

/* Puts the entry at the end of the list that is its own now; none, if it waits for a group of a stream that is gone.
 * Returns 0 or -ENOMEM. */
int blocked_enter(struct streams *streams, struct blocked_stream *entry);

/* The entry leaves its list, if it is in one. Frees that of a group or name if it was the last. */
void blocked_leave(struct streams *streams, struct blocked_stream *entry);
