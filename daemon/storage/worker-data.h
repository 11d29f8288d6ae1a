/* What the thread of a store and the loop share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "changes.h"
#include "copy.h"
#include "database.h"
#include "fetch.h"
#include "room.h"
#include "storage-data.h"
#include "storefile.h"

struct worker {
	pthread_mutex_t mutex; /* for all members up to `reason` */
	pthread_cond_t cond;   /* there is something to do */
	struct storage_limits limits;
	bool must_stop;
	bool has_batch; /* `batch` is the thread's, until it is durable */
	uint64_t batch_no;
	uint64_t commit_at_ms;  /* not before */
	uint64_t measure_at_ms; /* at the latest; or UINT64_MAX */
	struct fetch_list wanted, found;
	char *copy_path, *copy_forgotten;         /* a copy to begin, and one to remove before, or NULL */
	bool is_committed, is_copied, has_failed; /* events that have not been collected */
	int copy_error;
	bool is_signalled; /* event_fd is readable */
	int event_fd;
	int lost; /* -errno: a batch was given up */
	struct storage_figures figures;
	struct room room;
	atomic_int state; /* enum storage_state; written under the mutex */
	char reason[160];

	/* The thread's, while it runs. */
	pthread_t thread;
	struct changes batch;
	struct storefile file;
	struct database database;
	struct copy copy;
	bool is_copying;
	size_t unmeasured;              /* bytes of changes since the room was measured */
	unsigned int n_full;            /* failures for want of space since the last commit, while the disk had room */
	uint64_t tidy_at_ms, log_at_ms; /* not before */
};

static inline enum storage_state
worker_state(const struct worker *worker)
{
	return (enum storage_state)atomic_load(&worker->state);
}

static inline void
worker_set_state(struct worker *worker, enum storage_state state, const char *reason)
{
	snprintf(worker->reason, sizeof(worker->reason), "%s", reason);
	atomic_store(&worker->state, (int)state);
}

static inline uint64_t
worker_clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline uint64_t
worker_now_ms(void)
{
	return worker_clock_us(CLOCK_MONOTONIC) / 1000;
}
