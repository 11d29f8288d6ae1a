/*
 * The entries of a stream are in the order of their times, so what is due stands first: a stream is in a heap with the
 * time of its first entry.
 */
#include "later.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* Beside an entry's bytes, what it takes in a batch. */
#define LATER_RECORD_BYTES 64
/* Entries that have come due belong to nobody until they are freed: at once above so many bytes of them. */
#define LATER_FIRED_BYTES ((size_t)16 * 1024 * 1024)

void
later_init_all(struct streams *streams)
{
	pending_init(&streams->laters);
	TAILQ_INIT(&streams->laters_gone);
	TAILQ_INIT(&streams->laters_fired);
}

void
later_charge(struct later *later)
{
	size_t bytes = sizeof(*later) + later->bytes + pending_bytes(&later->set);

	later->stream->owner->bytes += bytes - later->charged;
	later->charged = bytes;
}

static struct stream_id
later_key(uint64_t no)
{
	return (struct stream_id){ .ms = no };
}

struct later *
later_from(const struct streams *streams, uint64_t no)
{
	const struct stream_pending *next = pending_next(&streams->laters, later_key(no));

	return next ? next->laters : NULL;
}

/* What the stream has of them, made if there is nothing yet. NULL without memory. */
static struct later *
later_get(struct streams *streams, struct stream *stream)
{
	struct later *later = stream->later;
	struct stream_pending *place;

	if (later)
		return later;
	later = calloc(1, sizeof(*later));
	place = later ? pending_add(&streams->laters, later_key(stream->no)) : NULL;
	if (!place) {
		free(later);
		return NULL;
	}
	place->laters = later;
	later->stream = stream;
	pending_init(&later->set);
	TAILQ_INIT(&later->dirty);
	TAILQ_INIT(&later->gone);
	stream->later = later;
	stream->has_later = true;
	return later;
}

const struct later_entry *
later_next(const struct stream *stream, struct stream_id id)
{
	const struct stream_pending *next = stream->later ? pending_next(&stream->later->set, id) : NULL;

	return next ? next->later : NULL;
}

int
later_schedule(struct streams *streams, struct later *later, uint64_t not_before_ms)
{
	const struct stream_pending *first = pending_first(&later->set);
	uint64_t due_ms = !first ? 0 : first->id.ms > not_before_ms ? first->id.ms : not_before_ms;

	if (later->due.at > 0 && first && later->due.key == due_ms)
		return 0;
	heap_remove(&streams->laters_due, &later->due);
	return first ? heap_add(&streams->laters_due, &later->due, due_ms) : 0;
}

/* Takes the entry over, if it returns 0. */
static int
later_put(struct streams *streams, struct later *later, struct later_entry *entry)
{
	struct stream_pending *place =
	    pending_find(&later->set, entry->id) ? NULL : pending_add(&later->set, entry->id);

	if (!place)
		return -ENOMEM;
	place->later = entry;
	if (later_schedule(streams, later, 0) < 0) {
		pending_remove(&later->set, entry->id, NULL);
		return -ENOMEM;
	}
	streams->n_later++;
	later->bytes += sizeof(*entry) + entry->len;
	later_charge(later);
	return 0;
}

