/*
 * The thread of a store. It commits batches, serves fetches, copies the database and, while it is idle, tidies up.
 * storage.c talks to it.
 */
#pragma once

#include "worker-data.h"

/* Initialises all but what is the thread's. Returns 0 or -errno. */
int worker_init(struct worker *worker, const struct storage_limits *limits);
/* Starts the thread, whose file and database must be open. Returns 0 or -errno. */
int worker_start(struct worker *worker);
/* Ends the thread: what was handed over is tried once. Returns 0; or -errno if it is lost. */
int worker_stop(struct worker *worker);
void worker_deinit(struct worker *worker);

/* Makes event_fd readable. The mutex is held. */
void worker_notify(struct worker *worker);
