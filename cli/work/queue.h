/* A stream as a queue of jobs, as one group sees it, for verbs that ask and print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "entry-id.h"
#include "options.h"
#include "protocol.h"

#define QUEUE_ID_MAX ENTRY_ID_TEXT

struct queue {
	struct ask *a;
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
	uint64_t pid, uid, client; /* of the connection that has it; client 0: none has */
	bool has_status;
	int64_t status; /* of the last command that failed */
	char text[256]; /* and what was said about it, or "" */
};

/* Sends a command whose words end with NULL. As ask_try(). */
int queue_ask(struct ask *a, const struct resp_node **ret_reply, ...) __attribute__((sentinel));

bool queue_is_error(const struct resp_node *reply);

/* All return 0 or as ask() does. stream and group must outlive the queue. */
int queue_open(struct queue *q, struct ask *a, const char *stream, const char *group);

/* Makes the group, and the stream, where they are missing: they may be paused before the first worker comes. */
int queue_create(struct queue *q);

/* The next jobs from this id on ("(ID": behind it), some of them; none at the end. The caller frees them. */
int queue_read(struct queue *q, const char *from, struct queue_job **ret_jobs, size_t *ret_n);

enum queue_place {
	QUEUE_NONE,    /* it is done, or there never was one */
	QUEUE_WAITING, /* it was given to nobody */
	QUEUE_PENDING, /* *ret_job is valid */
	QUEUE_DEAD,    /* *ret_job is valid as far as a dead job has it; ret_dead: its id in the other stream */
};

/* Where the job is. Of an id of a dead job in the stream of these, it is that one. */
int queue_find(struct queue *q, const char *id, enum queue_place *ret_place, struct queue_job *ret_job,
               char ret_dead[QUEUE_ID_MAX]);

/* Calls back for each dead job of this stream; the callback may not ask. entry: an array of an id and fields. */
int queue_each_dead(struct queue *q, ask_cb *cb, void *arg);

/* What the dead job, by its fields, was before. */
void queue_read_dead(const struct resp_node *entry, struct queue_job *ret_job);

/*
 * The arguments of a verb: a stream, and as many ids as the verb wants, or perhaps tickets of scheduled jobs. Returns
 * 0, or EX_USAGE after reporting what is wrong with them.
 */
int queue_check_arguments(const char *verb, const struct options *o, size_t ids_min, size_t ids_max,
                          bool takes_tickets);

/* An id as "MS-SEQ" or "MS". Returns whether it is one. */
bool queue_read_id(const char *text, char ret_id[QUEUE_ID_MAX]);