int
later_insert(struct streams *streams, struct stream *stream, struct stream_id id, uint32_t n_fields, struct slice data)
{
	struct later *later = later_get(streams, stream);
	struct later_entry *entry = later ? malloc(sizeof(*entry) + data.len) : NULL;

	if (!entry)
		return -ENOMEM;
	*entry = (struct later_entry){ .id = id, .is_stored = true, .n_fields = n_fields, .len = data.len };
	slice_put(entry->data, data);
	if (later_put(streams, later, entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	return 0;
}

int
later_add(struct streams *streams, struct stream *stream, uint64_t due_ms, struct stream_fields fields,
          struct stream_id *ret_id)
{
	struct later *later = later_get(streams, stream);
	struct later_entry *entry;
	size_t size = 0;
	uint8_t *p;

	for (size_t i = 0; i < 2 * fields.n_fields; i++)
		size += VARINT_MAX + fields.argv[i].len;
	entry = later ? malloc(sizeof(*entry) + size) : NULL;
	if (!entry)
		return -ENOMEM;
	*entry = (struct later_entry){ .id = { due_ms, streams->last_no + 1 }, .n_fields = (uint32_t)fields.n_fields };
	p = entry->data;
	for (size_t i = 0; i < 2 * fields.n_fields; i++)
		p = slice_put(varint_put(p, fields.argv[i].len), fields.argv[i]);
	entry->len = (size_t)(p - entry->data);
	if (later_put(streams, later, entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	streams->last_no++;
	TAILQ_INSERT_TAIL(&later->dirty, entry, link);
	streams->dirty_bytes += entry->len + LATER_RECORD_BYTES;
	streams->flow->work.done += 4 * WORK_LOOKUP + WORK_BYTES(entry->len);
	stream_touch(streams, stream);
	*ret_id = entry->id;
	return 0;
}

static void
later_take_out(struct streams *streams, struct later *later, struct later_entry *entry)
{
	pending_remove(&later->set, entry->id, NULL);
	streams->n_later--;
	later->bytes -= sizeof(*entry) + entry->len;
	if (!entry->is_stored)
		TAILQ_REMOVE(&later->dirty, entry, link);
}

/* Frees the one that came due first of those that wait for it. */
static void
later_free_fired(struct streams *streams)
{
	struct later_entry *entry = TAILQ_FIRST(&streams->laters_fired);

	streams->flow->work.done += WORK_VISIT;
	TAILQ_REMOVE(&streams->laters_fired, entry, link);
	streams->laters_fired_bytes -= sizeof(*entry) + entry->len;
	free(entry);
}

void
later_fired(struct streams *streams, struct later *later, struct later_entry *entry)
{
	if (entry->is_stored) {
		later->fired_to = entry->id;
		later->has_fired = true;
	}
	later_take_out(streams, later, entry);
	streams->came_due++;
	TAILQ_INSERT_TAIL(&streams->laters_fired, entry, link);
	streams->laters_fired_bytes += sizeof(*entry) + entry->len;
	while (streams->laters_fired_bytes > LATER_FIRED_BYTES)
		later_free_fired(streams);
}

bool
later_was_cancelled(const struct stream *stream, struct stream_id id, uint64_t now_ms)
{
	return id.ms > now_ms && !(stream->later && pending_find(&stream->later->set, id));
}

bool
later_cancel(struct streams *streams, struct stream *stream, struct stream_id id)
{
	struct stream_pending *found = stream->later ? pending_find(&stream->later->set, id) : NULL;
	struct later_entry *entry;

	if (!found)
		return false;
	streams->flow->work.done += 4 * WORK_LOOKUP;
	entry = found->later;
	later_take_out(streams, stream->later, entry);
	if (entry->is_stored)
		TAILQ_INSERT_TAIL(&stream->later->gone, entry, link);
	else
		free(entry);
	later_schedule(streams, stream->later, 0);
	later_charge(stream->later);
	stream_touch(streams, stream);
	return true;
}

void
later_free_gone(struct streams *streams, uint64_t work_end)
{
	struct later_entry *entry;
	struct later *later;

	while (streams->flow->work.done < work_end && !TAILQ_EMPTY(&streams->laters_fired))
		later_free_fired(streams);
	while (streams->flow->work.done < work_end && (later = TAILQ_FIRST(&streams->laters_gone))) {
		struct stream_pending *last = pending_prev(&later->set, STREAM_ID_MAX);

		streams->flow->work.done += 2 * WORK_VISIT;
		if ((entry = TAILQ_FIRST(&later->gone))) {
			TAILQ_REMOVE(&later->gone, entry, link);
			free(entry);
		} else if (last) {
			entry = last->later;
			pending_remove(&later->set, entry->id, NULL);
			free(entry);
		} else {
			TAILQ_REMOVE(&streams->laters_gone, later, link);
			pending_deinit(&later->set);
			free(later);
		}
	}
}

void
later_end(struct streams *streams, struct stream *stream)
{
	struct later *later = stream->later;

	if (!later)
		return;
	heap_remove(&streams->laters_due, &later->due);
	pending_remove(&streams->laters, later_key(stream->no), NULL);
	TAILQ_INSERT_TAIL(&streams->laters_gone, later, link);
	stream->owner->bytes -= later->charged;
	streams->n_later -= later->set.n_entries;
	later->stream = NULL;
	stream->later = NULL;
}

void
later_deinit_all(struct streams *streams)
{
	later_free_gone(streams, UINT64_MAX);
	pending_deinit(&streams->laters);
	heap_deinit(&streams->laters_due);
}
