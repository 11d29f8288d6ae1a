/*
 * udsctl send. A message goes from its source into the queue, from the queue to the socket, and leaves the queue when
 * its answer comes: answers come in the order of the messages, so the first in the queue is always the one that the
 * next answer belongs to. After the loss of a connection all that is left in the queue is sent again. Callbacks only
 * record what happened and then call send_advance(), which moves everything as far as it goes; so no callback needs to
 * know what another one waits for.
 */
#include <errno.h>
#include <inttypes.h>
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
	{ "require-receiver", 0, NULL, "end with status 69 if a message reached nobody", OPTION_FLAG,
	  offsetof(struct send_options, require_receiver) },
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

#define QUEUE_BYTES ((uint64_t)16 * 1024 * 1024)
#define ARGUMENTS_TIMEOUT ((uint64_t)5000) /* ms, where messages are arguments */
#define SIGNAL_TIMEOUT ((uint64_t)5000)    /* ms to get what is queued answered after a signal */

/* The greeting with --wait-receiver. */
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
	bool awaits_ok; /* the next answer is the one to WAITRECEIVER */
	bool source_ended;
	bool not_permitted;         /* a message was refused for lack of permission */
	int signo;                  /* of the signal that came before all input was read; or 0 */
	uint64_t answered, refused; /* messages */
	uint64_t unreached;         /* of those answered: that had no receiver */
	uint64_t written;           /* messages written, on all connections so far: those sent again count again */
	uint64_t written_distinct;  /* of those, different ones */
	uint64_t written_from;      /* answered + refused when the connection came up */
};

/* With a rate a message enters the queue only when it may be sent: a full queue would go out in one burst. */
static bool
send_may_push(struct send *s)
{
	return s->o->rate.count == 0 || (client_is_up(s->client) && rate_allows(&s->rate));
}

/* Fills the queue. The input is read only while there is room in the queue. */
static void
send_fill(struct send *s)
{
	enum source_status status = SOURCE_OK;
	struct slice channel, message;
	bool blocked = s->o->rate.count > 0 && sendq_has_unsent(&s->queue);

	source_fill(s->source);
	while (!s->source_ended && !blocked && s->queue.bytes < s->queue_bytes && send_may_push(s)) {
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

static int
send_final_status(const struct send *s)
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
	if (s->unreached > 0 && s->o->require_receiver)
		return EX_UNAVAILABLE;
	return s->signo ? 128 + s->signo : EX_OK;
}

/* Moves everything as far as it goes. */
static void
send_advance(void *arg)
{
	struct send *s = arg;
	send_fill(s);
	client_write_queue(s->client, &s->queue);
	if (s->source_ended && s->queue.frames == 0)
		loop_end(s->loop, send_final_status(s));
	deadline_run(&s->answer_deadline,
	             s->queue.frames > 0 || !client_is_up(s->client) || source_is_stuck(s->source));
}

/* Ends the loop; `why` begins the line that says how much is not answered. */
static void
send_give_up(void *arg, const char *why)
{
	struct send *s = arg;
	char explanation[256];
	uint64_t left;

	source_count_rest(s->source);
	left = source_left(s->source);
	if (left == 0 && s->signo) {
		loop_end(s->loop, send_final_status(s));
		return;
	}
	if (s->o->wait_receiver && client_is_up(s->client) && !s->awaits_ok)
		snprintf(explanation, sizeof(explanation), "nobody receives '%s', or a receiver takes nothing",
		         s->o->common.args[0]);
	else
		client_explain(s->client, explanation, sizeof(explanation));
	say("%s: %" PRIu64 " of %" PRIu64 " messages were not answered (%s)", why, left, source_taken(s->source),
	    explanation);
	loop_end(s->loop, source_is_stuck(s->source) ? EX_IOERR : EX_TEMPFAIL);
}

static void
send_signal_cb(void *arg, int signo, bool again)
{
	struct send *s = arg;

	if (source_stop(s->source))
		s->signo = signo;
	/* What is in the spool is safe: no need to wait for a daemon that is not there. */
	if (again || (s->o->spool && !client_is_up(s->client))) {
		send_give_up(s, "interrupted");
		return;
	}
	deadline_run(&s->signal_deadline, true);
	send_advance(s);
	if (!loop_is_ending(s->loop))
		say_notice("%" PRIu64 " messages are not answered yet; interrupt again to give up",
		           source_left(s->source));
}

static void
send_refused(struct send *s, const struct slice *text)
{
	const struct slice frame = sendq_first(&s->queue);
	const char *hint = "";
	char where[256];

	source_describe(s->source, s->answered + s->refused + 1, where, sizeof(where));
	if (answers_error_is(text, "ERR Protocol error: invalid bulk length"))
		hint = " (it is larger than max_message)";
	say("%s (%" PRIu64 " bytes) was refused: %.*s%s", where, publish_message_size(&frame), (int)text->len,
	    (const char *)text->p, hint);
	s->refused++;
	source_done(s->source, 1);
	if (answers_error_is(text, "NOPERM"))
		s->not_permitted = true;
}

/* An error belongs to the connection where it says so or nothing is expected, else to the first message in the queue.
 */
static void
send_error(struct send *s, const struct slice *text)
{
	int complaint = answers_complaint(text);
	bool sent;

	if (complaint || (s->queue.frames == 0 && !s->awaits_ok)) {
		say_verbose("%s: %.*s", client_name(s->client), (int)text->len, (const char *)text->p);
		client_drop(s->client, complaint ? complaint : EPROTO);
		return;
	}
	if (s->awaits_ok) {
		say("%s does not know --wait-receiver: %.*s", client_name(s->client), (int)text->len,
		    (const char *)text->p);
		loop_end(s->loop, answers_error_status(text));
		return;
	}
	send_refused(s, text);
	sent = sendq_first_is_sent(&s->queue);
	sendq_drop_first(&s->queue);
	/* The daemon refused the message before it had read all of it: it will read nothing more here. */
	if (!sent)
		client_drop(s->client, EPROTO);
}

static size_t
send_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct send *s = arg;
	struct answers a;
	size_t used = 0;

	(void)ret_need;
	do {
		answers_read(p + used, len - used, &a);
		used += a.used;
		if (a.integers > 0 && (s->awaits_ok || !sendq_answered(&s->queue, a.integers))) {
			client_end_foreign(s->client);
			return len;
		}
		s->answered += a.integers;
		s->unreached += a.zeros;
		if (a.integers > 0) {
			source_done(s->source, a.integers);
			deadline_progress(&s->answer_deadline);
		}
		switch (a.next) {
		case ANSWERS_MORE:
			break;
		case ANSWERS_ERROR:
			deadline_progress(&s->answer_deadline);
			send_error(s, &a.text);
			break;
		case ANSWERS_OK:
			if (s->awaits_ok)
				s->awaits_ok = false;
			else
				client_end_foreign(s->client);
			break;
		case ANSWERS_FOREIGN:
			client_end_foreign(s->client);
			break;
		}
	} while (a.next != ANSWERS_MORE && a.next != ANSWERS_FOREIGN && !loop_is_ending(s->loop));
	source_settle(s->source);
	if (!loop_is_ending(s->loop))
		send_advance(s);
	return used;
}

