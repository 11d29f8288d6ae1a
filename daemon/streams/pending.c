/*
 * A sorted vector of leaves, each a sorted array. Groups work like queues: entries come at the end and go near the
 * beginning. So a new entry goes to the end of the last leaf, which is left full when the next one begins, and the
 * first of a leaf goes without moving the others. Leaves from whose middle much is removed are merged with their
 * neighbours: two leaves side by side have more than PENDING_MERGED entries together, so memory stays within a small
 * multiple of what the entries need.
 */
#include "pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* About what a leaf without histories takes in a batch. */
#define PENDING_LEAF_BATCH 400

/* Neighbours with so many entries together become one leaf. */
#define PENDING_MERGED (PENDING_LEAF_MAX * 3 / 4)

void
pending_init(struct pending *pending)
{
	*pending = (struct pending){ 0 };
	TAILQ_INIT(&pending->dirty);
	TAILQ_INIT(&pending->histories.list);
}

void
pending_deinit(struct pending *pending)
{
	struct pending_history *history;

	while ((history = TAILQ_FIRST(&pending->histories.list))) {
		TAILQ_REMOVE(&pending->histories.list, history, link);
		pending_history_free(history);
	}
	for (size_t i = 0; i < pending->n; i++)
		free(pending_leaf(pending, i));
	free(pending->leaves);
	free(pending->spare);
	free(pending->gone);
	pending_init(pending);
}

size_t
pending_bytes(const struct pending *pending)
{
	return (pending->n + (pending->spare != NULL)) * sizeof(struct pending_leaf) +
	       pending->cap * sizeof(*pending->leaves) + pending->cap_gone * sizeof(*pending->gone);
}

size_t
pending_batch_bytes(const struct pending *pending, size_t n_dirty)
{
	size_t n = pending->n_dirty > n_dirty ? pending->n_dirty - n_dirty : 0;

	return n > 0 ? n * (PENDING_LEAF_BATCH + pending->histories.bytes / pending->n) : 0;
}

