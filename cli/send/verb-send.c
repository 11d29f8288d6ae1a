/*
 * udsctl send: messages go from their source into the queue, from the queue to the socket, and leave the
 * queue when their answer comes. advance() moves all of it as far as it goes and
 * is called after whatever happens; the callbacks themselves only count.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "deadline.h"
#include "loop.h"
#include "progress.h"
#include "publish.h"
#include "rate.h"
#include "say.h"
#include "send-options.h"
#include "sendq.h"
#include "source.h"

static const struct option_row rows[] = {
	{ "file", 'f', "FILE", "read FILE instead of standard input (-: standard input); several go in order",
	  OPTION_LIST, offsetof(struct send_options, files) },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct send_options, null) },
	{ "whole", 0, NULL, "all of standard input, or of each FILE, is one message", OPTION_FLAG,
	  offsetof(struct send_options, whole) },
	{ "rate", 0, "RATE", "send at most so many messages: 100/s, 6000/m", OPTION_RATE,
	  offsetof(struct send_options, rate) },
	{ "wait-receiver", 0, NULL, "messages wait until a receiver is there", OPTION_FLAG,
	  offsetof(struct send_options, wait_receiver) },
	{ "timeout", 0, "DURATION", "give up when no answer comes for so long; 0: never (5s with a MESSAGE, else 0)",
	  OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "hold at most this much unanswered (16M)", OPTION_SIZE,
	  offsetof(struct send_options, queue_bytes) },
	{ "spool", 0, "FILE", "keep what is not answered in FILE, and send what an earlier run left there first",
	  OPTION_TEXT, offsetof(struct send_options, spool) },
	{ "spool-bytes", 0, "SIZE", "the spool takes at most this much of the disk (1G)", OPTION_SIZE,
	  offsetof(struct send_options, spool_bytes) },
	{ "spool-sync", 0, NULL, "messages are on the disk, not only in the file, before they are sent", OPTION_FLAG,
	  offsetof(struct send_options, spool_sync) },
	{ "progress", 0, NULL, "say how far it is (by itself on a terminal when it takes long)", OPTION_FLAG,
	  offsetof(struct send_options, progress) },
	{ "no-progress", 0, NULL, "do not", OPTION_FLAG, offsetof(struct send_options, no_progress) },
	{ "summary", 0, NULL, "at the end say how many messages went where", OPTION_FLAG,
	  offsetof(struct send_options, summary) },
	{ 0 },
};

/* What one writev(2) is given: more than a socket's buffer takes. */
#define WRITE_VECTORS 16

#define QUEUE_BYTES ((uint64_t)16 * 1024 * 1024)
#define ARGUMENTS_TIMEOUT ((uint64_t)5000) /* ms, for messages from arguments */
#define SIGNAL_TIMEOUT ((uint64_t)5000)    /* ms, for what is queued when a signal comes */

static const char wait_receiver[] = "*3\r\n$4\r\nUDSD\r\n$12\r\nWAITRECEIVER\r\n$2\r\nON\r\n";

struct send {
	const struct send_options *o;
	uint64_t queue_bytes;
	struct loop *loop;
	struct client *client;
	struct sendq queue;
	struct source *source;
	struct publish publish;
	struct rate rate;
	struct deadline answer_deadline, signal_deadline;
	struct progress progress;
	bool awaits_ok; /* the first answer is the one to WAITRECEIVER */
	bool source_ended;
	bool not_permitted;
	int signo; /* of the signal that came before all input was read */
	uint64_t answered, refused;
	/* Frames written, on all connections that are over, and how many different ones: the rest went again. */
	uint64_t written, written_distinct;
	uint64_t written_from; /* answered + refused when the connection came up */
};

/* With a rate a message enters the queue when it may be sent: a queue that waits would go out at once. */
static bool
may_push(struct send *s)
{
	return s->o->rate.count == 0 || (client_is_up(s->client) && rate_allows(&s->rate));
}

/* Fills the queue; standard input is read only while there is room in it. */
static void
fill(struct send *s)
{
	enum source_status status = SOURCE_OK;
	struct slice channel, message;
	bool blocked = s->o->rate.count > 0 && sendq_has_unsent(&s->queue);

	source_fill(s->source);
	while (!s->source_ended && !blocked && s->queue.bytes < s->queue_bytes && may_push(s)) {
		status = source_next(s->source, &message);
		if (status != SOURCE_OK)
			break;
		if (s->o->spool) {
			channel = source_channel(s->source);
			publish_use(&s->publish, &channel);
		}
		publish_push(&s->publish, &s->queue, &message);
		rate_spend(&s->rate);
	}
	if (status == SOURCE_END)
		s->source_ended = true;
	source_want(s->source, status == SOURCE_LATER);
}

static void
flush(struct send *s)
{
	struct iovec iov[WRITE_VECTORS];
	size_t n;
	int vectors;

	while ((vectors = sendq_peek(&s->queue, iov, WRITE_VECTORS)) > 0) {
		n = client_writev(s->client, iov, vectors);
		if (n == 0)
			return;
		sendq_sent(&s->queue, n);
	}
}

