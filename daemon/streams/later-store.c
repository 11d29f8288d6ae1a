/*
 * What was added in time is a range of keys, from the first one on. It is deleted before anything is written: an entry
 * that is added now may have an earlier time.
 */
#include "later-store.h"

#include <errno.h>
#include <stdlib.h>

#include "pending-store.h"

#define LATER_KEY_SIZE 16

static int
later_put_record(struct streams *streams, const struct stream *stream, const struct later_entry *entry)
{
	uint8_t key[LATER_KEY_SIZE];

	stream_id_put(key, entry->id);
	streams->flow->work.done += WORK_LOOKUP + WORK_BYTES(entry->len);
	return storage_put(streams->storage, STORAGE_LATER, stream->no, (struct slice){ key, sizeof(key) },
	                   (struct slice){ entry->data, entry->len });
}

static int
later_delete_fired(struct streams *streams, struct stream *stream)
{
	uint8_t from[LATER_KEY_SIZE], to[LATER_KEY_SIZE];

	if (!stream->later->has_fired)
		return 0;
	streams->flow->work.done += WORK_LOOKUP;
	stream_id_put(from, STREAM_ID_MIN);
	stream_id_put(to, stream->later->fired_to);
	if (storage_delete_range(streams->storage, STORAGE_LATER, stream->no, (struct slice){ from, sizeof(from) },
	                         (struct slice){ to, sizeof(to) }) < 0)
		return -ENOMEM;
	stream->later->has_fired = false;
	return 0;
}

int
later_save(struct streams *streams, struct stream *stream, uint64_t work_end)
{
	struct later *later = stream->later;
	struct later_entry *entry;
	uint8_t key[LATER_KEY_SIZE];

	if (!later)
		return 0;
	if (later_delete_fired(streams, stream) < 0)
		return -ENOMEM;
	while ((entry = TAILQ_FIRST(&later->gone))) {
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		streams->flow->work.done += WORK_LOOKUP;
		stream_id_put(key, entry->id);
		if (storage_delete(streams->storage, STORAGE_LATER, stream->no, (struct slice){ key, sizeof(key) }) < 0)
			return -ENOMEM;
		TAILQ_REMOVE(&later->gone, entry, link);
		free(entry);
	}
	while ((entry = TAILQ_FIRST(&later->dirty))) {
		if (streams->flow->work.done >= work_end)
			return -EAGAIN;
		if (later_put_record(streams, stream, entry) < 0)
			return -ENOMEM;
		TAILQ_REMOVE(&later->dirty, entry, link);
		entry->is_stored = true;
	}
	pending_saved(&later->set);
	return 0;
}

int
later_erase(struct streams *streams, const struct stream *stream)
{
	return storage_delete_owner(streams->storage, STORAGE_LATER, stream->no);
}

int
later_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value)
{
	const uint8_t *p = value.p, *end = value.p + value.len;
	struct stream_id id;
	uint64_t len;
	uint32_t n = 0;

	for (; p < end; n++) {
		if (!varint_get(&p, end, &len) || len > (size_t)(end - p))
			return -EBADMSG;
		p += len;
	}
	if (key.len != LATER_KEY_SIZE || n == 0 || n % 2 == 1)
		return -EBADMSG;
	id = stream_id_get(key.p);
	if (later_next(stream, id)) /* they come in order */
		return -EBADMSG;
	return later_insert(streams, stream, id, n / 2, value);
}
