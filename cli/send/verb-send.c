/*
 * udsctl send: fills the queue of a delivery from a source, and keeps the time. Callbacks only record what happened and
 * then call send_advance(), which moves everything as far as it goes; so no callback needs to know what another one
 * waits for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "deadline.h"
#include "delivery.h"
#include "human.h"
#include "loop.h"
#include "progress.h"
#include "rate.h"
#include "say.h"
#include "send-options.h"
#include "source.h"

static const struct option_row rows[] = {
	{ "file", 'f', "FILE", "read FILE (-: standard input); several go in order", OPTION_LIST,
	  offsetof(struct send_options, files) },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct send_options, null) },
	{ "whole", 0, NULL, "all of an input is one message", OPTION_FLAG, offsetof(struct send_options, whole) },
	{ "rate", 0, "RATE", "send at most so many messages: 100/s, 6000/m", OPTION_RATE,
	  offsetof(struct send_options, rate) },
	{ "wait-receiver", 0, "[=N]", "messages wait until a receiver is there, or N", OPTION_COUNT,
	  offsetof(struct send_options, wait_receivers) },
	{ "rejoin", 0, "DURATION", "wait so long for receivers after a reconnect (5s)", OPTION_LIMIT,
	  offsetof(struct send_options, rejoin) },
	{ "require-receiver", 0, NULL, "end with status 69 if a message reached nobody", OPTION_FLAG,
	  offsetof(struct send_options, require_receiver) },
	{ "timeout", 0, "DURATION", "give up after this long without an answer; 0: never (5s with a MESSAGE, else 0)",
	  OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "hold at most this much unanswered (16M)", OPTION_SIZE,
	  offsetof(struct send_options, queue_bytes) },
	{ "spool", 0, "FILE", "keep what is not answered in FILE, and send it first", OPTION_TEXT,
	  offsetof(struct send_options, spool) },
	{ "spool-bytes", 0, "SIZE", "the spool takes at most this much of the disk (1G)", OPTION_SIZE,
	  offsetof(struct send_options, spool_bytes) },
	{ "spool-sync", 0, NULL, "send messages only after they are on the disk", OPTION_FLAG,
	  offsetof(struct send_options, spool_sync) },
	{ "progress", 0, NULL, "say how far it is (by itself on a terminal)", OPTION_FLAG,
	  offsetof(struct send_options, progress) },
	{ "no-progress", 0, NULL, "do not", OPTION_FLAG, offsetof(struct send_options, no_progress) },
	{ "summary", 0, NULL, "at the end say how many messages went where", OPTION_FLAG,
	  offsetof(struct send_options, summary) },
	{ 0 },
};

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
	bool source_ended;
	bool not_permitted; /* a message was refused for lack of permission */
	int signo;          /* of the signal that came before all input was read; or 0 */
};

/* With a rate a message enters the queue only when it may be sent: a full queue would go out in one burst. */
static bool
send_may_push(struct send *s)
{
	return s->delivery.queue.bytes < s->queue_bytes &&
	       (s->o->rate.count == 0 || (client_is_up(s->delivery.client) && rate_allows(&s->rate)));
}

