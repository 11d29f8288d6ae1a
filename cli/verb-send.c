/*
 * udsctl send: messages go from the arguments or from standard input into the queue, from the queue to
 * the socket, and leave the queue when their answer comes. advance() moves all of it as far as it goes and
 * is called after whatever happens; the callbacks themselves only count.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "deadline.h"
#include "input.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "progress.h"
#include "resp-encode.h"
#include "say.h"
#include "sendq.h"
#include "verb-run.h"

/* What one writev(2) is given: more than a socket's buffer takes. */
#define WRITE_VECTORS 16

#define ARGUMENTS_TIMEOUT ((uint64_t)5000) /* ms, for messages from arguments */
#define SIGNAL_TIMEOUT ((uint64_t)5000)    /* ms, for what is queued when a signal comes */

static const char wait_receiver[] = "*3\r\n$4\r\nUDSD\r\n$12\r\nWAITRECEIVER\r\n$2\r\nON\r\n";

struct send {
	const struct options *o;
	struct loop *loop;
	struct client *client;
	struct sendq queue;
	struct input *input; /* NULL for messages from arguments */
	size_t next_arg;
	struct buf prefix; /* of each frame: all before the message */
	struct deadline answer_deadline, signal_deadline;
	struct progress progress;
	bool awaits_ok; /* the first answer is the one to WAITRECEIVER */
	bool input_ended;
	bool not_permitted;
	int signo; /* of the signal that came before all input was read */
	uint64_t messages, answered, refused;
	/* Frames written, on all connections that are over, and how many different ones: the rest went again. */
	uint64_t written, written_distinct;
	uint64_t written_from; /* answered + refused when the connection came up */
};

static void
make_prefix(struct buf *prefix, const char *channel)
{
	static const char start[] = "*3\r\n$7\r\nPUBLISH\r\n";
	size_t len = strlen(channel);

	memory_check(buf_append(prefix, start, sizeof(start) - 1));
	memory_check(buf_reserve(prefix, len + RESP_HEADER_MAX + 2));
	prefix->len += resp_put_bulk((char *)prefix->data + prefix->len, channel, len);
}

static void
push(struct send *s, const struct slice *message)
{
	const struct buf *prefix = &s->prefix;
	char *p = sendq_reserve(&s->queue, prefix->len + message->len + RESP_HEADER_MAX + 2);
	size_t n;

	memcpy(p, prefix->data, prefix->len);
	n = resp_put_bulk(p + prefix->len, message->p, message->len);
	sendq_commit(&s->queue, prefix->len + n, false);
	s->messages++;
}

static enum input_status
next_message(struct send *s, struct slice *ret_message)
{
	const char *text;

	if (s->input)
		return input_next(s->input, ret_message);
	if (s->next_arg == s->o->n_args)
		return INPUT_END;
	text = s->o->args[s->next_arg++];
	*ret_message = (struct slice){ (const uint8_t *)text, strlen(text) };
	return INPUT_OK;
}

/* Fills the queue; standard input is read only while there is room in it. */
static void
fill(struct send *s)
{
	enum input_status status = INPUT_OK;
	struct slice message;

	while (!s->input_ended && s->queue.bytes < s->o->queue_bytes) {
		status = next_message(s, &message);
		if (status == INPUT_OK)
			push(s, &message);
		else if (status == INPUT_MORE)
			break;
		else
			s->input_ended = true;
	}
	if (status == INPUT_FAILED)
		say("reading standard input: %s", strerror(input_error(s->input)));
	if (s->input)
		input_want(s->input, status == INPUT_MORE);
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
	if (s->input && input_error(s->input))
		return EX_IOERR;
	if (s->not_permitted)
		return EX_NOPERM;
	if (s->refused > 0)
		return EX_PROTOCOL;
	return s->signo ? 128 + s->signo : EX_OK;
}

static void
advance(struct send *s)
{
	fill(s);
	flush(s);
	if (s->input_ended && s->queue.frames == 0)
		loop_end(s->loop, final_status(s));
	deadline_run(&s->answer_deadline, s->queue.frames > 0 || !client_is_up(s->client));
	progress_show(&s->progress, s->answered, s->queue.bytes);
}

