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
	const struct printer_ops *ops;
	void *arg;
	bool has_failed;
	const char *why; /* it has; NULL: the reader has left */
};

/* The jobs that are written are done. */
static void
printer_collect(struct printer *p)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&p->jobs)) && job->printed_to <= output_written(p->output)) {
		TAILQ_REMOVE(&p->jobs, job, link);
		p->ops->done(p->arg, job);
		job_free(job);
	}
}

static void
printer_drained_cb(void *arg)
{
	struct printer *p = arg;

	printer_collect(p);
	p->ops->moved(p->arg);
}

/* Gives back what was taken. */
static void
printer_return(struct printer *p)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&p->jobs))) {
		TAILQ_REMOVE(&p->jobs, job, link);
		p->ops->returned(p->arg, job, p->why);
		job_free(job);
	}
}

/* What was written before is done all the same. */
static void
printer_failed_cb(void *arg, int status, const char *why)
{
	struct printer *p = arg;

	p->has_failed = true;
	p->why = why;
	printer_collect(p);
	printer_return(p);
	p->ops->failed(p->arg, status);
}

struct printer *
printer_new(struct loop *loop, const struct printer_ops *ops, void *arg)
{
	struct printer *p = memory_alloc(sizeof(*p));

	*p = (struct printer){ .loop = loop, .ops = ops, .arg = arg };
	TAILQ_INIT(&p->jobs);
	p->output = output_new(loop, STDOUT_FILENO, printer_drained_cb, p);
	output_on_failure(p->output, printer_failed_cb);
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
	if (p->has_failed)
		printer_return(p);
}

void
printer_flush(struct printer *p)
{
	output_flush(p->output);
	if (!p->has_failed)
		printer_collect(p);
}

struct job_list *
printer_jobs(const struct printer *p)
{
	return (struct job_list *)&p->jobs;
}
