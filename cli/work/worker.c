/*
 * There are two connections. On one the worker waits for jobs (supply), on the other it says everything else (control).
 * When either is lost the other is made anew, too: what was given on them goes to other workers then, so this one
 * forgets what it has not started, and claims what still runs before it asks for more. A job whose command has ended is
 * not forgotten: what became of it is said on the next connection. So nothing runs twice here at the same time.
 *
 * The end: nothing more is asked for, what is not started is given back, and udsctl ends once all commands have and the
 * daemon has answered what became of them.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "client.h"
#include "control.h"
#include "crew.h"
#include "deadline.h"
#include "leave.h"
#include "setup.h"
#include "human.h"
#include "supply.h"
#include "loop.h"
#include "plan.h"
#include "printer.h"
#include "say.h"
#include "timer.h"
#include "verdict.h"

/* ms until the setup is tried again that the daemon has refused. */
#define SETUP_RETRY_MS ((uint64_t)1000)
/* ms between looks at how long leases are. */
#define LEASE_LOOK ((uint64_t)10000)

struct worker {
	const struct plan *plan;
	struct loop *loop;
	struct control *control;
	struct supply *supply;
	struct setup setup;
	struct leave leave;
	struct crew *crew;       /* NULL with --print */
	struct printer *printer; /* NULL without */
	struct timer again;      /* the setup */
	struct timer lease;      /* jobs are claimed again */
	/* With --drain, it runs while there is no daemon that gives jobs, no job, and nothing to tell about one. */
	struct deadline patience;
	bool is_ready; /* jobs may be asked for */
	/*
	 * Nothing has ended or was given back since it last asked, and, once that is answered, nothing was waiting.
	 * What is said on one connection may be heard before what was said earlier on the other.
	 */
	bool is_dry;
	uint64_t taken;  /* jobs, without those that were given back */
	uint64_t failed; /* commands */
	bool finishing;
	unsigned int signals;
};

static bool
worker_is_idle(const struct worker *w)
{
	return w->crew ? crew_is_idle(w->crew) : TAILQ_EMPTY(printer_jobs(w->printer));
}

static void
worker_check_end(struct worker *w)
{
	if (w->finishing && !(w->crew && !crew_is_idle(w->crew)))
		leave_go_on(&w->leave, worker_is_idle(w));
}

static void
worker_impatient_cb(void *arg, const char *why)
{
	struct worker *w = arg;
	char explanation[512];

	control_explain(w->control, explanation, sizeof(explanation));
	say("%s: %s", why, explanation);
	loop_end(w->loop, EX_TEMPFAIL);
}

/* Asks for no more jobs, and ends when there is nothing left to do. */
static void
worker_finish(struct worker *w, int status)
{
	if (!w->finishing) {
		w->leave.status = status;
		leave_stop_asking(&w->leave);
	}
	w->finishing = true;
	if (w->crew)
		crew_return_queue(w->crew);
	worker_check_end(w);
}

/* Asks for jobs, if there is room for them; or finds that all is done. */
static void
worker_go_on(void *arg)
{
	struct worker *w = arg;
	bool drains = w->plan->o->drain;
	uint64_t room, count = w->plan->o->count;
	bool is_asking = supply_is_asking(w->supply);
	/* What is given back waits again, for this worker perhaps, once the daemon has answered. */
	bool is_over = drains && w->is_dry && !is_asking && control_returns(w->control) == 0;

	deadline_run(&w->patience,
	             !w->is_ready && !w->finishing && worker_is_idle(w) && control_verdicts(w->control) == 0);
	if (worker_is_idle(w) && (is_over || (count > 0 && w->taken >= count)))
		worker_finish(w, EX_OK);
	worker_check_end(w);
	if (w->finishing || !w->is_ready || is_asking || (drains && w->is_dry))
		return;
	room = w->crew ? crew_room(w->crew, control_trip_ns(w->control)) : printer_room(w->printer);
	if (count > 0 && count < w->taken + room)
		room = count > w->taken ? count - w->taken : 0;
	if (room == 0)
		return;
	w->is_dry = true;
	supply_ask(w->supply, room, !drains);
}

