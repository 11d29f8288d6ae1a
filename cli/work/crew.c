/*
 * How much is read ahead. A worker that asks for a job only when a command has ended waits for the daemon, and its
 * disk, between any two commands. So it has as many more as end until the answer to its next question, and none where
 * commands take long against that: then whoever is free has the next job. What lies in the queue for long all the same,
 * behind commands that take longer than those before them, is given back.
 */
#include "crew.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "cleanup.h"
#include "command.h"
#include "loop.h"
#include "memory.h"
#include "plan.h"
#include "rate.h"
#include "say.h"
#include "timer.h"

/* Between SIGTERM and SIGKILL, in ms. */
#define KILL_AFTER ((uint64_t)5000)
/* A job is given back that waited so long in the queue, in ms. */
#define QUEUE_PATIENCE ((uint64_t)50)
#define AHEAD_MAX ((uint64_t)256)

struct crew {
	const struct plan *plan;
	const struct crew_ops *ops;
	void *arg;
	struct children *children;
	struct last_words_list words;
	bool hears; /* commands have a standard error of their own */
	struct job_list queue, running;
	uint64_t n_queued, n_running;
	struct rate rate;
	struct timer retry;     /* starting was impossible for lack of resources */
	struct timer impatient; /* for the first job of the queue */
	struct timer limit;     /* for --timeout, and SIGKILL */
	uint64_t limit_at;      /* when it fires, if it is set, in ns */
	double run_ns;          /* how long commands take lately; 0: not known */
	bool noticed;           /* it was said that no command can be started now */
};

static void
crew_free_list(struct job_list *list)
{
	struct job *job;

	while ((job = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, job, link);
		job_free(job);
	}
}

static void
crew_kill(const struct job *job, int signo)
{
	/* Its process group, which is gone perhaps. */
	(void)kill(-job->pid, signo);
}

/* When the command of the job is to be told to end, or killed, in ns. */
static uint64_t
crew_limit_of(const struct crew *crew, const struct job *job)
{
	uint64_t limit = crew->plan->o->job_timeout;

	if (job->is_timed_out || job->is_stopped)
		return job->since + KILL_AFTER * 1000000;
	return limit > 0 ? job->since + limit * 1000000 : UINT64_MAX;
}

/* Looks at the job's limit when it comes; a look that is due earlier stays. */
static void
crew_watch(struct crew *crew, const struct job *job)
{
	uint64_t at = crew_limit_of(crew, job), now = loop_now_ns();

	if (at == UINT64_MAX || (timer_is_set(&crew->limit) && crew->limit_at <= at))
		return;
	crew->limit_at = at;
	timer_set(&crew->limit, at > now ? (at - now) / 1000000 + 1 : 0);
}

/* Starts the command of the first job of the queue. Returns 0 or -errno. */
static int
crew_start_first(struct crew *crew)
{
	struct job *job = TAILQ_FIRST(&crew->queue);
	struct command command = {
		.path = crew->plan->path,
		.argv = crew->plan->argv,
		.input = job->input,
		.variables = job->variables,
		.n = job->n,
		.prefix = "UDSD_FIELD_",
		.is_bound = true,
	};
	_cleanup_close_ int error = -1;
	int r = crew->hears ? last_words_open(&crew->words, &job->words, &error) : 0;

	if (r < 0)
		return r;
	command.error = error > 0 ? error : 0;
	r = command_start(&command, &job->pid);
	if (r < 0 && job->words)
		last_words_close(&crew->words, job->words);
	if (r < 0) {
		job->words = NULL;
		return r;
	}
	crew->noticed = false;
	TAILQ_REMOVE(&crew->queue, job, link);
	crew->n_queued--;
	TAILQ_INSERT_TAIL(&crew->running, job, link);
	crew->n_running++;
	job->since = loop_now_ns();
	rate_spend(&crew->rate);
	crew_watch(crew, job);
	return 0;
}

/* A command could not be started. */
static void
crew_start_failed(struct crew *crew, int error)
{
	if (!children_may_start_later(error)) {
		crew_return_queue(crew);
		crew->ops->failed(crew->arg, error);
		return;
	}
	if (!crew->noticed)
		say("no command can be started now: %s", strerror(error));
	crew->noticed = true;
	timer_set(&crew->retry, CHILDREN_RETRY_MS);
}

static void
crew_start_some(struct crew *crew)
{
	int r = 0;

	while (r == 0 && crew->n_running < crew->plan->jobs && crew->n_queued > 0 && !timer_is_set(&crew->retry) &&
	       rate_allows(&crew->rate) && last_words_may_start(&crew->words))
		r = crew_start_first(crew);
	if (r < 0)
		crew_start_failed(crew, -r);
	if (crew->n_queued > 0 && !timer_is_set(&crew->impatient))
		timer_set(&crew->impatient, QUEUE_PATIENCE);
}

static void
crew_retry_cb(void *arg)
{
	struct crew *crew = arg;

	crew_start_some(crew);
	crew->ops->moved(crew->arg);
}

static void
crew_impatient_cb(void *arg)
{
	struct crew *crew = arg;
	const struct job *first = TAILQ_FIRST(&crew->queue);
	uint64_t waited;

	if (!first)
		return;
	waited = (loop_now_ns() - first->since) / 1000000;
	if (waited < QUEUE_PATIENCE) {
		timer_set(&crew->impatient, QUEUE_PATIENCE - waited);
		return;
	}
	crew->run_ns = 0; /* commands take longer than it seemed */
	crew_return_queue(crew);
}

