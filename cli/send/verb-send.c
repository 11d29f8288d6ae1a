/*
 * udsctl send: fills the queue of a delivery from a source, and keeps the time. Callbacks only record what happened and
 * then call send_advance(), which moves everything as far as it goes; so no callback needs to know what another one
 * waits for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "advice.h"
#include "answers.h"
#include "deadline.h"
#include "delivery.h"
#include "human.h"
#include "loop.h"
#include "output.h"
#include "progress.h"
#include "rate.h"
#include "say.h"
#include "send-options.h"
#include "source.h"

#define QUEUE_BYTES ((uint64_t)16 * 1024 * 1024)
/* In ms. */
#define ARGUMENTS_TIMEOUT ((uint64_t)5000) /* where messages are arguments */
#define SIGNAL_TIMEOUT ((uint64_t)5000)    /* to get what is queued answered after a signal */
#define REJOIN ((uint64_t)5000)

struct send {
	const struct send_options *o;
	uint64_t queue_bytes;
	struct loop *loop;
	struct delivery delivery;
	struct source *source;
	struct rate rate;
	struct deadline answer_deadline, signal_deadline, silence;
	struct progress progress;
	struct output *ids; /* --print-id; or NULL */
	bool source_ended;
	bool not_permitted; /* a message was refused for lack of permission */
	int signo;          /* of the signal that came before all input was read; or 0 */
};

/* With a rate a message enters the queue only when it may be sent: a full queue would go out in one burst. */
static bool
send_may_push(struct send *s)
{
	return s->delivery.queue.bytes < s->queue_bytes && (!s->o->store || s->delivery.queue.frames < WAY_WINDOW) &&
	       (!s->ids || output_pending(s->ids) < OUTPUT_HIGH) &&
	       (s->o->rate.count == 0 || (client_is_up(s->delivery.client) && rate_allows(&s->rate)));
}

/* Fills the queue. The input is read only while there is room in the queue. */
static void
send_fill(struct send *s)
{
	enum source_status status = SOURCE_OK;
	struct item item;
	bool blocked = s->o->rate.count > 0 && sendq_has_unsent(&s->delivery.queue);

	source_fill(s->source);
	while (!s->source_ended && !blocked && send_may_push(s)) {
		status = source_next(s->source, &item);
		if (status != SOURCE_OK)
			break;
		delivery_push(&s->delivery, &item);
		rate_spend(&s->rate);
	}
	if (status == SOURCE_END)
		s->source_ended = true;
	source_want(s->source, status == SOURCE_LATER);
}

static int
send_final_status(const struct send *s)
{
	int status = source_exit_status(s->source);

	if (status == EX_IOERR)
		return status;
	if (s->not_permitted)
		return EX_NOPERM;
	if (s->delivery.refused > 0)
		return EX_PROTOCOL;
	if (status != EX_OK)
		return status;
	if (s->delivery.unreached > 0 && s->o->require_receiver)
		return EX_UNAVAILABLE;
	return s->signo ? 128 + s->signo : EX_OK;
}

/* Moves everything as far as it goes. */
/* Whether standard output has not taken all IDs. */
static bool
send_ids_wait(const struct send *s)
{
	return s->ids && output_pending(s->ids) > 0;
}

static void
send_advance(void *arg)
{
	struct send *s = arg;

	source_settle(s->source);
	if (s->ids)
		output_flush(s->ids); /* before the queue is filled: room that a flush makes is noticed nowhere else */
	send_fill(s);
	delivery_write(&s->delivery);
	if (s->source_ended && s->delivery.queue.frames == 0 && !send_ids_wait(s))
		loop_end(s->loop, send_final_status(s));
	deadline_run(&s->answer_deadline,
	             s->delivery.queue.frames > 0 || !client_is_up(s->delivery.client) || source_is_stuck(s->source));
	deadline_run(&s->silence, !s->delivery.is_bus && client_is_up(s->delivery.client) &&
	                              (s->delivery.queue.frames > 0 || s->delivery.greetings > 0));
}

static void
send_silence_cb(void *arg, const char *why)
{
	struct send *s = arg;
	char explanation[512];

	(void)why;
	client_explain(s->delivery.client, explanation, sizeof(explanation));
	if (!loop_is_ending(s->loop))
		say("%s; waiting", explanation);
}

