/* The loop's side of the store: the open batch, what is handed to the thread, and the events that come back. */
#include "storage.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "apply.h"
#include "changes.h"
#include "load.h"
#include "worker-room.h"
#include "worker.h"

struct storage {
	struct changes open;
	bool is_started;
	bool is_committing, is_copying; /* until the event is collected */
	char reason[160];
	struct worker worker;
};

int
storage_open(const char *directory, const struct storage_limits *limits, struct storage **ret, char *error,
             size_t error_size)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	int r = storage ? worker_init(&storage->worker, limits) : -ENOMEM;

	if (r < 0) {
		snprintf(error, error_size, "%s: %s", directory, strerror(-r));
		free(storage);
		return r;
	}
	r = storefile_open(directory, false, &storage->worker.file, &storage->worker.database, error, error_size);
	if (r < 0) {
		worker_deinit(&storage->worker);
		free(storage);
		return r;
	}
	*ret = storage;
	return 0;
}

int
storage_load(struct storage *storage, const struct storage_loader *loader, char *error, size_t error_size)
{
	struct worker *worker = &storage->worker;
	int r;

	assert(!storage->is_started);
	worker->database.failure = (struct database_failure){ 0 };
	r = load_all(&worker->database, loader);
	if (r < 0) {
		if (worker->database.failure.error)
			storefile_explain(&worker->file, &worker->database, error, error_size);
		else
			snprintf(error, error_size, "%s: %s", worker->file.path, strerror(-r));
		return r;
	}
	if ((r = worker_start(worker)) < 0)
		snprintf(error, error_size, "%s: cannot start a thread: %s", worker->file.path, strerror(-r));
	else
		storage->is_started = true;
	return r;
}

int
storage_close(struct storage *storage)
{
	struct worker *worker;
	bool is_whole;
	int r = 0;

	if (!storage)
		return 0;
	worker = &storage->worker;
	is_whole = storage->is_started;
	if (storage->is_started)
		r = worker_stop(worker);
	if (storage_state(storage) == STORAGE_DEAD) {
		is_whole = false;
		if (storage->open.len > 0)
			r = -EIO;
	} else if (storage->is_started) {
		/* After a batch that was given up, this one makes no sense. */
		if (r == 0 && storage->open.len > 0)
			r = apply_changes(&worker->database, &storage->open);
		is_whole =
		    (r == 0 || worker->database.failure.may_pass) && database_checkpoint(&worker->database, true) == 0;
	}
	database_deinit(&worker->database, !is_whole);
	storefile_close(&worker->file);
	worker_deinit(worker);
	changes_deinit(&storage->open);
	free(storage);
	return r;
}

/* Releases the mutex and wakes the thread: in this order, since else it would wake up only to wait for the mutex. */
static void
storage_wake(struct worker *worker)
{
	pthread_mutex_unlock(&worker->mutex);
	pthread_cond_signal(&worker->cond);
}

void
storage_set_limits(struct storage *storage, const struct storage_limits *limits)
{
	struct worker *worker = &storage->worker;

	pthread_mutex_lock(&worker->mutex);
	worker->limits = *limits;
	worker->commit_at_ms = 0;
	worker_room_judge(worker);
	storage_wake(worker);
}

int
storage_put(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key, struct slice value)
{
	return changes_add(
	    &storage->open,
	    &(struct change){ .kind = CHANGE_PUT, .table = table, .owner = owner, .key = key, .value = value });
}

int
storage_delete(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key)
{
	return changes_add(&storage->open,
	                   &(struct change){ .kind = CHANGE_DELETE, .table = table, .owner = owner, .key = key });
}

int
storage_delete_range(struct storage *storage, enum storage_table table, uint64_t owner, struct slice from,
                     struct slice to)
{
	return changes_add(
	    &storage->open,
	    &(struct change){ .kind = CHANGE_DELETE_RANGE, .table = table, .owner = owner, .key = from, .value = to });
}

int
storage_delete_owner(struct storage *storage, enum storage_table table, uint64_t owner)
{
	return changes_add(&storage->open,
	                   &(struct change){ .kind = CHANGE_DELETE_OWNER, .table = table, .owner = owner });
}

int
storage_put_block(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n,
                  struct slice value)
{
	return changes_add(
	    &storage->open,
	    &(struct change){
		.kind = CHANGE_PUT_BLOCK, .owner = stream, .n = n, .key = { id, STORAGE_ID_SIZE }, .value = value });
}

int
storage_delete_blocks(struct storage *storage, uint64_t stream, const uint8_t from[STORAGE_ID_SIZE],
                      const uint8_t to[STORAGE_ID_SIZE])
{
	return changes_add(&storage->open, &(struct change){ .kind = CHANGE_DELETE_BLOCKS,
	                                                     .owner = stream,
	                                                     .key = { from, STORAGE_ID_SIZE },
	                                                     .value = { to, STORAGE_ID_SIZE } });
}