static void
send_up(void *arg)
{
	struct send *s = arg;

	s->awaits_ok = s->o->wait_receiver;
	s->written_from = s->answered + s->refused;
}

/* Adds the messages written since the last call on this connection to the sums. */
static void
send_count_written(struct send *s)
{
	uint64_t done = s->answered + s->refused + sendq_sent_frames(&s->queue);

	s->written += done - s->written_from;
	if (s->written_distinct < done)
		s->written_distinct = done;
	s->written_from = done;
}

static void
send_down(void *arg, uint64_t unread)
{
	struct send *s = arg;

	(void)unread; /* only an answer counts */
	send_count_written(s);
	sendq_rewind(&s->queue);
	send_advance(s);
}

static const struct client_ops client_ops = {
	.up = send_up,
	.input = send_input,
	.writable = send_advance,
	.down = send_down,
};

static void
send_print_summary(struct send *s)
{
	uint64_t reconnects = client_reconnects(s->client);

	send_count_written(s);
	say("send: %" PRIu64 " messages, %" PRIu64 " answered, %" PRIu64 " not sent, %" PRIu64 " refused, %" PRIu64
	    " reached nobody, %" PRIu64 " sent again, %" PRIu64 " reconnect%s",
	    source_taken(s->source), s->answered, source_left(s->source), s->refused, s->unreached,
	    s->written - s->written_distinct, reconnects, reconnects == 1 ? "" : "s");
}

static void
send_progress(void *arg, struct progress_state *ret_state)
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
send_setup(struct send *s)
{
	const struct send_options *o = s->o;
	struct client_options options = { .addr = o->common.addr };
	struct slice channel = source_channel(s->source);
	uint64_t timeout = options_timeout(&o->common, o->common.n_args > 1 ? ARGUMENTS_TIMEOUT : 0);

	if (o->wait_receiver)
		options.greeting = (struct slice){ (const uint8_t *)wait_receiver, sizeof(wait_receiver) - 1 };
	s->loop = loop_new(send_signal_cb, s);
	s->client = client_new(s->loop, &options, &client_ops, s);
	sendq_init(&s->queue);
	publish_use(&s->publish, &channel);
	source_start(s->source, s->loop, send_advance, s);
	rate_init(&s->rate, o->rate.count, o->rate.period);
	rate_start(&s->rate, s->loop, send_advance, s);
	deadline_init(&s->answer_deadline, s->loop, timeout, send_give_up, s);
	deadline_init(&s->signal_deadline, s->loop, timeout > 0 ? timeout : SIGNAL_TIMEOUT, send_give_up, s);
	progress_init(&s->progress, s->loop,
	              o->no_progress ? PROGRESS_OFF
	              : o->progress  ? PROGRESS_ON
	                             : PROGRESS_AUTO,
	              send_progress, s);
}

static void
send_teardown(struct send *s)
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
	if (!o->spool && (o->spool_bytes > 0 || o->spool_sync)) {
		say("send: --%s needs --spool", o->spool_sync ? "spool-sync" : "spool-bytes");
		return EX_USAGE;
	}
	status = source_open(o, &s.source);
	if (status != EX_OK)
		return status;
	send_setup(&s);
	client_start(s.client);
	if (!loop_is_ending(s.loop))
		send_advance(&s);
	status = loop_run(s.loop);
	progress_deinit(&s.progress);
	source_say_left(s.source);
	if (s.unreached > 0 && !o->summary)
		(o->require_receiver ? say : say_verbose)("%" PRIu64 " of %" PRIu64 " answered messages reached nobody",
		                                          s.unreached, s.answered);
	if (o->summary)
		send_print_summary(&s);
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
