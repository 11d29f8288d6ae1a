/*
 * What a worker does before it ends, so that nothing of it stays with the daemon: it stops waiting for jobs, whose
 * answer may bring some that are to be given back, and then removes its consumers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control.h"
#include "deadline.h"
#include "timer.h"

struct plan;
struct supply;

struct leave {
	struct loop *loop;
	const struct plan *plan;
	struct control *control;
	struct supply *supply;
	struct timer again; /* the command that is to stop may not have begun to wait */
	bool has_begun;     /* to remove the consumers */
	size_t left;        /* streams for which that is not answered */
	int status;         /* the exit status of udsctl */
	struct deadline deadline;
};

void leave_init(struct leave *l, struct loop *loop, const struct plan *plan, struct control *control,
                struct supply *supply);
void leave_deinit(struct leave *l);

/* The supply is to be answered at once, if it waits for jobs. */
void leave_stop_asking(struct leave *l);

/*
 * No command runs any more. Ends the loop when all is answered or written; is called again when a reply has come, the
 * connection is lost, or what is_idle says has changed: whether the worker has no job.
 */
void leave_go_on(struct leave *l, bool is_idle);

/* A reply to CONTROL_UNBLOCK, CONTROL_LOOK or CONTROL_LEAVE. */
void leave_reply(struct leave *l, const struct control_request *request, const struct resp_node *nodes);

/* The connection is lost: the daemon removes the consumers some time. */
void leave_lost(struct leave *l);
