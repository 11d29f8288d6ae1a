/*
 * The thread goes round: a few fetches, then a commit if one is due, then a step of a copy; so none of them starves. If
 * nothing of that has come for a while, it tidies up (tidy.h).
 *
 * A failure that may pass (no space, no memory) leaves the batch with the thread, which tries again. Any other is
 * final: a flush that has failed may have dropped what it was to write, so nothing that comes after can be trusted. The
 * thread then does nothing any more.
 *
 * Functions are called with the mutex held, unless they say otherwise, and release it while they use the database.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "apply.h"
#include "tidy.h"
#include "worker-room.h"

#define WORKER_RETRY_MS 1000 /* after no space or memory */
#define WORKER_FULL_TRIES 4  /* so often a disk that has room is believed to be full */
#define WORKER_ROOM ((uint64_t)16 * 1024 * 1024)
#define WORKER_IDLE_MS 10 /* before it tidies up */
#define WORKER_FETCHES 16 /* in a row, while a commit waits */

void
worker_notify(struct worker *worker)
{
	if (worker->is_signalled)
		return;
	worker->is_signalled = true;
	eventfd_write(worker->event_fd, 1);
}

/* Ends all work if the database has failed for good. Returns whether r is no failure at all. */
static bool
worker_check(struct worker *worker, int r)
{
	if (r >= 0)
		return true;
	if (!worker->database.failure.may_pass && worker_state(worker) != STORAGE_DEAD) {
		worker_set_state(worker, STORAGE_DEAD, worker->database.failure.text);
		fetch_drop_all(&worker->wanted);
		worker->has_failed = true;
		worker_notify(worker);
	}
	return false;
}

/* Tries to make the batch durable. Returns 0 or -errno. */
static int
worker_try(struct worker *worker)
{
	bool is_retry = worker_state(worker) == STORAGE_FULL;
	int r = 0;

	pthread_mutex_unlock(&worker->mutex);
	/* If the log could not grow, it begins at its start again after a checkpoint. */
	if (is_retry && worker->database.log_pages > 0)
		r = database_checkpoint(&worker->database, false);
	if (r == 0 || worker->database.failure.may_pass)
		r = apply_changes(&worker->database, &worker->batch);
	pthread_mutex_lock(&worker->mutex);
	return r;
}

/*
 * SQLite says that the disk is full, too, where a damaged database refers to pages that it cannot have. If it says so
 * again and again while there is room, the failure is one for good: else everybody would wait for ever.
 */
static void
worker_doubt_full(struct worker *worker)
{
	struct database_failure *failure = &worker->database.failure;

	if (worker->room.system_bytes < WORKER_ROOM + 4 * worker->batch.len || ++worker->n_full < WORKER_FULL_TRIES)
		return;
	failure->may_pass = false;
	snprintf(failure->text, sizeof(failure->text), "the database is damaged: it has no room, but the disk has");
}

/* Commits the batch if its time has come. Returns whether it has done something, as all functions for kinds of work. */
static bool
worker_commit(struct worker *worker)
{
	struct storage_figures *figures = &worker->figures;
	uint64_t begin_us = worker_clock_us(CLOCK_MONOTONIC), us;
	int r;

	if (!worker->has_batch || (!worker->must_stop && begin_us / 1000 < worker->commit_at_ms))
		return false;
	worker->commit_at_ms = begin_us / 1000 + worker->limits.commit_delay_ms;
	r = worker_try(worker);
	us = worker_clock_us(CLOCK_MONOTONIC) - begin_us;
	if (r == -ENOSPC)
		worker_doubt_full(worker);
	if (!worker_check(worker, r)) {
		figures->failed_commits++;
		if (worker_state(worker) != STORAGE_DEAD && !worker->must_stop) {
			worker_set_state(worker, STORAGE_FULL, worker->database.failure.text);
			worker->commit_at_ms = worker_now_ms() + WORKER_RETRY_MS;
			worker_room_measure(worker);
			return true;
		}
		worker->lost = r;
	} else {
		figures->commits++;
		figures->commit_us_last = us;
		figures->commit_us_total += us;
		if (us > figures->commit_us_max)
			figures->commit_us_max = us;
		/* A store that is scarce of room stays so until it has been measured. */
		if (worker_state(worker) == STORAGE_FULL)
			worker_set_state(worker, STORAGE_OK, "");
		worker->n_full = 0;
		worker_room_measure_after(worker, worker->batch.len);
		worker->is_committed = true;
		worker_notify(worker);
	}
	worker->has_batch = false;
	changes_clear(&worker->batch);
	return true;
}

/* Makes a checkpoint if the log is long. */
static void
worker_trim_log(struct worker *worker)
{
	int r;

	if (worker_now_ms() < worker->log_at_ms)
		return;
	pthread_mutex_unlock(&worker->mutex);
	r = tidy_log(&worker->database);
	pthread_mutex_lock(&worker->mutex);
	if (!worker_check(worker, r))
		worker->log_at_ms = worker_now_ms() + WORKER_RETRY_MS;
}