void
storage_drop_batch(struct storage *storage)
{
	changes_clear(&storage->open);
}

size_t
storage_batch_bytes(const struct storage *storage)
{
	return storage->open.len;
}

void
storage_commit(struct storage *storage)
{
	struct worker *worker = &storage->worker;
	struct changes empty;

	assert(storage->is_started && !storage->is_committing);
	pthread_mutex_lock(&worker->mutex);
	empty = worker->batch;
	worker->batch = storage->open;
	storage->open = empty;
	worker->batch_no++;
	worker->has_batch = true;
	storage_wake(worker);
	storage->is_committing = true;
}

bool
storage_is_committing(const struct storage *storage)
{
	return storage->is_committing;
}

int
storage_fetch(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], void *arg)
{
	struct worker *worker = &storage->worker;
	struct fetch *fetch;

	assert(storage->is_started);
	if (storage_state(storage) == STORAGE_DEAD)
		return -EIO;
	if (!(fetch = malloc(sizeof(*fetch))))
		return -ENOMEM;
	*fetch = (struct fetch){ .stream = stream, .arg = arg };
	memcpy(fetch->id, id, STORAGE_ID_SIZE);
	pthread_mutex_lock(&worker->mutex);
	fetch->batch = worker->batch_no;
	STAILQ_INSERT_TAIL(&worker->wanted, fetch, link);
	storage_wake(worker);
	return 0;
}

int
storage_backup(struct storage *storage, const char *path, const char *forgotten)
{
	struct worker *worker = &storage->worker;
	char *copy, *old = NULL;

	assert(storage->is_started);
	if (storage->is_copying)
		return -EBUSY;
	if (storage_state(storage) == STORAGE_DEAD)
		return -EIO;
	copy = strdup(path);
	if (!copy || (forgotten && !(old = strdup(forgotten)))) {
		free(copy);
		return -ENOMEM;
	}
	pthread_mutex_lock(&worker->mutex);
	worker->copy_path = copy;
	worker->copy_forgotten = old;
	storage_wake(worker);
	storage->is_copying = true;
	return 0;
}

int
storage_fd(const struct storage *storage)
{
	return storage->worker.event_fd;
}

/* Takes the next event. The mutex is held. */
static struct storage_event
storage_take(struct worker *worker)
{
	struct storage_event event = { .kind = STORAGE_NOTHING };
	struct fetch *fetch = STAILQ_FIRST(&worker->found);

	if (worker->is_committed) {
		worker->is_committed = false;
		event.kind = STORAGE_COMMITTED;
	} else if (fetch) {
		STAILQ_REMOVE_HEAD(&worker->found, link);
		event = (struct storage_event){ .kind = STORAGE_FETCHED,
			                        .error = fetch->error,
			                        .arg = fetch->arg,
			                        .data = fetch->data,
			                        .len = fetch->len };
		free(fetch);
	} else if (worker->is_copied) {
		worker->is_copied = false;
		event = (struct storage_event){ .kind = STORAGE_BACKED_UP, .error = worker->copy_error };
	} else if (worker->has_failed) {
		worker->has_failed = false;
		event.kind = STORAGE_FAILED;
	} else if (worker->is_signalled) {
		worker->is_signalled = false;
		eventfd_read(worker->event_fd, &(eventfd_t){ 0 });
	}
	return event;
}

enum storage_event_kind
storage_collect(struct storage *storage, struct storage_event *ret_event)
{
	struct worker *worker = &storage->worker;
	struct storage_event event;

	pthread_mutex_lock(&worker->mutex);
	event = storage_take(worker);
	pthread_mutex_unlock(&worker->mutex);
	if (event.kind == STORAGE_COMMITTED)
		storage->is_committing = false;
	else if (event.kind == STORAGE_BACKED_UP)
		storage->is_copying = false;
	if (event.kind != STORAGE_NOTHING)
		*ret_event = event;
	return event.kind;
}

enum storage_state
storage_state(const struct storage *storage)
{
	return (enum storage_state)atomic_load(&storage->worker.state);
}

const char *
storage_reason(struct storage *storage)
{
	struct worker *worker = &storage->worker;

	pthread_mutex_lock(&worker->mutex);
	memcpy(storage->reason, worker->reason, sizeof(storage->reason));
	pthread_mutex_unlock(&worker->mutex);
	return storage->reason;
}

void
storage_get_figures(struct storage *storage, struct storage_figures *ret_figures)
{
	struct worker *worker = &storage->worker;

	pthread_mutex_lock(&worker->mutex);
	*ret_figures = worker->figures;
	ret_figures->bytes = worker->room.file_bytes;
	ret_figures->used_bytes = room_used_bytes(&worker->room);
	ret_figures->free_bytes = worker->room.system_bytes;
	pthread_mutex_unlock(&worker->mutex);
}
