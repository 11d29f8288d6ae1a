/* Takes jobs out of their stream, or out of that of dead jobs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "queue.h"

/* A dead job. */
struct bury {
	char id[QUEUE_ID_MAX];   /* that it had */
	char dead[QUEUE_ID_MAX]; /* its entry in the stream of dead jobs */
	bool stays;              /* that was not deleted, since another group has not acknowledged it */
};

/* Deletes the entries of dead jobs, unless other groups need them. Sets `stays` of each. Returns as ask(). */
int bury_dead(const struct queue *q, struct bury *jobs, size_t n);

/*
 * Likewise a job that runs nowhere, waiting or given: only if no other group needs it; then it does not leave this
 * group either.
 */
int bury_job(const struct queue *q, const char *id, bool *ret_stays);