static void
worker_job_ended_cb(void *arg, struct job *job, int status)
{
	struct worker *w = arg;

	w->is_dry = false;
	w->failed += verdict_ended(w->control, w->plan, &w->setup.of[job->stream], job, status, w->finishing);
}

static void
worker_returned_cb(void *arg, struct job *job)
{
	struct worker *w = arg;

	w->taken--;
	w->is_dry = false;
	verdict_return(w->control, w->plan, job);
}

static void
worker_failed_cb(void *arg, int error)
{
	struct worker *w = arg;

	worker_finish(w, plan_report_command(w->plan, error));
}

static void
worker_printed_cb(void *arg, struct job *job)
{
	struct worker *w = arg;

	verdict_done(w->control, w->plan, job);
}

static void
worker_finish_cb(void *arg, int status)
{
	worker_finish(arg, status);
}

static void
worker_unprinted_cb(void *arg, struct job *job, const char *why)
{
	struct worker *w = arg;

	verdict_unprinted(w->control, w->plan, job, why);
}

static const struct printer_ops worker_printer_ops = {
	.done = worker_printed_cb,
	.returned = worker_unprinted_cb,
	.moved = worker_go_on,
	.failed = worker_finish_cb,
};

static const struct crew_ops worker_crew_ops = {
	.ended = worker_job_ended_cb,
	.returned = worker_returned_cb,
	.moved = worker_go_on,
	.failed = worker_failed_cb,
};

/* The jobs that this worker has, but for those that it has not started. */
static struct job_list *
worker_jobs(struct worker *w)
{
	return w->crew ? crew_running(w->crew) : printer_jobs(w->printer);
}

static struct job *
worker_find_job(struct worker *w, size_t stream, const char *id)
{
	struct job *job = job_find(worker_jobs(w), stream, id);

	return !job && w->crew ? job_find(crew_queue(w->crew), stream, id) : job;
}

/* Jobs are claimed three times in the time after which they would be given to others. */
static void
worker_set_lease(struct worker *w)
{
	uint64_t third = w->setup.lease_ms / 3 + 1;

	timer_set(&w->lease, w->setup.lease_ms > 0 && third < LEASE_LOOK ? third : LEASE_LOOK);
}

static void
worker_lease_cb(void *arg)
{
	struct worker *w = arg;

	if (!w->is_ready)
		return;
	if (w->setup.lease_ms > 0) {
		setup_claim(&w->setup, worker_jobs(w));
		if (w->crew)
			setup_claim(&w->setup, crew_queue(w->crew));
	}
	setup_refresh(&w->setup);
	worker_set_lease(w);
}

static void
worker_set_up_cb(void *arg)
{
	struct worker *w = arg;

	w->is_ready = false;
	if (control_is_up(w->control) && supply_is_up(w->supply))
		setup_begin(&w->setup);
}

static void
worker_control_reply_cb(void *arg, const struct control_request *request, const struct resp_node *nodes)
{
	struct worker *w = arg;
	struct job *job = request->kind == CONTROL_CLAIM ? worker_find_job(w, request->stream, request->id) : NULL;
	int status;

	if (request->kind >= CONTROL_UNBLOCK) {
		if (request->kind < CONTROL_DONE)
			leave_reply(&w->leave, request, nodes);
		w->is_dry &= request->kind != CONTROL_BACK;
		worker_go_on(w);
		return;
	}
	switch (setup_reply(&w->setup, request, job, nodes, &status)) {
	case SETUP_GO_ON:
		break;
	case SETUP_CLAIM:
		setup_claim(&w->setup, worker_jobs(w));
		setup_finish(&w->setup);
		break;
	case SETUP_READY:
		w->is_ready = true;
		worker_set_lease(w);
		worker_go_on(w);
		break;
	case SETUP_LATER:
		timer_set(&w->again, SETUP_RETRY_MS);
		break;
	case SETUP_END:
		loop_end(w->loop, status);
		break;
	}
}

static void
worker_control_down_cb(void *arg)
{
	struct worker *w = arg;

	w->is_ready = false;
	leave_lost(&w->leave);
	supply_renew(w->supply);
	worker_go_on(w);
}

static const struct control_ops worker_control_ops = {
	.up = worker_set_up_cb,
	.reply = worker_control_reply_cb,
	.down = worker_control_down_cb,
};