static void
crew_limit_cb(void *arg)
{
	struct crew *crew = arg;
	uint64_t now = loop_now_ns();
	struct job *job;

	TAILQ_FOREACH(job, &crew->running, link) {
		if (crew_limit_of(crew, job) <= now) {
			crew_kill(job, job->is_timed_out || job->is_stopped ? SIGKILL : SIGTERM);
			job->is_timed_out |= !job->is_stopped;
			job->since = now;
		}
		crew_watch(crew, job);
	}
}

static void
crew_ended_cb(void *arg, pid_t pid, int status)
{
	struct crew *crew = arg;
	struct job *job;
	double took;

	TAILQ_FOREACH(job, &crew->running, link)
		if (job->pid == pid)
			break;
	if (!job)
		return;
	if (job->is_timed_out || job->is_stopped)
		crew_kill(job, SIGKILL); /* what it has left behind */
	if (job->words)
		last_words_end(&crew->words, job->words, job->complaint, sizeof(job->complaint));
	job->words = NULL;
	took = (double)(loop_now_ns() - job->since);
	crew->run_ns = crew->run_ns > 0 ? crew->run_ns + (took - crew->run_ns) / 8 : took;
	TAILQ_REMOVE(&crew->running, job, link);
	crew->n_running--;
	crew->ops->ended(crew->arg, job, status);
	job_free(job);
}

static void
crew_swept_cb(void *arg)
{
	struct crew *crew = arg;

	crew_start_some(crew);
	crew->ops->moved(crew->arg);
}

struct crew *
crew_new(struct loop *loop, const struct plan *plan, const struct crew_ops *ops, void *arg)
{
	struct crew *crew = memory_alloc(sizeof(*crew));

	crew->plan = plan;
	crew->ops = ops;
	crew->arg = arg;
	TAILQ_INIT(&crew->queue);
	TAILQ_INIT(&crew->running);
	rate_init(&crew->rate, plan->o->rate.count, plan->o->rate.period);
	rate_start(&crew->rate, loop, crew_retry_cb, crew);
	timer_init(&crew->retry, loop, crew_retry_cb, crew);
	timer_init(&crew->impatient, loop, crew_impatient_cb, crew);
	timer_init(&crew->limit, loop, crew_limit_cb, crew);
	command_allow_many();
	last_words_init(&crew->words, loop, crew_retry_cb, crew);
	/* On a terminal, commands are to see that it is one. */
	crew->hears = isatty(STDERR_FILENO) != 1;
	crew->children = children_new(loop, crew_ended_cb, crew_swept_cb, crew);
	return crew;
}

void
crew_free(struct crew *crew)
{
	if (!crew)
		return;
	children_free(crew->children);
	last_words_deinit(&crew->words);
	rate_deinit(&crew->rate);
	timer_deinit(&crew->retry);
	timer_deinit(&crew->impatient);
	timer_deinit(&crew->limit);
	crew_free_list(&crew->queue);
	crew_free_list(&crew->running);
	free(crew);
}

uint64_t
crew_room(struct crew *crew, double trip_ns)
{
	uint64_t most = crew->plan->jobs, held = crew->n_queued + crew->n_running, room;
	double ahead;

	if (timer_is_set(&crew->retry) || !last_words_may_start(&crew->words))
		return 0;
	if (crew->run_ns > 0 && crew->plan->o->rate.count == 0) {
		/* As many end from a question to its answer as from there to the next answer. */
		ahead = 2 * (double)most * trip_ns / crew->run_ns + 1;
		if (crew->run_ns < (double)QUEUE_PATIENCE * 1e6)
			most += ahead < (double)AHEAD_MAX ? (uint64_t)ahead : AHEAD_MAX;
	}
	room = held < most ? most - held : 0;
	if (room > 0 && crew->plan->o->rate.count > 0) {
		if (!rate_allows(&crew->rate))
			return 0;
		room = room < (uint64_t)crew->rate.tokens ? room : (uint64_t)crew->rate.tokens;
	}
	return room;
}

void
crew_take(struct crew *crew, struct job *job)
{
	job->since = loop_now_ns();
	TAILQ_INSERT_TAIL(&crew->queue, job, link);
	crew->n_queued++;
	crew_start_some(crew);
}

void
crew_return_queue(struct crew *crew)
{
	struct job *job;

	TAILQ_FOREACH(job, &crew->queue, link)
		crew->ops->returned(crew->arg, job);
	crew_drop_queue(crew);
}

uint64_t
crew_drop_queue(struct crew *crew)
{
	uint64_t n = crew->n_queued;

	crew_free_list(&crew->queue);
	crew->n_queued = 0;
	return n;
}

void
crew_stop(struct crew *crew)
{
	struct job *job;

	TAILQ_FOREACH(job, &crew->running, link) {
		crew_kill(job, SIGTERM);
		job->is_stopped = true;
		job->since = loop_now_ns();
		crew_watch(crew, job);
	}
}

struct job_list *
crew_running(struct crew *crew)
{
	return &crew->running;
}

struct job_list *
crew_queue(struct crew *crew)
{
	return &crew->queue;
}

bool
crew_is_idle(const struct crew *crew)
{
	return crew->n_queued + crew->n_running == 0;
}

uint64_t
crew_n_running(const struct crew *crew)
{
	return crew->n_running;
}