static int
final_status(const struct send *s)
{
	int status = source_exit_status(s->source);

	if (status == EX_IOERR)
		return status;
	if (s->not_permitted)
		return EX_NOPERM;
	if (s->refused > 0)
		return EX_PROTOCOL;
	if (status != EX_OK)
		return status;
	return s->signo ? 128 + s->signo : EX_OK;
}

static void
advance(struct send *s)
{
	fill(s);
	flush(s);
	if (s->source_ended && s->queue.frames == 0)
		loop_end(s->loop, final_status(s));
	deadline_run(&s->answer_deadline,
	             s->queue.frames > 0 || !client_is_up(s->client) || source_is_stuck(s->source));
}

/* Gives up; `why` begins the line that says what stays behind. */
static void
give_up(struct send *s, const char *why)
{
	char explanation[256];
	uint64_t left;

	source_count_rest(s->source);
	left = source_left(s->source);
	if (left == 0 && s->signo) {
		loop_end(s->loop, final_status(s));
		return;
	}
	if (s->o->wait_receiver && client_is_up(s->client) && !s->awaits_ok)
		snprintf(explanation, sizeof(explanation), "nobody receives '%s', or a receiver takes nothing",
		         s->o->common.args[0]);
	else
		client_explain(s->client, explanation, sizeof(explanation));
	say("%s: %llu of %llu messages were not answered (%s)", why, (unsigned long long)left,
	    (unsigned long long)source_taken(s->source), explanation);
	loop_end(s->loop, source_is_stuck(s->source) ? EX_IOERR : EX_TEMPFAIL);
}

static void
timed_out_cb(void *arg)
{
	struct send *s = arg;
	char limit[32], why[64];

	deadline_format(&s->signal_deadline, limit, sizeof(limit)); /* the same for both, where both are set */
	snprintf(why, sizeof(why), "timed out after %s", limit);
	give_up(s, why);
}

static void
signal_cb(void *arg, int signo, bool again)
{
	struct send *s = arg;

	if (source_stop(s->source))
		s->signo = signo;
	/* With a spool nothing is won by waiting for a daemon that is not there. */
	if (again || (s->o->spool && !client_is_up(s->client))) {
		give_up(s, "interrupted");
		return;
	}
	deadline_run(&s->signal_deadline, true);
	advance(s);
	if (!loop_is_ending(s->loop))
		say_notice("%llu messages are not answered yet; interrupt again to give up",
		           (unsigned long long)source_left(s->source));
}

static void
refuse(struct send *s, const struct slice *text)
{
	const struct slice frame = sendq_first(&s->queue);
	const char *hint = "";
	char where[256];

	source_describe(s->source, s->answered + s->refused + 1, where, sizeof(where));
	if (answers_error_is(text, "ERR Protocol error: invalid bulk length"))
		hint = " (it is larger than max_message)";
	say("%s (%llu bytes) was refused: %.*s%s", where, (unsigned long long)publish_message_size(&frame),
	    (int)text->len, (const char *)text->p, hint);
	s->refused++;
	source_done(s->source, 1);
	if (answers_error_is(text, "NOPERM"))
		s->not_permitted = true;
}

/* An error answer. It belongs to the first message in the queue, or to the connection. */
static void
error_answer(struct send *s, const struct slice *text)
{
	bool sent;

	if ((s->queue.frames == 0 && !s->awaits_ok) || answers_error_is(text, "ERR max number of clients")) {
		say_verbose("%s: %.*s", client_name(s->client), (int)text->len, (const char *)text->p);
		client_drop(s->client, EUSERS);
		return;
	}
	if (s->awaits_ok) {
		say("%s does not know --wait-receiver: %.*s", client_name(s->client), (int)text->len,
		    (const char *)text->p);
		loop_end(s->loop, answers_error_is(text, "NOPERM") ? EX_NOPERM : EX_PROTOCOL);
		return;
	}
	refuse(s, text);
	sent = sendq_first_is_sent(&s->queue);
	sendq_drop_first(&s->queue);
	/* A message that was refused before its last byte was there: the daemon reads no more from us. */
	if (!sent)
		client_drop(s->client, EPROTO);
}

static void
foreign_answer(struct send *s)
{
	say("%s: this is not a udsd bus; for an echo listener use 'udsctl pipe'", client_name(s->client));
	loop_end(s->loop, EX_PROTOCOL);
}