struct pending_place
pending_search(const struct pending *pending, struct stream_id id)
{
	size_t low = 0, high = pending->n, at_low = 0, at_high;
	struct pending_leaf *leaf;

	/* The first leaf whose last entry is at least id. In a queue that is the first of all: it is tried first. */
	for (bool is_first = true; low < high; is_first = false) {
		size_t middle = is_first ? 0 : low + (high - low) / 2;

		leaf = pending_leaf(pending, middle);
		if (stream_id_cmp(pending_leaf_entry(leaf, leaf->n - 1)->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == pending->n)
		return low > 0 ? (struct pending_place){ low - 1, pending_leaf(pending, low - 1)->n }
		               : (struct pending_place){ 0, 0 };
	leaf = pending_leaf(pending, low);
	if (stream_id_cmp(pending_leaf_entry(leaf, 0)->id, id) >= 0)
		return (struct pending_place){ low, 0 };
	at_high = leaf->n;
	while (at_low < at_high) {
		size_t middle = at_low + (at_high - at_low) / 2;

		if (stream_id_cmp(pending_leaf_entry(leaf, middle)->id, id) < 0)
			at_low = middle + 1;
		else
			at_high = middle;
	}
	return (struct pending_place){ low, at_low };
}

struct stream_pending *
pending_next(const struct pending *pending, struct stream_id id)
{
	struct pending_place place = pending_search(pending, id);

	if (pending->n == 0 || place.at == pending_leaf(pending, place.leaf)->n)
		return NULL;
	return pending_leaf_entry(pending_leaf(pending, place.leaf), place.at);
}

struct stream_pending *
pending_find(const struct pending *pending, struct stream_id id)
{
	struct stream_pending *entry = pending_next(pending, id);

	return entry && stream_id_cmp(entry->id, id) == 0 ? entry : NULL;
}

struct stream_pending *
pending_prev(const struct pending *pending, struct stream_id id)
{
	struct pending_place place = pending_search(pending, id);
	struct pending_leaf *leaf;

	if (pending->n == 0)
		return NULL;
	leaf = pending_leaf(pending, place.leaf);
	if (place.at < leaf->n && stream_id_cmp(pending_leaf_entry(leaf, place.at)->id, id) == 0)
		return pending_leaf_entry(leaf, place.at);
	if (place.at > 0)
		return pending_leaf_entry(leaf, place.at - 1);
	if (place.leaf == 0)
		return NULL;
	leaf = pending_leaf(pending, place.leaf - 1);
	return pending_leaf_entry(leaf, leaf->n - 1);
}

struct stream_pending *
pending_walk(const struct pending *pending, struct pending_walk *walk)
{
	struct pending_leaf *leaf;
	size_t at;

	if (walk->leaf == pending->n)
		return NULL;
	leaf = pending_leaf(pending, walk->leaf);
	at = walk->at++;
	if (walk->at == leaf->n)
		*walk = (struct pending_walk){ .leaf = walk->leaf + 1 };
	return pending_leaf_entry(leaf, at);
}

void
pending_walk_from(const struct pending *pending, struct pending_walk *walk, struct stream_id id)
{
	struct pending_place place = pending_search(pending, id);

	*walk = (struct pending_walk){ place.leaf, place.at };
	if (pending->n > 0 && place.at == pending_leaf(pending, place.leaf)->n)
		*walk = (struct pending_walk){ .leaf = place.leaf + 1 };
}

static void
leaf_touch(struct pending *pending, struct pending_leaf *leaf)
{
	if (leaf->is_dirty)
		return;
	leaf->is_dirty = true;
	pending->n_dirty++;
	TAILQ_INSERT_TAIL(&pending->dirty, leaf, dirty_link);
}

void
pending_changed(struct pending *pending, const struct stream_pending *entry)
{
	leaf_touch(pending, pending_leaf(pending, pending_search(pending, entry->id).leaf));
}

/* Room for one more leaf, in the vector and, for the day it goes, among those that are gone. Returns 0 or -ENOMEM. */
static int
pending_reserve_leaf(struct pending *pending)
{
	size_t gone = pending->n + pending->n_gone + 1;

	if (gone > pending->cap_gone) {
		uint64_t *numbers = reallocarray(pending->gone, 2 * gone, sizeof(*numbers));

		if (!numbers)
			return -ENOMEM;
		pending->gone = numbers;
		pending->cap_gone = 2 * gone;
	}
	if (pending->first + pending->n < pending->cap)
		return 0;
	if (pending->first > pending->n) { /* half of it is free at the beginning */
		memmove(pending->leaves, pending->leaves + pending->first, pending->n * sizeof(*pending->leaves));
		pending->first = 0;
	} else {
		size_t cap = 2 * pending->cap + 4;
		struct pending_leaf **leaves = reallocarray(pending->leaves, cap, sizeof(*leaves));

		if (!leaves)
			return -ENOMEM;
		pending->leaves = leaves;
		pending->cap = cap;
	}
	return 0;
}

struct pending_leaf *
pending_new_leaf(struct pending *pending, size_t i)
{
	struct pending_leaf *leaf, **to;

	if (pending_reserve_leaf(pending) < 0)
		return NULL;
	leaf = pending->spare ? pending->spare : malloc(sizeof(*leaf));
	if (!leaf)
		return NULL;
	pending->spare = NULL;
	leaf->no = ++pending->last_no;
	leaf->is_dirty = leaf->is_stored = false;
	leaf->from = leaf->n = 0;
	to = &pending->leaves[pending->first + i];
	memmove(to + 1, to, (pending->n - i) * sizeof(*to));
	*to = leaf;
	pending->n++;
	return leaf;
}

static void
pending_drop_leaf(struct pending *pending, size_t i)
{
	struct pending_leaf *leaf = pending_leaf(pending, i), **at = &pending->leaves[pending->first + i];

	if (i == 0)
		pending->first++;
	else
		memmove(at, at + 1, (pending->n - i - 1) * sizeof(*at));
	if (--pending->n == 0)
		pending->first = 0;
	if (leaf->is_dirty) {
		TAILQ_REMOVE(&pending->dirty, leaf, dirty_link);
		pending->n_dirty--;
	}
	if (leaf->is_stored)
		pending->gone[pending->n_gone++] = leaf->no;
	if (pending->spare)
		free(leaf);
	else
		pending->spare = leaf;
}

/* Moves `count` entries from place `at` of a leaf to the end of another, which has room. */
static void
leaf_move(struct pending_leaf *to, struct pending_leaf *from, size_t at)
{
	size_t count = from->n - at;

	if (to->from + to->n + count > PENDING_LEAF_MAX) {
		memmove(to->entries, pending_leaf_entry(to, 0), to->n * sizeof(to->entries[0]));
		to->from = 0;
	}
	memcpy(pending_leaf_entry(to, to->n), pending_leaf_entry(from, at), count * sizeof(to->entries[0]));
	to->n = (uint16_t)(to->n + count);
	from->n = (uint16_t)at;
}

/* Makes room for an entry before place->at, which may move to another leaf. Returns the leaf, or NULL without memory.
 */
static struct pending_leaf *
pending_make_room(struct pending *pending, struct pending_place *place)
{
	struct pending_leaf *leaf = pending->n > 0 ? pending_leaf(pending, place->leaf) : NULL, *right;

	if (leaf && leaf->n < PENDING_LEAF_MAX)
		return leaf;
	if (!leaf)
		return pending_new_leaf(pending, 0);
	right = pending_new_leaf(pending, place->leaf + 1);
	if (!right)
		return NULL;
	if (place->at == leaf->n) { /* it goes behind all, where a leaf is left full */
		place->at = 0;
		return right;
	}
	leaf_move(right, leaf, leaf->n / 2);
	leaf_touch(pending, leaf);
	leaf_touch(pending, right);
	if (place->at <= leaf->n)
		return leaf;
	place->at -= leaf->n;
	return right;
}

struct stream_pending *
pending_add(struct pending *pending, struct stream_id id)
{
	struct pending_place place = pending_search(pending, id);
	struct pending_leaf *leaf = pending_make_room(pending, &place);
	struct stream_pending *entry;

	if (!leaf)
		return NULL;
	if (leaf->from > 0 && (place.at == 0 || leaf->from + leaf->n == PENDING_LEAF_MAX)) {
		/* those before it go one back */
		leaf->from--;
		memmove(pending_leaf_entry(leaf, 0), pending_leaf_entry(leaf, 1), place.at * sizeof(*entry));
	} else {
		entry = pending_leaf_entry(leaf, place.at);
		memmove(entry + 1, entry, (leaf->n - place.at) * sizeof(*entry));
	}
	leaf->n++;
	leaf_touch(pending, leaf);
	pending->n_entries++;
	entry = pending_leaf_entry(leaf, place.at);
	*entry = (struct stream_pending){ .id = id };
	return entry;
}

/* Merges the i-th leaf with a neighbour if both together are small. */
static void
pending_merge(struct pending *pending, size_t i)
{
	struct pending_leaf *leaf = pending_leaf(pending, i);

	if (leaf->n == 0) {
		pending_drop_leaf(pending, i);
		return;
	}
	if (leaf->n > PENDING_MERGED)
		return;
	if (i + 1 < pending->n && leaf->n + pending_leaf(pending, i + 1)->n <= PENDING_MERGED)
		i++;
	else if (i == 0 || leaf->n + pending_leaf(pending, i - 1)->n > PENDING_MERGED)
		return;
	leaf_move(pending_leaf(pending, i - 1), pending_leaf(pending, i), 0);
	leaf_touch(pending, pending_leaf(pending, i - 1));
	pending_drop_leaf(pending, i);
}

bool
pending_remove(struct pending *pending, struct stream_id id, struct stream_pending *ret_was)
{
	struct pending_place place = pending_search(pending, id);
	struct pending_leaf *leaf = pending->n > 0 ? pending_leaf(pending, place.leaf) : NULL;
	struct stream_pending *entry;

	if (!leaf || place.at == leaf->n)
		return false;
	entry = pending_leaf_entry(leaf, place.at);
	if (stream_id_cmp(entry->id, id) != 0)
		return false;
	pending_history_drop(&pending->histories, &entry->history);
	if (ret_was)
		*ret_was = *entry;
	if (place.at == 0)
		leaf->from++;
	else
		memmove(entry, entry + 1, (leaf->n - place.at - 1) * sizeof(*entry));
	if (--leaf->n == 0)
		leaf->from = 0;
	pending->n_entries--;
	leaf_touch(pending, leaf);
	pending_merge(pending, place.leaf);
	return true;
}
