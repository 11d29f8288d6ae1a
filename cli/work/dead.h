/* The dead jobs of a queue: entries of another stream, which may have those of other queues, too. */
#pragma once

#include "ask.h"

/* Jobs on a page, at most. */
#define DEAD_PAGE 64

struct queue;
struct queue_job;

/*
 * Calls cb for each job that is dead now, oldest first, with its entry: an array of an id and fields. cb may not ask;
 * `turned` (or NULL), which is called after each page of them, may. Returns 0, what one of them has returned
 * instead, or as ask().
 */
int dead_each(struct queue *q, ask_cb *cb, int (*turned)(void *arg), void *arg);

/* What the job was before. */
void dead_read(const struct resp_node *entry, struct queue_job *ret_job);
