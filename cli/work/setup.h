/*
 * What the daemon has to know before this worker is given anything, after each connect: the groups exist, with their
 * values, and the jobs that still run here are this worker's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

struct plan;

struct setup {
	const struct plan *plan;
	struct control *control;
	uint64_t lease_ms; /* the least `redeliver` of the groups; 0: leases do not end */
	size_t rules;      /* answers that are still to come before the values are set */
	bool was_ready;    /* on an earlier connection */
};

enum setup_next {
	SETUP_GO_ON,
	SETUP_CLAIM, /* claim what runs, and call setup_finish() */
	SETUP_READY, /* jobs may be asked for */
	SETUP_LOST,  /* another worker has the job, too */
	SETUP_LATER, /* the daemon refuses for now; it was said why */
	SETUP_END,   /* it refuses for good */
};

/* Begins the setup. */
void setup_begin(struct setup *s);

/*
 * Makes sure that the jobs stay this worker's: claims each, unless somebody else was given it since this worker was,
 * for then it has been pending for a shorter time.
 */
void setup_claim(struct setup *s, const struct job_list *jobs);

/* A reply to anything but a verdict. *ret_status: with SETUP_END the exit status. */
enum setup_next setup_reply(struct setup *s, const struct control_request *request, const struct resp_node *nodes,
                            int *ret_status);
/* SETUP_READY comes when all of that is answered. */
void setup_finish(struct setup *s);
