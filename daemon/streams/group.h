/*
 * A consumer group: how far it has read its stream, its consumers, and the entries that it has given to them and that
 * are not acknowledged yet (pending), in the order of their ids.
 *
 * Whoever made the stream pays for the memory of its groups, as for its blocks (stream-owner.h). A group has at most
 * max_pending (stream-rule.h) pending entries and GROUP_CONSUMERS_MAX consumers, a stream GROUP_MAX groups.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "group-values.h"
#include "handouts.h"
#include "heap.h"
#include "pending.h"
#include "streams-data.h"

#define GROUP_READ_UNKNOWN UINT64_MAX

#define GROUP_MAX 1024
#define GROUP_CONSUMERS_MAX 16384

TAILQ_HEAD(stream_consumers, stream_consumer);

struct stream_group {
	TAILQ_ENTRY(stream_group) link; /* in stream.groups, by name; or in stream.gone_groups */
	uint64_t no;                    /* on disk; never used again */
	struct stream *stream;
	struct stream_id last;              /* the last entry that was given to a consumer */
	uint64_t entries_read;              /* of all that were ever added, those up to last; or GROUP_READ_UNKNOWN */
	struct stream_consumer **consumers; /* by name */
	size_t n_consumers, consumers_cap;
	struct pending pending;
	struct handouts *handouts;   /* of a group that redelivers, once it is needed; or NULL */
	struct group_values *values; /* of its own, or NULL */
	uint8_t *name;
	size_t name_len;
	struct heap_node idle; /* in streams.groups_idle, if consumers may be removed */
	struct stream_id idle_at;
	/* For the disk. */
	bool is_dirty, is_stored;          /* the record of the group itself */
	struct stream_consumer **numbered; /* consumers by number */
	uint64_t last_consumer_no;
	struct stream_consumers dirty_consumers;
	uint64_t *gone; /* numbers of consumers on disk that are gone; has room for all that there are */
	size_t n_gone, gone_cap;
	size_t consumer_bytes; /* memory of all consumers */
	size_t charged; /* of memory that the maker of the stream pays for, beside histories of pending entries */
};

struct stream_group *group_find(const struct stream *stream, struct slice name);
struct stream_group *group_find_no(const struct stream *stream, uint64_t no);
/* Makes a group that does not exist; the caller has looked at GROUP_MAX. Returns NULL without memory. */
struct stream_group *group_new(struct streams *streams, struct stream *stream, struct slice name, struct stream_id last,
                               uint64_t entries_read);
/* The group has been given entries up to this one. No more count as read than were ever added. */
void group_set_last(struct streams *streams, struct stream_group *group, struct stream_id last, uint64_t entries_read);
/* Gives the group these values of its own, in place of those it has. What follows from it: group_apply_rule(). Returns
 * 0 or -ENOMEM. */
int group_set_values(struct streams *streams, struct stream_group *group, const struct group_values *values);
/* Removes a group, in memory and with the next commit on disk. Wakes those that wait for it: blocked_wake_group(). */
void group_delete(struct streams *streams, struct stream *stream, struct stream_group *group);

static inline void
group_init_all(struct stream *stream)
{
	TAILQ_INIT(&stream->groups);
	TAILQ_INIT(&stream->gone_groups);
	stream->n_groups = 0;
}

/* The stream is deleted: its groups do nothing by themselves any more. */
void group_retire_all(struct streams *streams, struct stream *stream);
void group_free_all(struct streams *streams, struct stream *stream);

/* Pending entries are found with pending_find(&group->pending, id) and its like. */

/*
 * Gives an entry to a consumer, whether it is pending already or not; NULL: to none, it is given back. The caller sets
 * delivered_ms and deliveries, which are 0 for a new one. Returns NULL without memory.
 */
struct stream_pending *group_give(struct streams *streams, struct stream_group *group, struct stream_consumer *consumer,
                                  struct stream_id id);
/* Returns whether it was pending. */
bool group_acknowledge(struct streams *streams, struct stream_group *group, struct stream_id id);

/* Whether some group of the stream has not been given the entry yet, or has not seen it acknowledged. */
bool group_any_needs(const struct stream *stream, struct stream_id id);
/* Drops the entry from the pending entries of all groups. */
void group_forget_everywhere(struct streams *streams, struct stream *stream, struct stream_id id);

/* For group-store.c: a group with a given number; NULL without memory. */
struct stream_group *group_insert(struct streams *streams, struct stream *stream, uint64_t no, struct slice name);
/* Charges the maker of the group with what it takes now. */
void group_charge(struct streams *streams, struct stream_group *group);
/* The order of names: less than 0, 0, or more. */
int group_compare_names(const uint8_t *a, size_t a_len, struct slice b);
