/*
 * A process that answers requests one after the other, a line with a line, for as long as udsctl runs: when it ends it
 * is started again, after a pause that grows while it answers nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "line-request.h"
#include "process-pipes.h"
#include "timer.h"

struct last_words_list;
struct loop;
struct server_plan;
struct staff_ops;

/* What all processes of a staff have in common. */
struct process_shared {
	struct loop *loop;
	const struct server_plan *plan;
	const struct staff_ops *ops;
	void *arg; /* of the ops */
	struct last_words_list *words;
	bool was_said; /* that none can be started now */
};

enum process_state {
	PROCESS_AWAY, /* to be started, or not any more */
	PROCESS_RUNS,
	PROCESS_STOPS, /* it was told to end, and what it writes is dropped */
};

struct process {
	struct process_shared *shared;
	enum process_state state;
	struct process_pipes pipes;
	const char *stopped_for; /* why it was stopped; NULL: it was not, or the reason was told */
	uint64_t pause;          /* ms before it was started last */
	struct timer again;      /* it is started */
	struct timer end;        /* it has to have ended */
	bool is_finishing;

	/* The request, and the line that answers it. */
	bool has_request;
	bool is_begun;    /* the process may have read some of it */
	bool is_unwanted; /* nobody waits for the answer, which the process still owes */
	bool is_late;     /* the deadline has passed */
	struct line_request request;
	size_t written;     /* bytes of its line */
	struct timer limit; /* its deadline; then that of the line which comes too late */
	struct buf answer;  /* what has come of it */
};

/* It starts once the loop runs. What is shared must outlive it. */
void process_init(struct process *p, struct process_shared *shared);

/* Kills it; what it has written to standard error is left to the list. */
void process_deinit(struct process *p);

/* Whether it would begin with a request at once. */
bool process_is_idle(const struct process *p);

/* It begins with p->request, which the caller has made while it had none; while it does not run, that waits. */
void process_begin(struct process *p);

/* An idle process takes over the request of another one, if that has one and cannot have read any of it. */
void process_take_over(struct process *p, struct process *other);

/* Nobody waits for the answer to its request any more. */
void process_forget(struct process *p);

/* After its request it is to end, and is not started again. */
void process_finish(struct process *p);

/* Sends SIGTERM to it, and some seconds later SIGKILL to all processes of its group. */
void process_stop(struct process *p);

/* The process with this pid was its, and has ended with this status of waitpid(2). */
void process_ended(struct process *p, int status);
