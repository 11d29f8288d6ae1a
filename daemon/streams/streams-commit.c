/*
 * Changes are counted into batches: those of the pass, and of passes while a batch is under way, go into the next one.
 * When the store is free, everything that was changed is written into the store's open batch (streams-fill.c), in
 * several passes if that takes long, and is handed over when nothing is left.
 *
 * The barrier of the batch that is being filled exists at any time, so that an answer never lacks the barrier that it
 * has to wait for. After a failure for good no barrier opens any more: it is broken, see barrier_break().
 */
#include "streams-commit.h"

#include <errno.h>

#include "stream-cache.h"
#include "stream-retain.h"
#include "streams-fill.h"
#include "streams-registry.h"

static void
commit_open_barrier(struct barrier **barrier)
{
	if (!*barrier)
		return;
	barrier_arrive(*barrier);
	barrier_unref(*barrier);
	*barrier = NULL;
}

int
streams_commit_init(struct streams *streams)
{
	streams->batch = 2; /* what was loaded changed in 0 */
	streams->open = barrier_new_commit(&streams->flow->barriers);
	return streams->open ? 0 : -ENOMEM;
}

static bool
commit_is_due(const struct streams *streams)
{
	return !TAILQ_EMPTY(&streams->dirty) || !TAILQ_EMPTY(&streams->deleted) || streams->has_filled;
}

bool
streams_want_commit(const struct streams *streams)
{
	return commit_is_due(streams) && !streams->is_dead && !storage_is_committing(streams->storage);
}

bool
streams_have_changes(const struct streams *streams)
{
	return commit_is_due(streams) || streams->committing;
}

static void
commit_resume(struct streams *streams, struct client_list *list)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list))) {
		streams->flow->work.done += WORK_VISIT;
		flow_resume(streams->flow, c);
	}
}

/*
 * Nothing is left to be stored, although answers may wait for it, or clients for room: what they are about came and
 * went within one batch, such as a stream that was made and deleted.
 */
static void
commit_open_empty(struct streams *streams)
{
	struct barrier *next;

	streams->dirty_bytes = streams->ahead_bytes = 0;
	if (storage_is_committing(streams->storage) || streams->is_dead)
		return;
	commit_resume(streams, &streams->throttled);
	if (streams->open->refs == 1)
		return;
	next = barrier_new_commit(&streams->flow->barriers);
	if (!next)
		return;
	commit_open_barrier(&streams->open);
	streams->open = next;
}

/* Work for filling a batch in one pass. */
#define COMMIT_WORK ((uint64_t)3 * 1000 * 1000)

#define COMMIT_LOG_LINES 5
#define COMMIT_LOG_MS 60000

/* Says in the log that the store is full, or has room again; at its limit it may be both many times. */
static void
commit_note_state(struct streams *streams)
{
	enum storage_state state = storage_state(streams->storage);

	if (state == streams->told_state || state == STORAGE_DEAD ||
	    !log_limit_allows(&streams->state_log, COMMIT_LOG_LINES, COMMIT_LOG_MS, streams->flow->now_ms, NULL))
		return;
	streams->told_state = state;
	if (state == STORAGE_OK)
		log_info("the store has room again");
	else if (state == STORAGE_SCARCE)
		log_warning("the store is full (%s): nothing is added until something is deleted",
		            storage_reason(streams->storage));
	else
		log_error("the store cannot be written: %s; what was changed waits", storage_reason(streams->storage));
}

void
streams_commit(struct streams *streams)
{
	struct barrier *next;

	commit_note_state(streams);
	if (!streams->is_filling)
		streams_sweep(streams);
	streams_retain(streams);
	stream_cache_shrink(streams);
	if (!commit_is_due(streams))
		commit_open_empty(streams);
	if (!commit_is_due(streams) || streams->is_dead)
		return;
	if (storage_is_committing(streams->storage)) {
		streams_fill_ahead(streams);
		return;
	}
	if (!streams_fill(streams, COMMIT_WORK)) {
		if (!streams->is_filling)
			commit_resume(streams, &streams->throttled);
		return;
	}
	next = barrier_new_commit(&streams->flow->barriers);
	if (!next)
		return;
	streams_filled(streams);
	storage_commit(streams->storage);
	commit_resume(streams, &streams->throttled);
	streams->committing = streams->open;
	streams->open = next;
	streams->batch++;
}

void
streams_commit_deinit(struct streams *streams)
{
	if (!streams->is_dead && commit_is_due(streams)) {
		if (streams_fill(streams, UINT64_MAX)) {
			streams_filled(streams);
		} else { /* a part of it makes no sense */
			storage_drop_batch(streams->storage);
			log_error("changes of streams are lost");
		}
	}
	commit_open_barrier(&streams->committing);
	commit_open_barrier(&streams->open);
}

/* Nothing that was not durable will be. Clients are not told what is not true: they are disconnected. */
static void
commit_fail(struct streams *streams)
{
	log_error("the store has failed: %s; streams are off until the daemon starts again",
	          storage_reason(streams->storage));
	streams->is_dead = true;
	streams->is_filling = false;
	streams->fetched++; /* who waits for a block finds out that it does not come */
	stream_cache_fail(streams);
	commit_resume(streams, &streams->throttled);
	commit_resume(streams, &streams->copying);
	commit_resume(streams, &streams->blocked); /* they are told that nothing comes any more */
	if (streams->committing)
		barrier_break(streams->committing);
	barrier_break(streams->open);
}

void
streams_collect(struct streams *streams)
{
	struct storage_event event;

	streams_use(streams);
	for (;;) {
		switch (storage_collect(streams->storage, &event)) {
		case STORAGE_COMMITTED:
			streams->committing_bytes = 0;
			stream_cache_committed(streams);
			commit_open_barrier(&streams->committing);
			commit_resume(streams, &streams->throttled);
			break;
		case STORAGE_FETCHED:
			stream_cache_fetched(streams, &event);
			streams->fetched++;
			break;
		case STORAGE_BACKED_UP:
			streams->copies++;
			streams->copy_error = event.error;
			commit_resume(streams, &streams->copying);
			break;
		case STORAGE_FAILED:
			commit_fail(streams);
			break;
		case STORAGE_NOTHING:
			stream_cache_shrink(streams);
			return;
		}
	}
}

struct barrier *
streams_barrier(struct streams *streams, const struct stream *stream)
{
	if (stream ? stream->changed_in == streams->batch : commit_is_due(streams))
		return streams->open;
	if (stream ? stream->changed_in + 1 == streams->batch : true)
		return streams->committing;
	return NULL;
}

bool
streams_is_behind(const struct streams *streams)
{
	return (streams->dirty_bytes + streams->committing_bytes > streams->limits.queue_bytes ||
	        streams->is_filling) &&
	       !streams->is_dead;
}

bool
streams_must_wait(struct streams *streams, struct client *c)
{
	return streams_is_behind(streams) && flow_wait(streams->flow, c, &streams->throttled);
}
