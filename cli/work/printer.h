/* --print: jobs go to standard output, and are done once it has taken them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"

struct loop;
struct printer;

/* done: the job is written; it is freed then. moved: after one or more of these. */
struct printer *printer_new(struct loop *loop, void (*done)(void *arg, struct job *job), void (*moved)(void *arg),
                            void *arg);
void printer_free(struct printer *p);

/* How many jobs to ask for now. */
uint64_t printer_room(const struct printer *p);

/* Takes over a job. */
void printer_take(struct printer *p, struct job *job);

/* Writes what goes without waiting. Calls `done`, not `moved`. */
void printer_flush(struct printer *p);

/* The jobs that are not written. */
struct job_list *printer_jobs(const struct printer *p);
