/* --print: jobs go to standard output, and are done once it has taken them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"

struct loop;
struct printer;

struct printer_ops {
	/* The job is written; it is freed then. */
	void (*done)(void *arg, struct job *job);
	/* The job is not written, and never will be; it is freed then. why: what is
	 * wrong with standard output; NULL if its reader has left. */
	void (*returned)(void *arg, struct job *job, const char *why);
	/* After one or more of `done`. */
	void (*moved)(void *arg);
	/* Standard output takes nothing any more, which people were told. status: the exit status. */
	void (*failed)(void *arg, int status);
};

struct printer *printer_new(struct loop *loop, const struct printer_ops *ops, void *arg);
void printer_free(struct printer *p);

/* How many jobs to ask for now. */
uint64_t printer_room(const struct printer *p);

/* Takes over a job; after a failure, gives it back. */
void printer_take(struct printer *p, struct job *job);

/* Writes what goes without waiting. Calls any but `moved`. */
void printer_flush(struct printer *p);

/* The jobs that are not written. */
struct job_list *printer_jobs(const struct printer *p);
