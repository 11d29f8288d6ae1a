#include "pending-store.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "varint.h"

/* Bytes that an entry takes on disk at most: the two parts of the id, consumer, time, deliveries; and its history. */
#define PENDING_ENTRY_BYTES (5 * VARINT_MAX)
#define PENDING_HISTORY_BYTES ((PENDING_CAUSES + 6) * VARINT_MAX + PENDING_TEXT_MAX)
#define PENDING_LEAF_BYTES (PENDING_LEAF_MAX * (PENDING_ENTRY_BYTES + PENDING_HISTORY_BYTES))

/* Of a history. */
enum { PENDING_IS_FATAL = 1, PENDING_HAS_STATUS = 2, PENDING_IS_OVER = 4, PENDING_FLAGS_ALL = 7 };

static uint64_t
pending_fold_sign(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static int64_t
pending_unfold_sign(uint64_t value)
{
	return (int64_t)((value >> 1) ^ -(value & 1));
}

static uint8_t *
pending_pack_history(uint8_t *p, const struct pending_history *history)
{
	for (size_t i = 0; i < PENDING_CAUSES; i++)
		p = varint_put(p, history->ended[i]);
	p = varint_put(p, history->cause);
	p = varint_put(p, history->consumer);
	p = varint_put(p, history->due_ms);
	p = varint_put(p, (history->is_fatal ? PENDING_IS_FATAL : 0) | (history->has_status ? PENDING_HAS_STATUS : 0) |
	                      (history->is_over ? PENDING_IS_OVER : 0));
	p = varint_put(p, pending_fold_sign(history->status));
	p = varint_put(p, history->text_len);
	return slice_put(p, (struct slice){ history->text, history->text_len });
}

/* Entries one after another: the id as differences to the one before, consumer (0: none), time as difference, twice
 * the deliveries, and one more if the history follows.
 */
static size_t
pending_pack(struct pending_leaf *leaf, uint8_t *to)
{
	struct stream_id last = STREAM_ID_MIN;
	uint64_t last_ms = 0;
	uint8_t *p = to;

	for (size_t i = 0; i < leaf->n; i++) {
		const struct stream_pending *entry = pending_leaf_entry(leaf, i);

		p = varint_put(p, entry->id.ms - last.ms);
		p = varint_put(p, entry->id.ms == last.ms ? entry->id.seq - last.seq : entry->id.seq);
		p = varint_put(p, entry->consumer ? entry->consumer->no : 0);
		p = varint_put(p, pending_fold_sign((int64_t)(entry->delivered_ms - last_ms)));
		p = varint_put(p, entry->deliveries << 1 | (entry->history != NULL));
		if (entry->history)
			p = pending_pack_history(p, entry->history);
		last = entry->id;
		last_ms = entry->delivered_ms;
	}
	return (size_t)(p - to);
}

int
pending_save(const struct pending *pending, struct storage *storage, uint64_t owner)
{
	uint8_t packed[PENDING_LEAF_BYTES];
	struct pending_leaf *leaf;
	int r = 0;

	for (size_t i = 0; r == 0 && i < pending->n_gone; i++) {
		uint64_t key = htobe64(pending->gone[i]);

		r = storage_delete(storage, STORAGE_PENDING, owner, (struct slice){ (uint8_t *)&key, sizeof(key) });
	}
	TAILQ_FOREACH(leaf, &pending->dirty, dirty_link) {
		uint64_t key = htobe64(leaf->no);

		if (r < 0)
			break;
		r = storage_put(storage, STORAGE_PENDING, owner, (struct slice){ (uint8_t *)&key, sizeof(key) },
		                (struct slice){ packed, pending_pack(leaf, packed) });
	}
	return r;
}

void
pending_saved(struct pending *pending)
{
	struct pending_leaf *leaf;

	pending->n_gone = pending->n_dirty = 0;
	while ((leaf = TAILQ_FIRST(&pending->dirty))) {
		TAILQ_REMOVE(&pending->dirty, leaf, dirty_link);
		leaf->is_dirty = false;
		leaf->is_stored = true;
	}
}

/* Returns 0, -ENOMEM or -EBADMSG. */
static int
pending_unpack_history(struct pending *pending, struct stream_pending *entry, const uint8_t **p, const uint8_t *end)
{
	struct pending_history *history = pending_history_get(&pending->histories, &entry->history);
	uint64_t cause, flags, status, len;

	if (!history)
		return -ENOMEM;
	for (size_t i = 0; i < PENDING_CAUSES; i++)
		if (!varint_get(p, end, &history->ended[i]))
			return -EBADMSG;
	if (!varint_get(p, end, &cause) || cause >= PENDING_CAUSES || !varint_get(p, end, &history->consumer) ||
	    !varint_get(p, end, &history->due_ms) || !varint_get(p, end, &flags) || flags > PENDING_FLAGS_ALL ||
	    !varint_get(p, end, &status) || !varint_get(p, end, &len) || len > PENDING_TEXT_MAX ||
	    len > (size_t)(end - *p))
		return -EBADMSG;
	history->cause = (uint8_t)cause;
	history->is_fatal = flags & PENDING_IS_FATAL;
	history->is_over = flags & PENDING_IS_OVER;
	history->has_status = flags & PENDING_HAS_STATUS;
	history->status = pending_unfold_sign(status);
	*p += len;
	return pending_history_set_text(&pending->histories, history, (struct slice){ *p - len, len });
}

/* Histories that were read stay with the leaf, also if it returns an error. Returns 0, -ENOMEM or -EBADMSG. */
static int
pending_unpack(struct pending *pending, struct pending_leaf *leaf, struct slice value,
               struct stream_consumer *(*find_consumer)(void *arg, uint64_t no), void *arg)
{
	const uint8_t *p = value.p, *end = value.p + value.len;
	struct stream_pending last = { 0 };

	while (p < end) {
		struct stream_pending entry = { 0 };
		uint64_t ms, seq, no, when, deliveries;

		if (leaf->n == PENDING_LEAF_MAX || !varint_get(&p, end, &ms) || !varint_get(&p, end, &seq) ||
		    !varint_get(&p, end, &no) || !varint_get(&p, end, &when) || !varint_get(&p, end, &deliveries))
			return -EBADMSG;
		entry.id.ms = last.id.ms + ms;
		entry.id.seq = ms == 0 ? last.id.seq + seq : seq;
		entry.consumer = no > 0 ? find_consumer(arg, no) : NULL;
		entry.delivered_ms = last.delivered_ms + (uint64_t)pending_unfold_sign(when);
		entry.deliveries = deliveries >> 1;
		if ((leaf->n > 0 && stream_id_cmp(entry.id, last.id) <= 0) || (no > 0 && !entry.consumer))
			return -EBADMSG;
		leaf->entries[leaf->n++] = last = entry;
		if (deliveries & 1) {
			int r = pending_unpack_history(pending, &leaf->entries[leaf->n - 1], &p, end);

			if (r < 0)
				return r;
		}
	}
	return leaf->n > 0 ? 0 : -EBADMSG;
}

/* Puts the leaf where it belongs. Returns 0, -ENOMEM or -EBADMSG. */
static int
pending_place_leaf(struct pending *pending, const struct pending_leaf *leaf)
{
	uint64_t last_no = pending->last_no;
	struct pending_leaf *to;
	struct pending_place place = pending_search(pending, leaf->entries[0].id);

	if (pending->n > 0) {
		to = pending_leaf(pending, place.leaf);
		if (place.at == to->n)
			place.leaf++;
		else if (place.at > 0 ||
		         stream_id_cmp(pending_leaf_entry(to, 0)->id, leaf->entries[leaf->n - 1].id) <= 0)
			return -EBADMSG;
	}
	to = pending_new_leaf(pending, place.leaf);
	if (!to)
		return -ENOMEM;
	pending->last_no = leaf->no > last_no ? leaf->no : last_no;
	*to = *leaf;
	pending->n_entries += leaf->n;
	return 0;
}

int
pending_load(struct pending *pending, struct slice key, struct slice value,
             struct stream_consumer *(*find_consumer)(void *arg, uint64_t no), void *arg)
{
	struct pending_leaf leaf = { .is_stored = true };
	uint64_t no;
	int r;

	if (key.len != sizeof(no))
		return -EBADMSG;
	memcpy(&no, key.p, sizeof(no));
	leaf.no = be64toh(no);
	r = pending_unpack(pending, &leaf, value, find_consumer, arg);
	if (r == 0)
		r = pending_place_leaf(pending, &leaf);
	for (size_t i = 0; r < 0 && i < leaf.n; i++)
		pending_history_drop(&pending->histories, &leaf.entries[i].history);
	return r;
}