static bool
worker_entry_cb(void *arg, size_t stream, const struct resp_node *entry)
{
	struct worker *w = arg;
	struct job *job = job_new(w->plan, stream, entry), *known;

	if (!job)
		return false;
	known = worker_find_job(w, stream, job->id);
	/*
	 * It was released while the connection was lost, or its lease has ended. It is done, or runs on here. But what
	 * was given back may be given to this worker before the daemon has answered that.
	 */
	if (known || control_has_done(w->control, stream, job->id)) {
		if (known)
			known->is_lost = false;
		job_free(job);
		return true;
	}
	job->held_at = loop_now();
	/* It may have been asked for before the signal; and of several streams, more may come than were asked for. */
	if (w->finishing || (w->plan->o->count > 0 && w->taken >= w->plan->o->count)) {
		verdict_return(w->control, w->plan, job);
		job_free(job);
		return true;
	}
	w->taken++;
	w->printer ? printer_take(w->printer, job) : crew_take(w->crew, job);
	return true;
}

static void
worker_answered_cb(void *arg, uint64_t n)
{
	struct worker *w = arg;

	w->is_dry &= n == 0;
	if (w->printer)
		printer_flush(w->printer);
	worker_go_on(w);
}

static void
worker_refused_cb(void *arg, bool again, int status)
{
	struct worker *w = arg;

	w->is_ready = w->is_dry = false;
	if (again)
		timer_set(&w->again, SETUP_RETRY_MS);
	else
		loop_end(w->loop, status);
}

static void
worker_supply_down_cb(void *arg)
{
	struct worker *w = arg;

	w->is_ready = w->is_dry = false;
	if (w->crew)
		w->taken -= crew_drop_queue(w->crew);
	control_renew(w->control);
	worker_go_on(w);
}

static const struct supply_ops worker_supply_ops = {
	.up = worker_set_up_cb,
	.entry = worker_entry_cb,
	.answered = worker_answered_cb,
	.refused = worker_refused_cb,
	.down = worker_supply_down_cb,
};

static void
worker_signal_cb(void *arg, int signo, bool again)
{
	struct worker *w = arg;

	(void)again;
	w->leave.status = 128 + signo;
	switch (++w->signals) {
	case 1:
		if (w->crew && crew_n_running(w->crew) > 0)
			say_notice("waiting for the running commands; another signal ends them");
		worker_finish(w, w->leave.status);
		break;
	case 2:
		if (w->crew)
			crew_stop(w->crew);
		break;
	default:
		loop_end(w->loop, w->leave.status);
		break;
	}
}

static void
worker_begin(struct worker *w, const struct work_options *o)
{
	w->loop = loop_new(worker_signal_cb, w);
	w->control = control_new(w->loop, &o->common.addr, &worker_control_ops, w);
	w->supply = supply_new(w->loop, &o->common.addr, w->plan, &worker_supply_ops, w);
	setup_init(&w->setup, w->plan, w->control);
	leave_init(&w->leave, w->loop, w->plan, w->control, w->supply);
	if (o->print)
		w->printer = printer_new(w->loop, &worker_printer_ops, w);
	else
		w->crew = crew_new(w->loop, w->plan, &worker_crew_ops, w);
	timer_init(&w->again, w->loop, worker_set_up_cb, w);
	timer_init(&w->lease, w->loop, worker_lease_cb, w);
	deadline_init(&w->patience, w->loop, o->drain ? CLIENT_SILENCE : 0, worker_impatient_cb, w);
	control_start(w->control);
	supply_start(w->supply);
	worker_go_on(w);
}

int
worker_run(const struct plan *plan)
{
	struct worker w = { .plan = plan };
	int status;

	worker_begin(&w, plan->o);
	status = loop_run(w.loop);
	if (status == EX_OK && w.failed > 0)
		status = EX_SOFTWARE;
	control_free(w.control);
	supply_free(w.supply);
	crew_free(w.crew);
	printer_free(w.printer);
	leave_deinit(&w.leave);
	setup_deinit(&w.setup);
	timer_deinit(&w.again);
	timer_deinit(&w.lease);
	deadline_deinit(&w.patience);
	loop_free(w.loop);
	return status;
}