/* Fills the queue. The input is read only while there is room in the queue. */
static void
send_fill(struct send *s)
{
	enum source_status status = SOURCE_OK;
	struct slice channel, message;
	bool blocked = s->o->rate.count > 0 && sendq_has_unsent(&s->delivery.queue);

	source_fill(s->source);
	while (!s->source_ended && !blocked && send_may_push(s)) {
		status = source_next(s->source, &message);
		if (status != SOURCE_OK)
			break;
		channel = source_channel(s->source);
		delivery_push(&s->delivery, &channel, &message);
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
static void
send_advance(void *arg)
{
	struct send *s = arg;

	source_settle(s->source);
	send_fill(s);
	delivery_write(&s->delivery);
	if (s->source_ended && s->delivery.queue.frames == 0)
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
	if (left == 0 && s->signo) {
		loop_end(s->loop, send_final_status(s));
		return;
	}
	send_explain(s, explanation, sizeof(explanation));
	say("%s: %" PRIu64 " of %" PRIu64 " message%s %s not answered (%s)", why, left, source_taken(s->source),
	    human_s(source_taken(s->source)), left == 1 ? "was" : "were", explanation);
	loop_end(s->loop, source_is_stuck(s->source) ? EX_IOERR : EX_TEMPFAIL);
}

static void
send_signal_cb(void *arg, int signo, bool again)
{
	struct send *s = arg;

	if (source_stop(s->source))
		s->signo = signo;
	/* What is in the spool is safe: no need to wait for a daemon that is not there. */
	if (again || (s->o->spool && !client_is_up(s->delivery.client))) {
		send_give_up(s, "interrupted");
		return;
	}
	deadline_run(&s->signal_deadline, true);
	send_advance(s);
	if (!loop_is_ending(s->loop))
		say_notice("what has been read is still being sent; interrupt again to give up");
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
	                                                                      : "");
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
	.refused = send_refused,
	.rejoin = send_rejoin,
	.moved = send_advance,
};

static void
send_print_end(struct send *s)
{
	const struct delivery *d = &s->delivery;
	uint64_t reconnects = client_reconnects(d->client);

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
		.reconnects = client_reconnects(s->delivery.client),
	};
}

static void
send_setup(struct send *s)
{
	const struct send_options *o = s->o;
	uint64_t timeout = options_timeout(&o->common, o->common.n_args > 1 ? ARGUMENTS_TIMEOUT : 0);
	struct delivery_options options = { .addr = o->common.addr, .wait_receivers = (uint16_t)o->wait_receivers };

	s->loop = loop_new(send_signal_cb, s);
	delivery_init(&s->delivery, s->loop, &options, &delivery_ops, s);
	source_start(s->source, s->loop, send_advance, s);
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
	rate_deinit(&s->rate);
	deadline_deinit(&s->answer_deadline);
	deadline_deinit(&s->signal_deadline);
	deadline_deinit(&s->silence);
	loop_free(s->loop);
}

/* Returns what is wrong with the options, or NULL. */
static const char *
send_find_conflict(const struct send_options *o)
{
	if (o->files.n > 0 && o->common.n_args > 1)
		return "messages come from --file or from arguments, not from both";
	if (o->spool_sync && !o->spool)
		return "--spool-sync needs --spool";
	if (o->spool_bytes > 0 && !o->spool)
		return "--spool-bytes needs --spool";
	if (o->wait_receivers > PROTOCOL_WAIT_RECEIVERS_MAX)
		return "--wait-receiver: the daemon waits for at most 65535 receivers";
	return NULL;
}

static int
verb_send_run(const void *options)
{
	const struct send_options *o = options;
	struct send s = { .o = o, .queue_bytes = o->queue_bytes > 0 ? o->queue_bytes : QUEUE_BYTES };
	const char *conflict = send_find_conflict(o);
	int status;

	if (conflict) {
		say("send: %s", conflict);
		return EX_USAGE;
	}
	status = source_open(o, &s.source);
	if (status != EX_OK)
		return status;
	send_setup(&s);
	client_start(s.delivery.client);
	if (!loop_is_ending(s.loop))
		send_advance(&s);
	status = loop_run(s.loop);
	progress_deinit(&s.progress);
	send_print_end(&s);
	send_teardown(&s);
	return status;
}

const struct verb verb_send = {
	.name = "send",
	.arguments = "CHANNEL [MESSAGE]...",
	.summary = "publish the messages, or without any the lines of standard input",
	.rows = rows,
	.args_min = 1,
	.n_channels = 1,
	.examples = "udsctl send --timeout 1s alerts 'disk is full'\n"
		    "tail -F app.log | udsctl send --spool /var/lib/app/spool logs.app\n",
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct send_options),
	.run = verb_send_run,
};
