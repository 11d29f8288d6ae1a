/* Looks for one job, wherever it may be. */
#pragma once

#include "queue.h"

enum find_place {
	FIND_NONE,    /* it is done, or its entry was deleted before it was begun again, or there never was one */
	FIND_WAITING, /* it was given to nobody */
	FIND_PENDING, /* *ret_job is valid */
	FIND_DEAD,    /* *ret_job is valid as far as a dead job has it; ret_dead: its id in the other stream */
};

/* Where the job is. Of an id of a dead job in the stream of these, it is that one. */
int find_job(struct queue *q, const char *id, enum find_place *ret_place, struct queue_job *ret_job,
             char ret_dead[QUEUE_ID_MAX]);
