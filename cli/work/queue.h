/* A stream as a queue of jobs, as one group sees it, for verbs that ask and print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "query.h"

#define QUEUE_ID_MAX ENTRY_ID_TEXT

struct queue {
	struct ask *a;
	struct query_pages pages;
	const char *stream, *group;
	bool has_stream, has_group; /* what follows is of the group, or what a group that nobody has set up has */
	char last[QUEUE_ID_MAX];    /* the last job that was given to a worker */
	int64_t given;              /* jobs that were given to workers and are not done */
	int64_t waiting;            /* jobs that were not given yet, at most */
	bool is_paused;
	char dead[2 * 1024 + 8]; /* the stream of its dead jobs */
};

/* A job that was given to a worker and is not done. */
struct queue_job {
	char id[QUEUE_ID_MAX], state[16];
	char consumer[128];       /* HOST:PID:NUMBER if it is udsctl's */
	uint64_t idle_ms, due_ms; /* since it was given; until it is given again, where that is delayed */
	uint64_t deliveries;      /* so far */
	uint64_t failed, timed_out, died, released;
	char cause[16];            /* of a dead one: how its last delivery has ended */
	uint64_t pid, uid, client; /* of the connection that has it; client 0: none has */
	bool has_status;
	int64_t status; /* of the last command that failed */
	char text[256]; /* and what was said about it, or "" */
};

/* Copies the text, as far as there is room, and ends it with a NUL. A NUL in it becomes "?". */
void queue_copy(char *to, size_t size, struct slice text);

/* All return 0 or as ask() does. stream and group must outlive the queue. */
int queue_open(struct queue *q, struct ask *a, const char *stream, const char *group);

/* After queue_open(): says that there is no such stream, and returns EX_NOINPUT, or 0. */
int queue_require_stream(const struct queue *q);

/*
 * The same, where it is of a group that somebody has named (or NULL), and there is no such group: it is said that all
 * jobs wait for its first worker.
 */
int queue_require(const struct queue *q, const char *group);

/* Makes the group, and the stream, where they are missing: they may be paused before the first worker comes. */
int queue_create(struct queue *q);

/* A job of a page of UDSD PENDING. */
void queue_read_job(struct queue_job *job, const struct resp_node *map);

/* The next jobs from this id on ("(ID": behind it), some of them; none at the end. The caller frees them. */
int queue_read(struct queue *q, const char *from, struct queue_job **ret_jobs, size_t *ret_n);

/*
 * The arguments of a verb: a stream, and as many ids as the verb wants, or perhaps tickets of scheduled jobs. Returns
 * 0, or EX_USAGE after reporting what is wrong with them. list: the command that lists the jobs, with their IDs.
 */
int queue_check_arguments(const char *verb, const struct options *o, size_t ids_min, size_t ids_max, bool takes_tickets,
                          const char *list);

/* Why it failed or ended last, or "" if it never did. */
const char *queue_reason(const struct queue_job *job);

/* An id as "MS-SEQ" or "MS". Returns whether it is one. */
bool queue_read_id(const char *text, char ret_id[QUEUE_ID_MAX]);