static size_t
input_bytes(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct send *s = arg;
	struct answers a;
	size_t used = 0;

	(void)ret_need;
	do {
		answers_read(p + used, len - used, &a);
		used += a.used;
		if (a.integers > 0 && (s->awaits_ok || !sendq_answered(&s->queue, a.integers))) {
			foreign_answer(s);
			return len;
		}
		s->answered += a.integers;
		if (a.integers > 0) {
			source_done(s->source, a.integers);
			deadline_progress(&s->answer_deadline);
		}
		switch (a.next) {
		case ANSWERS_MORE:
			break;
		case ANSWERS_ERROR:
			deadline_progress(&s->answer_deadline);
			error_answer(s, &a.text);
			break;
		case ANSWERS_OK:
			if (s->awaits_ok)
				s->awaits_ok = false;
			else
				foreign_answer(s);
			break;
		case ANSWERS_FOREIGN:
			foreign_answer(s);
			break;
		}
	} while (a.next != ANSWERS_MORE && a.next != ANSWERS_FOREIGN && !loop_is_ending(s->loop));
	source_settle(s->source);
	if (!loop_is_ending(s->loop))
		advance(s);
	return used;
}

static void
up(void *arg)
{
	struct send *s = arg;

	s->awaits_ok = s->o->wait_receiver;
	s->written_from = s->answered + s->refused;
}

/* Adds what was written on this connection to the sums. */
static void
account(struct send *s)
{
	uint64_t done = s->answered + s->refused + sendq_sent_frames(&s->queue);

	s->written += done - s->written_from;
	if (s->written_distinct < done)
		s->written_distinct = done;
	s->written_from = done;
}

static void
down(void *arg, uint64_t unread)
{
	struct send *s = arg;

	(void)unread; /* read is not answered */
	account(s);
	sendq_rewind(&s->queue);
	advance(s);
}

static void
advance_cb(void *arg)
{
	advance(arg);
}

static const struct client_ops client_ops = {
	.up = up,
	.input = input_bytes,
	.writable = advance_cb,
	.down = down,
};

static void
print_summary(struct send *s)
{
	uint64_t reconnects = client_reconnects(s->client);

	account(s);
	say("send: %llu messages, %llu answered, %llu not sent, %llu refused, %llu sent again, %llu reconnect%s",
	    (unsigned long long)source_taken(s->source), (unsigned long long)s->answered,
	    (unsigned long long)source_left(s->source), (unsigned long long)s->refused,
	    (unsigned long long)(s->written - s->written_distinct), (unsigned long long)reconnects,
	    reconnects == 1 ? "" : "s");
}

static void
progress_state(void *arg, struct progress_state *ret_state)
{
	const struct send *s = arg;

	*ret_state = (struct progress_state){
		.messages = source_taken(s->source),
		.bytes = source_bytes(s->source),
		.answered = s->answered + s->refused,
		.reconnects = client_reconnects(s->client),
	};
}

static void
setup(struct send *s)
{
	const struct send_options *o = s->o;
	struct client_options options = { .addr = o->common.addr };
	struct slice channel = source_channel(s->source);
	uint64_t timeout = options_timeout(&o->common, o->common.n_args > 1 ? ARGUMENTS_TIMEOUT : 0);

	if (o->wait_receiver)
		options.greeting = (struct slice){ (const uint8_t *)wait_receiver, sizeof(wait_receiver) - 1 };
	s->loop = loop_new(signal_cb, s);
	s->client = client_new(s->loop, &options, &client_ops, s);
	sendq_init(&s->queue);
	publish_use(&s->publish, &channel);
	source_start(s->source, s->loop, advance_cb, s);
	rate_init(&s->rate, o->rate.count, o->rate.period);
	rate_start(&s->rate, s->loop, advance_cb, s);
	deadline_init(&s->answer_deadline, s->loop, timeout, timed_out_cb, s);
	deadline_init(&s->signal_deadline, s->loop, timeout > 0 ? timeout : SIGNAL_TIMEOUT, timed_out_cb, s);
	progress_init(&s->progress, s->loop,
	              o->no_progress ? PROGRESS_OFF
	              : o->progress  ? PROGRESS_ON
	                             : PROGRESS_AUTO,
	              progress_state, s);
}

static void
teardown(struct send *s)
{
	client_free(s->client);
	sendq_deinit(&s->queue);
	source_free(s->source);
	publish_deinit(&s->publish);
	rate_deinit(&s->rate);
	deadline_deinit(&s->answer_deadline);
	deadline_deinit(&s->signal_deadline);
	loop_free(s->loop);
}

static int
verb_send_run(const void *options)
{
	const struct send_options *o = options;
	struct send s = { .o = o, .queue_bytes = o->queue_bytes > 0 ? o->queue_bytes : QUEUE_BYTES };
	int status;

	if (o->files.n > 0 && o->common.n_args > 1) {
		say("send: messages come from --file or from arguments, not from both");
		return EX_USAGE;
	}
	status = source_open(o, &s.source);
	if (status != EX_OK)
		return status;
	setup(&s);
	client_start(s.client);
	if (!loop_is_ending(s.loop))
		advance(&s);
	status = loop_run(s.loop);
	progress_deinit(&s.progress);
	source_say_left(s.source);
	if (o->summary)
		print_summary(&s);
	teardown(&s);
	return status;
}

const struct verb verb_send = {
	.name = "send",
	.arguments = "CHANNEL [MESSAGE]...",
	.summary = "publish the messages, or without any the lines of standard input",
	.rows = rows,
	.args_min = 1,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct send_options),
	.run = verb_send_run,
};
