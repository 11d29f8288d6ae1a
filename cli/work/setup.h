/*
 * What the daemon has to know before this worker is given anything, after each connect: the groups exist, with their
 * values, and the jobs that still run here are this worker's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

struct plan;

/* What the daemon does with jobs that fail. */
struct setup_rule {
	bool is_known;
	uint64_t max_deliveries; /* 0: no limit */
	char retry_delay[512];   /* durations, or "" */
	bool is_paused;
};

struct setup {
	const struct plan *plan;
	struct control *control;
	uint64_t lease_ms;      /* the least `redeliver` of the groups; 0: leases do not end */
	uint64_t lease_next_ms; /* of those that have answered setup_refresh() */
	size_t leases;          /* answers that are still to come before this takes its place */
	size_t rules;           /* answers that are still to come before the values are set */
	struct setup_rule *of;  /* of each stream */
	bool was_ready;         /* on an earlier connection */
};

enum setup_next {
	SETUP_GO_ON,
	SETUP_CLAIM, /* claim what runs, and call setup_finish() */
	SETUP_READY, /* jobs may be asked for */
	SETUP_LATER, /* the daemon refuses for now; it was said why */
	SETUP_END,   /* it refuses for good */
};

void setup_init(struct setup *s, const struct plan *plan, struct control *control);
void setup_deinit(struct setup *s);

/* Begins the setup. */
void setup_begin(struct setup *s);

/*
 * Makes sure that the jobs stay this worker's: claims each, unless somebody else was given it since this worker was,
 * for then it has been pending for a shorter time.
 */
void setup_claim(struct setup *s, const struct job_list *jobs);

/* A reply to anything but a verdict. job: that of the request, or NULL. *ret_status: with SETUP_END the exit status. */
enum setup_next setup_reply(struct setup *s, const struct control_request *request, struct job *job,
                            const struct resp_node *nodes, int *ret_status);
/* Asks again after how long jobs would be given to others: the administrator may have changed that. */
void setup_refresh(struct setup *s);

/* SETUP_READY comes when all of that is answered. */
void setup_finish(struct setup *s);
