/*
 * What the daemon has to know before this worker is given anything, after each connect: the groups exist, with their
 * values, and the jobs that still run here are this worker's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

struct plan;

struct groups {
	const struct plan *plan;
	struct control *control;
	uint64_t lease_ms; /* the least `redeliver` of the groups; 0: leases do not end */
	size_t rules;      /* answers that are still to come before the values are set */
	bool was_ready;    /* on an earlier connection */
};

enum groups_next {
	GROUPS_GO_ON,
	GROUPS_CLAIM, /* claim what runs, and call groups_finish() */
	GROUPS_READY, /* jobs may be asked for */
	GROUPS_LOST,  /* another worker has the job, too */
	GROUPS_LATER, /* the daemon refuses for now; it was said why */
	GROUPS_END,   /* it refuses for good */
};

/* Begins the setup. */
void groups_begin(struct groups *g);

/*
 * Makes sure that the job stays this worker's: claims it, unless somebody else was given it since this worker was, for
 * then it has been pending for a shorter time.
 */
void groups_claim(struct groups *g, const struct job *job);

/* A reply to anything but a verdict. *ret_status: with GROUPS_END the exit status. */
enum groups_next groups_reply(struct groups *g, const struct control_request *request, const struct resp_node *nodes,
                              int *ret_status);
/* GROUPS_READY comes when all of that is answered. */
void groups_finish(struct groups *g);
