/*
 * The end has two stages. receiver_finish() closes the connection and sets the exit status; then the sink still writes
 * what it has, or waits for its commands, and the loop ends when it is idle. Only a second signal ends this earlier, or
 * the time that the first one leaves: to standard output for the last bytes, or to the commands that run.
 */
#include "receiver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "human.h"
#include "loop.h"
#include "recv-options.h"
#include "say.h"

/* ms after a signal within which standard output must take the last bytes. */
#define SIGNAL_TIMEOUT ((uint64_t)5000)
/* Default of --stop-timeout; systemd kills a service after 90s. */
#define STOP_TIMEOUT ((uint64_t)60000)

static void
receiver_end_when_idle(struct receiver *r)
{
	if (sink_is_idle(r->sink))
		loop_end(r->loop, r->status);
}

void
receiver_finish(struct receiver *r, int status)
{
	if (r->finishing)
		return;
	r->finishing = true;
	r->status = status;
	client_stop(r->client);
	deadline_run(&r->deadline, false);
	sink_flush(r->sink);
	receiver_end_when_idle(r);
}

/* Pauses while the sink is full. The timeout does not run then: it is not for lack of messages. */
static void
receiver_pace(struct receiver *r)
{
	bool full = sink_is_full(r->sink);

	deadline_run(&r->deadline, !r->finishing && !full);
	r->ops->pace(r->arg, full);
}

uint64_t
receiver_left(const struct receiver *r)
{
	return r->o->count > 0 ? r->o->count - sink_messages(r->sink) : UINT64_MAX;
}

void
receiver_took(struct receiver *r)
{
	uint64_t messages = sink_messages(r->sink);

	sink_flush(r->sink);
	if (loop_is_ending(r->loop))
		return;
	if (receiver_left(r) == 0)
		receiver_finish(r, EX_OK);
	if (sink_has_failed(r->sink))
		receiver_finish(r, EX_SOFTWARE);
	if (messages > r->counted) {
		deadline_progress(&r->deadline);
		r->has_complained = false;
	}
	r->counted = messages;
	if (r->ops->handled)
		r->ops->handled(r->arg);
	receiver_pace(r);
}

void
receiver_refused(struct receiver *r, struct slice error)
{
	bool is_temporary = answers_error_is_temporary(&error);
	int complaint = answers_complaint(&error);

	if (complaint || is_temporary) {
		say_at(is_temporary && !r->has_complained ? SAY_ALWAYS : SAY_VERBOSE, "%s: %.*s; trying again",
		       client_name(r->client), (int)error.len, (const char *)error.p);
		r->has_complained |= is_temporary;
		client_drop(r->client, complaint ? complaint : EAGAIN);
		return;
	}
	say("%s: %.*s", client_name(r->client), (int)error.len, (const char *)error.p);
	receiver_finish(r, answers_error_status(&error));
}

static void
receiver_sink_cb(void *arg)
{
	struct receiver *r = arg;

	if (sink_has_failed(r->sink))
		receiver_finish(r, EX_SOFTWARE);
	if (r->ops->handled)
		r->ops->handled(r->arg);
	if (r->finishing)
		receiver_end_when_idle(r);
	else
		receiver_pace(r);
}

void
receiver_is_up(struct receiver *r)
{
	deadline_run(&r->silence, true);
}

void
receiver_heard(struct receiver *r)
{
	deadline_run(&r->silence, false);
}

void
receiver_is_down(struct receiver *r)
{
	deadline_run(&r->silence, false);
}

static void
receiver_timed_out_cb(void *arg, const char *why)
{
	struct receiver *r = arg;
	char explanation[512];

	client_explain(r->client, explanation, sizeof(explanation));
	say("%s: %s", why, r->ops->is_waiting(r->arg) ? "no message came" : explanation);
	receiver_finish(r, EX_TEMPFAIL);
}

static void
receiver_silence_cb(void *arg, const char *why)
{
	struct receiver *r = arg;
	char explanation[512];

	(void)why;
	client_explain(r->client, explanation, sizeof(explanation));
	if (!loop_is_ending(r->loop))
		say("%s; waiting", explanation);
}

static void
receiver_signal_timed_out_cb(void *arg, const char *why)
{
	struct receiver *r = arg;

	(void)why;
	loop_end(r->loop, r->status);
}

static void
receiver_signal_cb(void *arg, int signo, bool again)
{
	struct receiver *r = arg;

	if (again) {
		loop_end(r->loop, 128 + signo);
		return;
	}
	sink_stop(r->sink);
	if (sink_commands(r->sink).running > 0)
		say_notice("waiting for the running commands; another signal ends udsctl at once");
	deadline_run(&r->signal_deadline, true);
	receiver_finish(r, 128 + signo);
	r->status = 128 + signo; /* also if it was finishing already */
	receiver_end_when_idle(r);
}

int
receiver_init(struct receiver *r, const struct recv_options *o, const struct receiver_ops *ops, void *arg)
{
	uint64_t limit = !o->exec ? SIGNAL_TIMEOUT : o->stop_timeout > 0 ? o->stop_timeout : STOP_TIMEOUT;
	int status;

	*r = (struct receiver){ .o = o, .ops = ops, .arg = arg };
	r->loop = loop_new(receiver_signal_cb, r);
	status = sink_new(r->loop, o, receiver_sink_cb, r, &r->sink);
	if (status != 0)
		return status;
	deadline_init(&r->deadline, r->loop, options_timeout(&o->common, o->no_wait ? CLIENT_SILENCE : 0),
	              receiver_timed_out_cb, r);
	deadline_init(&r->silence, r->loop, CLIENT_SILENCE, receiver_silence_cb, r);
	deadline_init(&r->signal_deadline, r->loop, limit, receiver_signal_timed_out_cb, r);
	return 0;
}

void
receiver_deinit(struct receiver *r)
{
	sink_free(r->sink);
	deadline_deinit(&r->deadline);
	deadline_deinit(&r->signal_deadline);
	deadline_deinit(&r->silence);
	loop_free(r->loop);
}

int
receiver_run(struct receiver *r)
{
	deadline_run(&r->deadline, true);
	client_start(r->client);
	return loop_run(r->loop);
}

int
receiver_report(const struct receiver *r, int status)
{
	struct handler_counts n = sink_commands(r->sink);
	uint64_t messages = sink_messages(r->sink), reconnects = client_reconnects(r->client);
	char commands[64] = "";

	if (n.running > 0)
		say("recv: %" PRIu64 " command%s still running", n.running, human_s(n.running));
	if (n.unhandled > 1) /* they are the last ones */
		say("recv: %" PRIu64 " messages received but not handled: numbers %" PRIu64 " to %" PRIu64, n.unhandled,
		    messages - n.unhandled + 1, messages);
	else if (n.unhandled > 0)
		say("recv: 1 message received but not handled: number %" PRIu64, messages);
	if (r->o->exec)
		snprintf(commands, sizeof(commands), ", %" PRIu64 " command%s failed", n.failed, human_s(n.failed));
	if (r->o->summary)
		say("recv: %" PRIu64 " message%s, %" PRIu64 " reconnect%s, %" PRIu64 " missed%s", messages,
		    human_s(messages), reconnects, human_s(reconnects), r->missed, commands);
	return status == EX_OK && n.failed > 0 ? EX_SOFTWARE : status;
}
