#include "pending-store.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "varint.h"

/* Bytes that a leaf takes on disk at most: per entry the two parts of the id, consumer, time, deliveries. */
#define PENDING_LEAF_BYTES (PENDING_LEAF_MAX * 5 * VARINT_MAX)

/* Entries one after another: the id as differences to the one before, consumer (0: none), time as difference,
 * deliveries.
 */
static size_t
pending_pack(struct pending_leaf *leaf, uint8_t *to)
{
	struct stream_id last = STREAM_ID_MIN;
	uint64_t last_ms = 0;
	uint8_t *p = to;

	for (size_t i = 0; i < leaf->n; i++) {
		const struct stream_pending *entry = pending_leaf_entry(leaf, i);
		int64_t delta_ms = (int64_t)(entry->delivered_ms - last_ms);

		p = varint_put(p, entry->id.ms - last.ms);
		p = varint_put(p, entry->id.ms == last.ms ? entry->id.seq - last.seq : entry->id.seq);
		p = varint_put(p, entry->consumer ? entry->consumer->no : 0);
		p = varint_put(p, ((uint64_t)delta_ms << 1) ^ (uint64_t)(delta_ms >> 63));
		p = varint_put(p, entry->deliveries);
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

static bool
pending_unpack(struct pending_leaf *leaf, struct slice value,
               struct stream_consumer *(*find_consumer)(void *arg, uint64_t no), void *arg)
{
	const uint8_t *p = value.p, *end = value.p + value.len;
	struct stream_pending last = { 0 };

	while (p < end) {
		struct stream_pending entry = { 0 };
		uint64_t ms, seq, no, when;

		if (leaf->n == PENDING_LEAF_MAX || !varint_get(&p, end, &ms) || !varint_get(&p, end, &seq) ||
		    !varint_get(&p, end, &no) || !varint_get(&p, end, &when) || !varint_get(&p, end, &entry.deliveries))
			return false;
		entry.id.ms = last.id.ms + ms;
		entry.id.seq = ms == 0 ? last.id.seq + seq : seq;
		entry.consumer = no > 0 ? find_consumer(arg, no) : NULL;
		entry.delivered_ms = last.delivered_ms + ((when >> 1) ^ -(when & 1));
		if ((leaf->n > 0 && stream_id_cmp(entry.id, last.id) <= 0) || (no > 0 && !entry.consumer))
			return false;
		leaf->entries[leaf->n++] = last = entry;
	}
	return leaf->n > 0;
}

int
pending_load(struct pending *pending, struct slice key, struct slice value,
             struct stream_consumer *(*find_consumer)(void *arg, uint64_t no), void *arg)
{
	struct pending_leaf leaf = { .is_stored = true }, *to;
	struct pending_place place;
	struct stream_id first, last;
	uint64_t no, last_no = pending->last_no;

	if (key.len != sizeof(no) || !pending_unpack(&leaf, value, find_consumer, arg))
		return -EBADMSG;
	memcpy(&no, key.p, sizeof(no));
	leaf.no = be64toh(no);
	first = leaf.entries[0].id;
	last = leaf.entries[leaf.n - 1].id;
	place = pending_search(pending, first);
	if (pending->n > 0) {
		to = pending_leaf(pending, place.leaf);
		if (place.at == to->n)
			place.leaf++;
		else if (place.at > 0 || stream_id_cmp(pending_leaf_entry(to, 0)->id, last) <= 0)
			return -EBADMSG;
	}
	to = pending_new_leaf(pending, place.leaf);
	if (!to)
		return -ENOMEM;
	pending->last_no = leaf.no > last_no ? leaf.no : last_no;
	*to = leaf;
	pending->n_entries += leaf.n;
	return 0;
}
