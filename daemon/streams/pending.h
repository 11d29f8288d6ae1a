/*
 * The entries that a group has given to its consumers and that are not acknowledged yet, in the order of their ids. It
 * is kept on disk in leaves of up to PENDING_LEAF_MAX entries, of which only those that were changed are written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pending-history.h"
#include "protocol.h"
#include "stream-id.h"

#define PENDING_LEAF_MAX 64

struct handout;
struct later;
struct later_entry;
struct pending_leaf;

TAILQ_HEAD(pending_leaves, pending_leaf);

struct stream_consumer {
	uint64_t no;                 /* within the group; never used again */
	uint64_t seen_ms, active_ms; /* Unix time of its last command, and of the last that gave it an entry or 0 */
	uint64_t n_pending;
	TAILQ_ENTRY(stream_consumer) dirty_link;
	bool is_dirty, is_stored;
	size_t name_len;
	uint8_t name[];
};

struct stream_pending {
	struct stream_id id;
	struct stream_consumer *consumer; /* or NULL: it was given back (XNACK) */
	uint64_t delivered_ms;            /* Unix time of the last delivery; 0 after it was given back */
	uint64_t deliveries;
	union {
		struct handout *handout;   /* handouts.c's; or NULL */
		struct later_entry *later; /* later.c's */
		struct later *laters;      /* likewise */
	};
	struct pending_history *history; /* or NULL */
};

/* What pending_init() made. */
struct pending {
	struct pending_leaf **leaves; /* leaves[first .. first + n), by id */
	size_t first, n, cap;
	struct pending_leaves dirty; /* leaves that changed since the last save */
	size_t n_dirty;
	struct pending_leaf *spare; /* an empty one, or NULL */
	uint64_t *gone;             /* numbers of leaves that are on disk and not here any more */
	size_t n_gone, cap_gone;    /* cap_gone is at least n + n_gone, so that a removal needs no memory */
	uint64_t last_no;
	uint64_t n_entries;
	struct pending_histories histories; /* of the entries */
};

void pending_init(struct pending *pending);
void pending_deinit(struct pending *pending);

/* Bytes of memory, without histories. */
size_t pending_bytes(const struct pending *pending);

/* About what those leaves take in a batch that became dirty since n_dirty was that. */
size_t pending_batch_bytes(const struct pending *pending, size_t n_dirty);

/* What these return is valid until an entry is added or removed. Or NULL: there is none. */
struct stream_pending *pending_find(const struct pending *pending, struct stream_id id);
struct stream_pending *pending_next(const struct pending *pending, struct stream_id id); /* the first one from id on */
struct stream_pending *pending_prev(const struct pending *pending, struct stream_id id); /* the last one up to id */

/* Goes through all entries; begins with a zeroed walk. Nothing may be added or removed meanwhile. */
struct pending_walk {
	size_t leaf, at;
};
struct stream_pending *pending_walk(const struct pending *pending, struct pending_walk *walk);
/* Begins with the first entry from id on. */
void pending_walk_from(const struct pending *pending, struct pending_walk *walk, struct stream_id id);

/* Adds an entry that is not in it; the caller sets the other members at once. Returns NULL without memory. */
struct stream_pending *pending_add(struct pending *pending, struct stream_id id);

/* Returns whether it was there; *ret_was, if not NULL, is what it was, without its history. */
bool pending_remove(struct pending *pending, struct stream_id id, struct stream_pending *ret_was);

/* Call after a change of an entry: it is saved. */
void pending_changed(struct pending *pending, const struct stream_pending *entry);

/* For how many ms nobody was given it; -1: it was given back. */
static inline int64_t
pending_idle(const struct stream_pending *entry, uint64_t now_ms)
{
	if (!entry->consumer)
		return -1;
	return entry->delivered_ms < now_ms ? (int64_t)(now_ms - entry->delivered_ms) : 0;
}

/* One delivery more. */
static inline uint64_t
pending_count(uint64_t deliveries)
{
	return deliveries < INT64_MAX ? deliveries + 1 : INT64_MAX;
}

/* Whether there is something to be saved. */
static inline bool
pending_is_dirty(const struct pending *pending)
{
	return pending->n_gone > 0 || !TAILQ_EMPTY(&pending->dirty);
}

/* What follows is for pending-store.c, too. */

struct pending_leaf {
	TAILQ_ENTRY(pending_leaf) dirty_link;
	uint64_t no; /* its key on disk; never used again within the group */
	bool is_dirty, is_stored;
	uint16_t from, n; /* entries[from .. from + n) */
	struct stream_pending entries[PENDING_LEAF_MAX];
};

/* Where an entry is, or belongs. */
struct pending_place {
	size_t leaf; /* counted from pending.first */
	size_t at;   /* counted from leaf.from */
};

static inline struct pending_leaf *
pending_leaf(const struct pending *pending, size_t i)
{
	return pending->leaves[pending->first + i];
}

static inline struct stream_pending *
pending_leaf_entry(struct pending_leaf *leaf, size_t i)
{
	return &leaf->entries[leaf->from + i];
}

/* Or NULL if it is empty; valid until an entry is added or removed. */
static inline struct stream_pending *
pending_first(const struct pending *pending)
{
	return pending->n > 0 ? pending_leaf_entry(pending_leaf(pending, 0), 0) : NULL;
}

/* Reads ahead what belongs to the entry so many places behind the first one, where that is in the same leaf. */
static inline void
pending_prefetch(const struct pending *pending, size_t ahead)
{
	struct pending_leaf *leaf = pending_leaf(pending, 0);
	const char *later;

	if (ahead >= leaf->n)
		return;
	later = (const char *)pending_leaf_entry(leaf, ahead)->later;
	__builtin_prefetch(later);
	__builtin_prefetch(later + 64);
}

/* The first entry whose id is at least `id`; at == leaf.n, in the last leaf, if there is none; 0, 0 if all is empty. */
struct pending_place pending_search(const struct pending *pending, struct stream_id id);

/* A new empty leaf as the i-th; or NULL without memory. */
struct pending_leaf *pending_new_leaf(struct pending *pending, size_t i);
