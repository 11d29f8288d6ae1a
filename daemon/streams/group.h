/*
 * A consumer group: how far it has read its stream, its consumers, and the entries that it has given to them and that
 * are not acknowledged yet (pending), in the order of their ids.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "streams-data.h"

#define GROUP_READ_UNKNOWN UINT64_MAX

struct stream_consumer {
	TAILQ_ENTRY(stream_consumer) link; /* by name */
	uint64_t no;                       /* within the group; never used again */
	uint64_t seen_ms, active_ms;       /* Unix time; active_ms 0: never */
	uint64_t n_pending;
	size_t name_len;
	uint8_t name[];
};

TAILQ_HEAD(stream_consumer_list, stream_consumer);

struct stream_pending {
	struct stream_id id;
	struct stream_consumer *consumer;
	uint64_t delivered_ms; /* Unix time of the last delivery */
	uint64_t deliveries;
};

struct stream_group {
	TAILQ_ENTRY(stream_group) link; /* in stream.groups, by name */
	uint64_t no;                    /* on disk; never used again */
	struct stream_id last;          /* the last entry that was given to a consumer */
	uint64_t entries_read;          /* or GROUP_READ_UNKNOWN */
	struct stream_consumer_list consumers;
	size_t n_consumers;
	uint64_t n_pending;
	struct group_pending *pending; /* see group.c */
	bool is_dirty;
	uint8_t *name;
	size_t name_len;
	/* More members belong to group.c alone. */
};

struct stream_group *group_find(const struct stream *stream, struct slice name);
/* Makes a group that does not exist. Returns NULL without memory. */
struct stream_group *group_new(struct streams *streams, struct stream *stream, struct slice name, struct stream_id last,
                               uint64_t entries_read);
/* Removes and frees a group, in memory and on disk. Wakes those that wait for it: blocked_wake_group(). */
void group_delete(struct streams *streams, struct stream *stream, struct stream_group *group);

/* For streams.c: frees all groups of a stream that goes; writes what has changed into the open batch (0 or -ENOMEM);
 * removes the group from disk in the open batch; takes what was loaded (0 or -errno). */
void group_free_all(struct stream *stream);
int group_save(struct storage *storage, struct stream *stream, struct stream_group *group);
int group_erase(struct storage *storage, struct stream *stream, const struct stream_group *group);
int group_load(struct streams *streams, struct stream *stream, uint64_t no, struct slice value);
int group_load_consumer(struct stream_group *group, uint64_t no, struct slice value);
int group_load_pending(struct stream_group *group, struct slice key, struct slice value);

struct stream_consumer *group_find_consumer(const struct stream_group *group, struct slice name);
/* Finds or makes it. NULL without memory. *ret_is_new may be NULL. */
struct stream_consumer *group_get_consumer(struct streams *streams, struct stream *stream, struct stream_group *group,
                                           struct slice name, bool *ret_is_new);
/* Its pending entries go with it, as in Redis. */
void group_delete_consumer(struct streams *streams, struct stream *stream, struct stream_group *group,
                           struct stream_consumer *consumer);

/* Pending entries. All that change something touch the stream. */
struct stream_pending *group_find_pending(const struct stream_group *group, struct stream_id id);
/* The first one whose id is at least `id`, or NULL; valid until something is changed. */
struct stream_pending *group_next_pending(const struct stream_group *group, struct stream_id id);
struct stream_pending *group_prev_pending(const struct stream_group *group, struct stream_id id); /* at most */
/* Gives an entry to a consumer, whether it is pending already or not. Returns NULL without memory. */
struct stream_pending *group_give(struct streams *streams, struct stream *stream, struct stream_group *group,
                                  struct stream_consumer *consumer, struct stream_id id);
/* Returns whether it was pending. */
bool group_acknowledge(struct streams *streams, struct stream *stream, struct stream_group *group, struct stream_id id);

/* Whether some group of the stream has not been given the entry yet, or has not seen it acknowledged. */
bool group_any_needs(const struct stream *stream, struct stream_id id);
/* Drops the entry from the pending entries of all groups. */
void group_forget_everywhere(struct streams *streams, struct stream *stream, struct stream_id id);
