/* Takes jobs out of their streams, with the rights of a worker: without those of an administrator. */
#pragma once

#include <stdbool.h>

#include "queue.h"

/*
 * Deletes a dead job, by its id among the dead. *ret_stays: it is still there, since another group of that stream has
 * not acknowledged it.
 */
int bury_dead(const struct queue *q, const char *dead, bool *ret_stays);

/* Deletes a job that is not dead. *ret_stays: it is gone, or it was not given yet and another group needs it. */
int bury_job(const struct queue *q, const char *id, bool *ret_stays);
