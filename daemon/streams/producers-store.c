/*
 * A record for each producer, under its name, with all that is known of it; and one under an empty name, with what
 * XCFGSET has set, and how many entries and repetitions there were ever.
 */
#include "producers-store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "varint.h"

/* Bytes of one entry of the ring on disk, at most. */
#define SEEN_MAX (sizeof(struct producer_iid) + 3 * VARINT_MAX)

static int
producer_save(struct streams *streams, const struct stream *stream, const struct producer *producer)
{
	uint8_t *record = malloc(producer->n * SEEN_MAX + 1), *p = record;
	int r;

	if (!record)
		return -ENOMEM;
	for (uint32_t i = 0; i < producer->n; i++) {
		const struct producer_seen *seen = producer_at(producer, i);

		memcpy(p, seen->iid.hash, sizeof(seen->iid.hash)); /* opaque bytes */
		p = varint_put(p + sizeof(seen->iid.hash), seen->id.ms);
		p = varint_put(p, seen->id.seq);
		p = varint_put(p, seen->ms);
	}
	streams->flow->work.done += WORK_LOOKUP + producer->n * 4;
	r = storage_put(streams->storage, STORAGE_PRODUCERS, stream->no,
	                (struct slice){ producer->pid, producer->pid_len },
	                (struct slice){ record, (size_t)(p - record) });
	free(record);
	return r;
}

int
producers_save(struct streams *streams, struct stream *stream)
{
	struct producers *producers = stream->producers;
	const struct producer *producer;
	uint8_t record[4 * VARINT_MAX], *p = record;
	int r = 0;

	if (!producers)
		return 0;
	TAILQ_FOREACH(producer, &producers->gone, link) {
		r = storage_delete(streams->storage, STORAGE_PRODUCERS, stream->no,
		                   (struct slice){ producer->pid, producer->pid_len });
		if (r < 0)
			return r;
	}
	TAILQ_FOREACH(producer, &producers->dirty, dirty_link) {
		r = producer_save(streams, stream, producer);
		if (r < 0)
			return r;
	}
	if (!producers->is_dirty)
		return 0;
	p = varint_put(p, producers->duration_s);
	p = varint_put(p, producers->size);
	p = varint_put(p, producers->added);
	p = varint_put(p, producers->duplicates);
	return storage_put(streams->storage, STORAGE_PRODUCERS, stream->no, (struct slice){ record, 0 },
	                   (struct slice){ record, (size_t)(p - record) });
}

void
producers_saved(struct stream *stream)
{
	struct producers *producers = stream->producers;
	struct producer *producer;

	if (!producers)
		return;
	producers->is_dirty = false;
	while ((producer = TAILQ_FIRST(&producers->gone))) {
		TAILQ_REMOVE(&producers->gone, producer, link);
		free(producer);
	}
	while ((producer = TAILQ_FIRST(&producers->dirty))) {
		TAILQ_REMOVE(&producers->dirty, producer, dirty_link);
		producer->is_dirty = false;
		producer->is_stored = true;
	}
}

int
producers_erase(struct streams *streams, const struct stream *stream)
{
	return stream->producers ? storage_delete_owner(streams->storage, STORAGE_PRODUCERS, stream->no) : 0;
}

static int
producers_load_configuration(struct stream *stream, struct slice value)
{
	const uint8_t *p = value.p, *end = p + value.len;
	uint64_t duration_s, size, added, duplicates;

	if (!varint_get(&p, end, &duration_s) || !varint_get(&p, end, &size) || !varint_get(&p, end, &added) ||
	    !varint_get(&p, end, &duplicates) || duration_s == 0 || duration_s > PRODUCERS_KEEP_MAX || size == 0 ||
	    size > PRODUCERS_SIZE_MAX)
		return -EBADMSG;
	stream->producers->duration_s = (uint32_t)duration_s;
	stream->producers->size = (uint32_t)size;
	stream->producers->added = added;
	stream->producers->duplicates = duplicates;
	return 0;
}

/*
 * The record with the empty key comes first, so the size is known. What a producer was not answered, it sends again
 * when the daemon is back: so for how long identifiers are known counts anew.
 */
int
producers_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value, uint64_t now_ms)
{
	const uint8_t *p = value.p, *end = p + value.len;
	struct producer *producer;

	if (producers_make(stream) < 0)
		return -ENOMEM;
	if (key.len == 0)
		return producers_load_configuration(stream, value);
	producer = producers_get(streams, stream, key);
	if (!producer)
		return -ENOMEM;
	producer->is_stored = true;
	while (p < end) {
		struct producer_seen seen;

		if (producer->n == stream->producers->size || (size_t)(end - p) < sizeof(seen.iid.hash))
			return -EBADMSG;
		memcpy(seen.iid.hash, p, sizeof(seen.iid.hash));
		p += sizeof(seen.iid.hash);
		if (!varint_get(&p, end, &seen.id.ms) || !varint_get(&p, end, &seen.id.seq) ||
		    !varint_get(&p, end, &seen.ms))
			return -EBADMSG;
		seen.ms = now_ms;
		if (producer_append(streams, stream, producer, seen) < 0)
			return -ENOMEM;
	}
	return 0;
}