/* Why messages were not answered; a daemon that has answered all that was sent is not to blame. */
static void
send_explain(const struct send *s, char *text, size_t size)
{
	const struct delivery *d = &s->delivery;
	bool holds_back = client_is_up(d->client) && d->greetings == 0 && sendq_sent_frames(&d->queue) == 0;

	if (holds_back && source_is_stuck(s->source))
		snprintf(text, size, "the spool cannot be written");
	else if (holds_back && send_ids_wait(s))
		snprintf(text, size, "standard output takes no more IDs");
	else if (holds_back && s->o->rate.count > 0)
		snprintf(text, size, "--rate holds them back");
	else
		delivery_explain(d, s->o->common.args[0], text, size);
}

/* Ends the loop; `why` begins the line that says how much is not answered. */
static void
send_give_up(void *arg, const char *why)
{
	struct send *s = arg;
	char explanation[512];
	uint64_t left;

	source_count_rest(s->source);
	left = source_left(s->source);
	if (left == 0 && send_ids_wait(s)) {
		say("%s: all messages are answered, but standard output takes no more IDs", why);
		loop_end(s->loop, EX_IOERR);
		return;
	}
	if (left == 0 && s->signo) {
		loop_end(s->loop, send_final_status(s));
		return;
	}
	send_explain(s, explanation, sizeof(explanation));
	say("%s: %" PRIu64 " of %" PRIu64 " message%s %s not answered (%s)", why, left, source_taken(s->source),
	    human_s(source_taken(s->source)), left == 1 ? "was" : "were", explanation);
	loop_end(s->loop, source_is_stuck(s->source) || send_ids_wait(s) ? EX_IOERR : EX_TEMPFAIL);
}

static void
send_signal_cb(void *arg, int signo, bool again)
{
	struct send *s = arg;

	if (source_stop(s->source))
		s->signo = signo;
	/* What is in the spool is safe: no need to wait for a daemon that is not there. */
	if (again || ((s->o->spool || s->o->position) && !client_is_up(s->delivery.client))) {
		send_give_up(s, "interrupted");
		return;
	}
	deadline_run(&s->signal_deadline, true);
	send_advance(s);
	if (!loop_is_ending(s->loop))
		say_notice("what has been read is still being sent; interrupt again to give up");
}

static void
send_stored(void *arg, struct slice id_bytes)
{
	struct send *s = arg;
	struct slice id;

	while (s->ids && answers_next_id(&id_bytes, &id)) {
		output_append(s->ids, id.p, id.len);
		output_append(s->ids, "\n", 1);
	}
}

static void
send_answered(void *arg, uint64_t n)
{
	struct send *s = arg;

	source_done(s->source, n);
	deadline_progress(&s->answer_deadline);
}

static void
send_refused(void *arg, const struct slice *text, uint64_t size)
{
	struct send *s = arg;
	char where[256];

	source_describe(s->source, s->delivery.answered + s->delivery.refused + 1, where, sizeof(where));
	say("%s (%" PRIu64 " byte%s) was refused: %.*s%s", where, size, human_s(size), (int)text->len,
	    (const char *)text->p,
	    answers_error_is(text, "ERR Protocol error: invalid bulk length") ? " (it is larger than max_message)"
	                                                                      : advice_for_error(text));
	if (answers_error_is(text, "NOPERM"))
		s->not_permitted = true;
	send_answered(s, 1);
}

/* The wait for receivers must not look like a daemon that does not answer. */
static uint64_t
send_rejoin(void *arg)
{
	const struct send *s = arg;
	uint64_t ms = s->o->rejoin.given ? s->o->rejoin.ms : REJOIN;
	uint64_t left = deadline_left(&s->answer_deadline), signal_left = deadline_left(&s->signal_deadline);

	if (left > signal_left)
		left = signal_left;
	if (ms > left / 2)
		ms = left / 2;
	return ms < PROTOCOL_WAIT_MS_MAX ? ms : PROTOCOL_WAIT_MS_MAX;
}

static const struct delivery_ops delivery_ops = {
	.answered = send_answered,
	.stored = send_stored,
	.refused = send_refused,
	.rejoin = send_rejoin,
	.moved = send_advance,
};

