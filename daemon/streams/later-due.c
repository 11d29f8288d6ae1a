/*
 * An entry that cannot be added holds up those of its stream behind it, and is tried again after RETRY_MS. While too
 * much waits for the disk, nothing is added.
 */
#include "later-due.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "later.h"
#include "stream-name.h"
#include "stream-retain.h"
#include "streams-clock.h"
#include "streams-room.h"

#define RETRY_MS 1000

/* What adding an entry that is due costs, beside its bytes. */
#define FIRE_WORK (3 * WORK_LOOKUP)
/* So many fields need no memory of their own meanwhile. */
#define FIRE_FIELDS 16

/* Entries lie anywhere in memory: those that are so far behind are fetched meanwhile. */
#define FIRE_AHEAD 6

#define LATER_LOG_LINES 5
#define LATER_LOG_MS 60000

#define LATER(node_) ((struct later *)((char *)(node_)-offsetof(struct later, due)))

/* Adds the entry to its stream. Returns NULL, or why it cannot. */
static const char *
later_append(struct streams *streams, struct stream *stream, const struct later_entry *entry, uint64_t now_ms)
{
	struct stream_entry fields = later_fields(entry);
	struct slice few[2 * FIRE_FIELDS], *argv = few;
	const char *refusal;
	struct stream_id id;
	int r;

	refusal = stream_retain_refusal(streams, stream);
	if (refusal)
		return refusal;
	if (!stream_next_id(stream, now_ms, &id))
		return "its IDs are exhausted";
	if (entry->n_fields > FIRE_FIELDS && !(argv = reallocarray(NULL, 2 * entry->n_fields, sizeof(*argv))))
		return strerror(ENOMEM);
	for (size_t i = 0; i < 2 * entry->n_fields; i++)
		argv[i] = stream_entry_next(&fields);
	r = stream_append(streams, stream, id, (struct stream_fields){ argv, entry->n_fields });
	if (argv != few)
		free(argv);
	return r < 0 ? strerror(-r) : NULL;
}

/* Too much is waiting for the disk: it goes on after the next commit. */
static bool
later_must_wait(const struct streams *streams)
{
	return streams->dirty_bytes + streams->committing_bytes > streams->limits.queue_bytes;
}

static void
later_log(struct streams *streams, const struct stream *stream, const char *reason)
{
	if (log_limit_allows(&streams->later_log, LATER_LOG_LINES, LATER_LOG_MS, streams->flow->now_ms, NULL))
		log_error("a delayed entry cannot be added to stream '%s': %s; it is tried again",
		          stream_name_text(stream).text, streams_refusal_reason(reason));
}

/* Adds what is due of one stream. */
static void
later_fire(struct streams *streams, struct later *later, uint64_t now_ms, uint64_t work_end)
{
	struct stream *stream = later->stream;
	bool has_expired = stream->expires_ms > 0 && now_ms >= stream->expires_ms, is_writable;
	uint64_t added = stream->added, not_before_ms = has_expired ? now_ms + RETRY_MS : 0;
	struct stream_pending *first;

	is_writable = storage_state(streams->storage) == STORAGE_OK;
	while (!has_expired && streams->flow->work.done < work_end && !later_must_wait(streams) &&
	       (first = pending_first(&later->set)) && first->id.ms <= now_ms) {
		struct later_entry *entry = first->later;
		const char *reason =
		    is_writable ? later_append(streams, stream, entry, now_ms) : storage_reason(streams->storage);

		pending_prefetch(&later->set, FIRE_AHEAD);
		streams->flow->work.done += FIRE_WORK + 2 * WORK_BYTES(entry->len);
		if (reason) {
			later_log(streams, stream, reason);
			not_before_ms = now_ms + RETRY_MS;
			break;
		}
		later_fired(streams, later, entry);
	}
	later_schedule(streams, later, not_before_ms);
	later_charge(later);
	if (stream->added > added)
		blocked_wake(streams, stream);
}

void
later_advance(struct streams *streams, uint64_t work_end)
{
	struct heap_node *first = heap_first(&streams->laters_due);
	uint64_t now_ms = first ? streams_unix_exact_ms() : 0;

	for (; first && first->key <= now_ms && streams->flow->work.done < work_end && !later_must_wait(streams) &&
	       !streams->is_dead;
	     first = heap_first(&streams->laters_due))
		later_fire(streams, LATER(first), now_ms, work_end);
	later_free_gone(streams, work_end);
}

bool
later_have_work(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->laters_due);

	return !TAILQ_EMPTY(&streams->laters_gone) || !TAILQ_EMPTY(&streams->laters_fired) ||
	       (first && !streams->is_dead && !later_must_wait(streams) && first->key <= streams_unix_exact_ms());
}

uint64_t
later_next_deadline(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->laters_due);
	uint64_t now_ms;

	if (!first || streams->is_dead || later_must_wait(streams))
		return UINT64_MAX;
	now_ms = streams_unix_exact_ms();
	return streams_now_us() + (first->key > now_ms ? (first->key - now_ms) * 1000 : 0);
}
