#include "printer.h"

#include <stdlib.h>
#include <unistd.h>

#include "loop.h"
#include "memory.h"
#include "output.h"

/* So many jobs are asked for at once. */
#define PRINTER_ROOM ((uint64_t)64)

struct printer {
	struct loop *loop;
	struct output *output;
	struct job_list jobs;
	uint64_t printed; /* bytes, of all jobs so far */
	void (*done)(void *arg, struct job *job);
	void (*moved)(void *arg);
	void *arg;
};

/* The jobs that are written are done. After an error nothing is known to be. */
static void
printer_collect(struct printer *p)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&p->jobs)) && !loop_is_ending(p->loop) &&
	       job->printed_to <= p->printed - output_pending(p->output)) {
		TAILQ_REMOVE(&p->jobs, job, link);
		p->done(p->arg, job);
		job_free(job);
	}
}

static void
printer_drained_cb(void *arg)
{
	struct printer *p = arg;

	printer_collect(p);
	p->moved(p->arg);
}

struct printer *
printer_new(struct loop *loop, void (*done)(void *arg, struct job *job), void (*moved)(void *arg), void *arg)
{
	struct printer *p = memory_alloc(sizeof(*p));

	*p = (struct printer){ .loop = loop, .done = done, .moved = moved, .arg = arg };
	TAILQ_INIT(&p->jobs);
	p->output = output_new(loop, STDOUT_FILENO, printer_drained_cb, p);
	return p;
}

void
printer_free(struct printer *p)
{
	struct job *job;

	if (!p)
		return;
	while ((job = TAILQ_FIRST(&p->jobs))) {
		TAILQ_REMOVE(&p->jobs, job, link);
		job_free(job);
	}
	output_free(p->output);
	free(p);
}

uint64_t
printer_room(const struct printer *p)
{
	return TAILQ_EMPTY(&p->jobs) ? PRINTER_ROOM : 0;
}

void
printer_take(struct printer *p, struct job *job)
{
	output_append(p->output, job->input.p, job->input.len);
	p->printed += job->input.len;
	job->printed_to = p->printed;
	TAILQ_INSERT_TAIL(&p->jobs, job, link);
}

void
printer_flush(struct printer *p)
{
	output_flush(p->output);
	printer_collect(p);
}

struct job_list *
printer_jobs(const struct printer *p)
{
	return (struct job_list *)&p->jobs;
}
