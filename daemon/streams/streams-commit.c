/*
 * Changes are counted into batches: those of the pass, and of passes while a batch is under way, go into the next one.
 * When the store is free, everything that was changed is written into the store's open batch, in the state that it has
 * now, and handed over. Nothing is marked as saved before all of it is in the batch: without memory the batch is
 * dropped, and everything is as changed as it was.
 *
 * The barrier of the batch that is being filled exists at any time, so that an answer never lacks the barrier that it
 * has to wait for. After a failure for good no barrier opens any more: it is broken, see barrier_break().
 */
#include "streams-commit.h"

#include <errno.h>

#include "group-later.h"
#include "stream-cache.h"
#include "stream-index.h"
#include "streams-record.h"
#include "streams-registry.h"

#define COMMIT_LOG_LINES 5
#define COMMIT_LOG_MS 10000

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
	return !TAILQ_EMPTY(&streams->dirty) || !TAILQ_EMPTY(&streams->deleted);
}

bool
streams_have_changes(const struct streams *streams)
{
	return commit_is_due(streams) || streams->committing;
}

static int
commit_erase_blocks(struct streams *streams, uint64_t no, struct stream_id from, struct stream_id to)
{
	uint8_t first[STORAGE_ID_SIZE], last[STORAGE_ID_SIZE];

	stream_id_put(first, from);
	stream_id_put(last, to);
	streams->flow->work.done += WORK_LOOKUP;
	return storage_delete_blocks(streams->storage, no, first, last);
}

static int
commit_write_block(struct streams *streams, struct stream *stream, struct block *block)
{
	struct slice bytes = block_encode(block);
	uint8_t id[STORAGE_ID_SIZE];

	streams->flow->work.done += WORK_LOOKUP + 2 * WORK_BYTES(bytes.len);
	stream_id_put(id, block_id(block, 0));
	return storage_put_block(streams->storage, stream->no, id, block->n, bytes);
}

static int
commit_write_stream(struct streams *streams, struct stream *stream)
{
	uint8_t record[STREAM_RECORD_MAX];
	struct slice value = { record, stream_record_put(record, stream) };
	struct block *block;

	streams->flow->work.done += WORK_LOOKUP;
	if (storage_put(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY, value) < 0)
		return -ENOMEM;
	if (stream->has_gone && commit_erase_blocks(streams, stream->no, STREAM_ID_MIN, stream->gone_to) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < stream->n_gone; i++)
		if (commit_erase_blocks(streams, stream->no, stream->gone[i], stream->gone[i]) < 0)
			return -ENOMEM;
	TAILQ_FOREACH(block, &stream->dirty_blocks, link) {
		if (commit_write_block(streams, stream, block) < 0)
			return -ENOMEM;
	}
	streams->flow->work.done += stream->n_groups * WORK_VISIT;
	return group_save_all(streams->storage, stream);
}

static int
commit_erase_stream(struct streams *streams, struct stream *stream)
{

	if (storage_delete(streams->storage, STORAGE_STREAMS, stream->no, STREAM_RECORD_KEY) < 0 ||
	    commit_erase_blocks(streams, stream->no, STREAM_ID_MIN, STREAM_ID_MAX) < 0)
		return -ENOMEM;
	streams->flow->work.done += stream->n_groups * WORK_LOOKUP;
	return group_erase_all(streams->storage, stream);
}

static int
commit_write_all(struct streams *streams)
{
	struct stream *stream;
	uint8_t no[VARINT_MAX];
	struct slice value = { no, (size_t)(varint_put(no, streams->last_no) - no) };

	TAILQ_FOREACH(stream, &streams->deleted, dirty_link) {
		if (commit_erase_stream(streams, stream) < 0)
			return -ENOMEM;
	}
	TAILQ_FOREACH(stream, &streams->dirty, dirty_link) {
		if (commit_write_stream(streams, stream) < 0)
			return -ENOMEM;
	}
	if (streams->saved_no == streams->last_no)
		return 0;
	return storage_put(streams->storage, STORAGE_META, 0, STREAMS_LAST_NO_KEY, value);
}

/* All of it is in the batch. */
static void
commit_mark_saved(struct streams *streams)
{
	struct stream *stream;
	struct block *block;

	while ((stream = TAILQ_FIRST(&streams->deleted))) {
		TAILQ_REMOVE(&streams->deleted, stream, dirty_link);
		streams_free(streams, stream);
	}
	while ((stream = TAILQ_FIRST(&streams->dirty))) {
		TAILQ_REMOVE(&streams->dirty, stream, dirty_link);
		stream->is_dirty = false;
		stream->is_stored = true;
		stream->has_gone = false;
		stream->n_gone = 0;
		while ((block = TAILQ_FIRST(&stream->dirty_blocks))) {
			block->is_stored = true;
			block->key = block_id(block, 0);
			stream_cache_saved(streams, block);
		}
		group_saved_all(stream);
	}
	streams->saved_no = streams->last_no;
	streams->committing_bytes = streams->dirty_bytes;
	streams->dirty_bytes = 0;
}

/* Returns whether there is something to be handed over. */
static bool
commit_fill(struct streams *streams)
{
	if (commit_write_all(streams) == 0) {
		commit_mark_saved(streams);
		return true;
	}
	storage_drop_batch(streams->storage);
	if (log_limit_allows(&streams->log, COMMIT_LOG_LINES, COMMIT_LOG_MS, streams->flow->now_ms, NULL))
		log_error("out of memory: changes of streams are not stored yet");
	return false;
}

void
streams_commit(struct streams *streams)
{
	struct barrier *next;

	streams_sweep(streams);
	stream_cache_shrink(streams);
	if (!commit_is_due(streams) || streams->is_dead || storage_is_committing(streams->storage))
		return;
	next = barrier_new_commit(&streams->flow->barriers);
	if (!next)
		return;
	if (!commit_fill(streams)) {
		commit_open_barrier(&next);
		return;
	}
	storage_commit(streams->storage);
	streams->committing = streams->open;
	streams->open = next;
	streams->batch++;
}

void
streams_commit_deinit(struct streams *streams)
{
	if (!streams->is_dead && commit_is_due(streams) && !commit_fill(streams))
		log_error("changes of streams are lost");
	commit_open_barrier(&streams->committing);
	commit_open_barrier(&streams->open);
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

/* Nothing that was not durable will be. Clients are not told what is not true: they are disconnected. */
static void
commit_fail(struct streams *streams)
{
	streams->is_dead = true;
	stream_cache_fail(streams);
	commit_resume(streams, &streams->throttled);
	commit_resume(streams, &streams->copying);
	if (streams->committing)
		barrier_break(streams->committing);
	barrier_break(streams->open);
}

void
streams_collect(struct streams *streams)
{
	struct storage_event event;

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
streams_must_wait(struct streams *streams, struct client *c)
{
	if (streams->dirty_bytes + streams->committing_bytes <= streams->limits.queue_bytes || streams->is_dead)
		return false;
	return flow_wait(streams->flow, c, &streams->throttled);
}