static bool
worker_serve(struct worker *worker)
{
	struct fetch *fetch;
	unsigned int n = 0;

	while (n < WORKER_FETCHES && (fetch = STAILQ_FIRST(&worker->wanted))) {
		bool is_in_batch = worker->has_batch && fetch->batch == worker->batch_no;

		STAILQ_REMOVE_HEAD(&worker->wanted, link);
		pthread_mutex_unlock(&worker->mutex);
		fetch_run(fetch, &worker->database, is_in_batch ? &worker->batch : NULL);
		pthread_mutex_lock(&worker->mutex);
		worker->figures.fetches++;
		STAILQ_INSERT_TAIL(&worker->found, fetch, link);
		worker_notify(worker);
		n++;
	}
	return n > 0;
}

static bool
worker_copy(struct worker *worker)
{
	char *path = worker->copy_path, *forgotten = worker->copy_forgotten;
	int r = 0;

	if (!path && !worker->is_copying)
		return false;
	worker->copy_path = worker->copy_forgotten = NULL;
	pthread_mutex_unlock(&worker->mutex);
	if (forgotten)
		unlink(forgotten);
	free(forgotten);
	if (path)
		r = copy_begin(&worker->copy, &worker->database, path);
	if (r == 0)
		r = copy_step(&worker->copy);
	pthread_mutex_lock(&worker->mutex);
	worker->is_copying = r > 0;
	if (r <= 0) {
		worker->copy_error = r;
		worker->is_copied = true;
		worker_notify(worker);
	}
	return true;
}

static bool
worker_tidy(struct worker *worker)
{
	int r;

	if (worker_now_ms() < worker->tidy_at_ms || !tidy_has_work(&worker->database))
		return false;
	pthread_mutex_unlock(&worker->mutex);
	r = tidy_step(&worker->database);
	pthread_mutex_lock(&worker->mutex);
	if (!worker_check(worker, r))
		worker->tidy_at_ms = worker_now_ms() + WORKER_RETRY_MS;
	else
		worker_room_measure(worker);
	return true;
}

/* Waits until there is something to do. */
static void
worker_wait(struct worker *worker)
{
	uint64_t until = UINT64_MAX;

	if (worker_state(worker) == STORAGE_DEAD)
		return;
	if (worker->has_batch)
		until = worker->commit_at_ms;
	if (tidy_has_work(&worker->database) && worker->tidy_at_ms < until)
		until = worker->tidy_at_ms;
	if (worker->measure_at_ms < until)
		until = worker->measure_at_ms;
	if (until == UINT64_MAX) {
		pthread_cond_wait(&worker->cond, &worker->mutex);
	} else {
		struct timespec time = { .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000 };

		pthread_cond_timedwait(&worker->cond, &worker->mutex, &time);
	}
}

/* Does what there is to do, once round. Returns whether there was anything. */
static bool
worker_round(struct worker *worker)
{
	bool was_busy = worker_serve(worker);

	if (worker_commit(worker)) {
		was_busy = true;
		worker_room_measure_due(worker);
		if (worker_state(worker) <= STORAGE_SCARCE)
			worker_trim_log(worker);
	}
	if (worker_state(worker) == STORAGE_DEAD)
		return false;
	if (worker_copy(worker) || was_busy) {
		uint64_t at = worker_now_ms() + WORKER_IDLE_MS;

		if (worker->tidy_at_ms < at)
			worker->tidy_at_ms = at;
		return true;
	}
	return worker_room_measure_due(worker) || worker_tidy(worker);
}

static void *
worker_run(void *arg)
{
	struct worker *worker = arg;

	pthread_mutex_lock(&worker->mutex);
	while (worker_state(worker) != STORAGE_DEAD && (!worker->must_stop || worker->has_batch)) {
		if (!worker_round(worker) && !worker->must_stop)
			worker_wait(worker);
	}
	/* After a failure the thread is over; what has been handed over meanwhile is lost as well. */
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

int
worker_init(struct worker *worker, const struct storage_limits *limits)
{
	pthread_condattr_t attr;

	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->event_fd < 0)
		return -errno;
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->cond, &attr);
	pthread_condattr_destroy(&attr);
	worker->limits = *limits;
	STAILQ_INIT(&worker->wanted);
	STAILQ_INIT(&worker->found);
	return 0;
}

int
worker_start(struct worker *worker)
{
	sigset_t all, old;
	int r;

	pthread_mutex_lock(&worker->mutex);
	worker_room_measure(worker);
	worker->figures.cpu_us = 0;
	pthread_mutex_unlock(&worker->mutex);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&worker->thread, NULL, worker_run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		pthread_setname_np(worker->thread, "store");
	return -r;
}

int
worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	worker->must_stop = true;
	pthread_cond_signal(&worker->cond);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	if (worker->has_batch)
		worker->lost = -EIO;
	if (worker->is_copying)
		copy_abort(&worker->copy);
	return worker->lost;
}

void
worker_deinit(struct worker *worker)
{
	fetch_drop_all(&worker->wanted);
	fetch_drop_all(&worker->found);
	changes_deinit(&worker->batch);
	free(worker->copy_path);
	free(worker->copy_forgotten);
	close(worker->event_fd);
	pthread_cond_destroy(&worker->cond);
	pthread_mutex_destroy(&worker->mutex);
}
