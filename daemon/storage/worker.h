/*
 * The thread of a store. It commits batches, serves fetches, copies the database and, while it is idle, tidies up.
 * storage.c talks to it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

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

/* Initialises all but what is the thread's. Returns 0 or -errno. */
int worker_init(struct worker *worker, const struct storage_limits *limits);
/* Starts the thread, whose file and database must be open. Returns 0 or -errno. */
int worker_start(struct worker *worker);
/* Ends the thread: what was handed over is tried once. Returns 0; or -errno if it is lost. */
int worker_stop(struct worker *worker);
void worker_deinit(struct worker *worker);

/* Makes event_fd readable. The mutex is held. */
void worker_notify(struct worker *worker);
/* Finds out whether the store is scarce of room. The mutex is held. */
void worker_judge(struct worker *worker);