static void
send_print_end(struct send *s)
{
	const struct delivery *d = &s->delivery;
	uint64_t reconnects = delivery_reconnects(d);

	source_say_left(s->source);
	if (s->o->summary)
		say("send: %" PRIu64 " message%s, %" PRIu64 " answered, %" PRIu64 " not sent, %" PRIu64
		    " refused, %" PRIu64 " reached nobody, %" PRIu64 " sent again, %" PRIu64 " reconnect%s",
		    source_taken(s->source), human_s(source_taken(s->source)), d->answered, source_left(s->source),
		    d->refused, d->unreached, delivery_repeated(&s->delivery), reconnects, human_s(reconnects));
	else if (d->unreached > 0)
		say_at(s->o->require_receiver ? SAY_ALWAYS : SAY_VERBOSE,
		       "%" PRIu64 " of %" PRIu64 " answered message%s reached nobody", d->unreached, d->answered,
		       human_s(d->answered));
}

static void
send_progress(void *arg, struct progress_state *ret_state)
{
	const struct send *s = arg;

	*ret_state = (struct progress_state){
		.messages = source_taken(s->source),
		.bytes = source_bytes(s->source),
		.answered = s->delivery.answered + s->delivery.refused,
		.reconnects = delivery_reconnects(&s->delivery),
	};
}

static void
send_setup(struct send *s)
{
	const struct send_options *o = s->o;
	uint64_t timeout = options_timeout(&o->common, o->common.n_args > 1 ? ARGUMENTS_TIMEOUT : 0);
	bool outlives = o->spool || o->id || o->position; /* what is known of messages is needed by another process */
	struct delivery_options options = { .addr = o->common.addr,
		                            .wait_receivers = (uint16_t)o->wait_receivers,
		                            .remember = o->store && outlives ? o->common.args[0] : NULL };

	s->loop = loop_new(send_signal_cb, s);
	delivery_init(&s->delivery, s->loop, &options, &delivery_ops, s);
	source_start(s->source, s->loop, send_advance, s);
	if (o->print_id)
		s->ids = output_new(s->loop, STDOUT_FILENO, send_advance, s);
	rate_init(&s->rate, o->rate.count, o->rate.period);
	rate_start(&s->rate, s->loop, send_advance, s);
	deadline_init(&s->answer_deadline, s->loop, timeout, send_give_up, s);
	deadline_init(&s->signal_deadline, s->loop, timeout > 0 ? timeout : SIGNAL_TIMEOUT, send_give_up, s);
	deadline_init(&s->silence, s->loop, CLIENT_SILENCE, send_silence_cb, s);
	progress_init(&s->progress, s->loop,
	              o->no_progress ? PROGRESS_OFF
	              : o->progress  ? PROGRESS_ON
	                             : PROGRESS_AUTO,
	              send_progress, s);
}

static void
send_teardown(struct send *s)
{
	delivery_deinit(&s->delivery);
	source_free(s->source);
	output_free(s->ids);
	rate_deinit(&s->rate);
	deadline_deinit(&s->answer_deadline);
	deadline_deinit(&s->signal_deadline);
	deadline_deinit(&s->silence);
	loop_free(s->loop);
}

/* Who reads the ids has left: what is not stored still has to be told. */
static int
send_check_left(const struct send *s, int status)
{
	uint64_t left = source_left(s->source);

	if (status != EX_OK || (left == 0 && s->source_ended))
		return status;
	say("standard output was closed: %" PRIu64 " message%s not answered", left, left == 1 ? " was" : "s were");
	return EX_IOERR;
}

static int
verb_send_run(const void *options)
{
	struct send_options o = *(const struct send_options *)options;
	struct send s = { .o = &o, .queue_bytes = o.queue_bytes > 0 ? o.queue_bytes : QUEUE_BYTES };
	int status = send_options_complete(&o);

	if (status == EX_OK)
		status = source_open(&o, &s.source);
	if (status == EX_OK) {
		send_setup(&s);
		client_start(s.delivery.client);
		if (!loop_is_ending(s.loop))
			send_advance(&s);
		status = send_check_left(&s, loop_run(s.loop));
		progress_deinit(&s.progress);
		send_print_end(&s);
		send_teardown(&s);
	}
	buf_deinit(&o.more);
	return status;
}

const struct verb verb_send = {
	.name = "send",
	.arguments = "CHANNEL [MESSAGE]...",
	.summary = "publish or store the messages, or the lines of standard input",
	.rows = send_rows,
	.args_min = 1,
	.n_names = 1,
	.examples = "udsctl send --timeout 1s alerts 'disk is full'\n"
		    "udsctl send --store --follow app.log --position app.position logs.app\n",
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct send_options),
	.run = verb_send_run,
};