/* Gives up; `why` begins the line that says what stays behind. */
static void
give_up(struct send *s, const char *why)
{
	char explanation[256];
	struct slice message;
	uint64_t left;

	/* What was read, and what stands on the command line, counts although the queue had no room for it. */
	s->messages += s->input ? 0 : s->o->n_args - s->next_arg;
	while (s->input && input_next(s->input, &message) == INPUT_OK)
		s->messages++;
	left = s->messages - s->answered - s->refused;
	if (left == 0 && s->signo) {
		loop_end(s->loop, final_status(s));
		return;
	}
	if (s->o->wait_receiver && client_is_up(s->client) && !s->awaits_ok)
		snprintf(explanation, sizeof(explanation), "nobody receives '%s', or a receiver takes nothing",
		         s->o->args[0]);
	else
		client_explain(s->client, explanation, sizeof(explanation));
	say("%s: %llu of %llu messages were not answered (%s)", why, (unsigned long long)left,
	    (unsigned long long)s->messages, explanation);
	loop_end(s->loop, EX_TEMPFAIL);
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

	if (again) {
		give_up(s, "interrupted");
		return;
	}
	if (s->input && !input_is_at_end(s->input)) {
		s->signo = signo;
		input_stop(s->input);
	}
	deadline_run(&s->signal_deadline, true);
	advance(s);
	if (!loop_is_ending(s->loop))
		say_notice("%llu messages are not answered yet; interrupt again to give up",
		           (unsigned long long)s->queue.frames);
}

static void
refuse(struct send *s, const struct slice *text)
{
	uint64_t number = s->answered + s->refused + 1;

	say("message %llu was refused: %.*s%s", (unsigned long long)number, (int)text->len, (const char *)text->p,
	    answers_error_is(text, "ERR Protocol error: invalid bulk length") ? " (it is larger than max_message)"
	                                                                      : "");
	s->refused++;
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
		if (a.integers > 0)
			deadline_progress(&s->answer_deadline);
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
	    (unsigned long long)s->messages, (unsigned long long)s->answered,
	    (unsigned long long)(s->messages - s->answered - s->refused), (unsigned long long)s->refused,
	    (unsigned long long)(s->written - s->written_distinct), (unsigned long long)reconnects,
	    reconnects == 1 ? "" : "s");
}

static void
setup(struct send *s)
{
	const struct options *o = s->o;
	struct client_options options = { .addr = o->addr };
	uint64_t timeout = o->has_timeout ? o->timeout : o->n_args > 1 ? ARGUMENTS_TIMEOUT : 0;
	enum input_split split = o->whole ? INPUT_WHOLE : o->null ? INPUT_NULS : INPUT_LINES;

	if (o->wait_receiver)
		options.greeting = (struct slice){ (const uint8_t *)wait_receiver, sizeof(wait_receiver) - 1 };
	s->loop = loop_new(signal_cb, s);
	s->client = client_new(s->loop, &options, &client_ops, s);
	sendq_init(&s->queue);
	make_prefix(&s->prefix, o->args[0]);
	s->next_arg = 1;
	if (o->n_args == 1)
		s->input = input_new(s->loop, STDIN_FILENO, split, advance_cb, s);
	deadline_init(&s->answer_deadline, s->loop, timeout, timed_out_cb, s);
	deadline_init(&s->signal_deadline, s->loop, timeout > 0 ? timeout : SIGNAL_TIMEOUT, timed_out_cb, s);
	progress_init(&s->progress);
}

int
verb_send(const struct options *o)
{
	struct send s = { .o = o };
	int status;

	setup(&s);
	client_start(s.client);
	if (!loop_is_ending(s.loop))
		advance(&s);
	status = loop_run(s.loop);
	progress_end(&s.progress);
	if (o->summary)
		print_summary(&s);
	client_free(s.client);
	sendq_deinit(&s.queue);
	input_free(s.input);
	buf_deinit(&s.prefix);
	deadline_deinit(&s.answer_deadline);
	deadline_deinit(&s.signal_deadline);
	loop_free(s.loop);
	return status;
}
