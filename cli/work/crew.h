/* The jobs of a worker: a short queue, and the commands that run, up to so many at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"

struct crew;
struct loop;
struct plan;

struct crew_ops {
	/* The command of the job has ended with this status of waitpid(2); the job is freed then. */
	void (*ended)(void *arg, struct job *job, int status);
	/* The job is given back without having been started; it is freed then. */
	void (*returned)(void *arg, struct job *job);
	/* Commands have ended, or more may be started: there may be room. */
	void (*moved)(void *arg);
	/* No command can be started, with this errno: all jobs were given back. */
	void (*failed)(void *arg, int error);
};

struct crew *crew_new(struct loop *loop, const struct plan *plan, const struct crew_ops *ops, void *arg);
/* Does not end or wait for commands that still run. */
void crew_free(struct crew *crew);

/* How many more jobs to ask for now. trip_ns: how long it takes to get one. */
uint64_t crew_room(struct crew *crew, double trip_ns);

/* Takes over a job and starts its command as soon as may be. */
void crew_take(struct crew *crew, struct job *job);

/* Gives back, or only forgets what is not started, and returns how many jobs that was. */
void crew_return_queue(struct crew *crew);
uint64_t crew_drop_queue(struct crew *crew);

/* Sends SIGTERM to all commands, and SIGKILL some seconds later. */
void crew_stop(struct crew *crew);

/* The jobs whose commands run, in the order of their start; and the queue. */
struct job_list *crew_running(struct crew *crew);
struct job_list *crew_queue(struct crew *crew);

/* Whether there is no job at all. */
bool crew_is_idle(const struct crew *crew);
uint64_t crew_n_running(const struct crew *crew);
