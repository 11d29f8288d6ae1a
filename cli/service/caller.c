/*
 * The requests that are under way are in a list in the order of their answers, and their commands in a queue. The
 * daemon says at once why there is no answer, but when it dies itself, nobody knows whether a request was done: only
 * what it cannot have read completely is sent again without --retry. Those that were written are the first of the list,
 * and an earlier one has no more retries left than a later one, so what fails then is a prefix, and the order stays.
 *
 * The daemon closes the connection of who sends too much, and with it the other requests would fail. So a caller of
 * many lines asks for the limit first; a line that is over it is refused here, when its turn comes.
 */
#include "caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "buf.h"
#include "call-result.h"
#include "call.h"
#include "client.h"
#include "input.h"
#include "loop.h"
#include "memory.h"
#include "output.h"
#include "payload-limit.h"
#include "resp-encode.h"
#include "resp-reply.h"
#include "say.h"
#include "sendq.h"
#include "timer.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)
/* The workers of a daemon that has just been restarted get so many ms to come back. */
#define WAIT_AFTER_LOSS ((uint64_t)5000)
/* The daemon tells that the deadline has passed; one that has not done so after so many ms more hangs. */
#define GRACE ((uint64_t)2000)

struct caller {
	const struct call_options *o;
	struct loop *loop;
	struct client *client;
	struct input *input; /* NULL where the payload is in the arguments */
	struct output *output;
	STAILQ_HEAD(, call) calls;
	uint64_t n_calls, last; /* last: the number of the last one */
	struct sendq queue;     /* the question for the limit, then those of `calls` that are not refused */
	struct resp_reply reply;
	size_t payload_max;     /* bytes */
	uint64_t workers_until; /* loop_now(): the daemon has come back, so may workers; 0: it was never away */
	bool is_ready;          /* on this connection requests may be sent */
	struct timer limit;     /* for a daemon that does not even tell that a deadline has passed */
	struct timer patience;  /* for a daemon to come */
	bool is_started, is_at_end;
	bool clean; /* for call_result */
	int status; /* the worst, that is the greatest */
};

static void caller_go_on(void *arg);

static void
caller_write(void *arg)
{
	struct caller *c = arg;

	client_write_queue(c->client, &c->queue);
}

static void
caller_send(struct caller *c, struct call *call)
{
	uint64_t wait = c->o->wait, now = loop_now();

	if (c->workers_until > now && c->workers_until - now > wait)
		wait = c->workers_until - now;
	call->is_refused = call->len > c->payload_max;
	if (!call->is_refused)
		call_queue(call, c->o, wait, &c->queue);
}

/* The first request has ended. */
static void
caller_pop(struct caller *c, int status)
{
	struct call *call = STAILQ_FIRST(&c->calls);

	STAILQ_REMOVE_HEAD(&c->calls, link);
	c->n_calls--;
	free(call);
	c->status = status > c->status ? status : c->status;
	call = STAILQ_FIRST(&c->calls);
	if (call && call->end != UINT64_MAX)
		timer_set(&c->limit, call->end + GRACE > loop_now() ? call->end + GRACE - loop_now() : 0);
	else
		timer_stop(&c->limit);
}

static struct call_result
caller_result(const struct caller *c)
{
	const struct call *call = STAILQ_FIRST(&c->calls);

	return (struct call_result){
		.json = c->o->common.json,
		.lines = c->o->lines,
		.clean = c->clean,
		.number = call->number,
		.us = (loop_now_ns() - call->began_ns) / 1000,
	};
}

/* The first request has failed. */
static void
caller_fail(struct caller *c, int status, struct slice code, struct slice text)
{
	struct call_result result = caller_result(c);

	call_result_error(&result, c->output, code, text);
	caller_pop(c, status);
}

/* Ends the first requests that are refused. */
static void
caller_settle(struct caller *c)
{
	while (!STAILQ_EMPTY(&c->calls) && STAILQ_FIRST(&c->calls)->is_refused)
		caller_fail(c, EX_PROTOCOL, slice_of("ERR"), slice_of("the request is over max_message"));
}

/*
 * The first request has no answer long after its deadline. Without a connection only that one has failed; with one the
 * daemon hangs, so nothing will be answered, and no more is read.
 */
static void
caller_limit_cb(void *arg)
{
	struct caller *c = arg;
	bool is_up = client_is_up(c->client);
	uint64_t sent = c->is_ready ? sendq_sent_frames(&c->queue) : 0, left = is_up ? c->n_calls : 1;
	char why[512], text[600];

	client_explain(c->client, why, sizeof(why));
	if (is_up)
		client_stop(c->client);
	c->is_at_end |= is_up;
	for (; left > 0 && !STAILQ_EMPTY(&c->calls); left--) {
		snprintf(text, sizeof(text), "timed out: %s%s", why,
		         sent > 0 ? "; the request may have been done" : "");
		sent -= sent > 0;
		caller_fail(c, EX_TEMPFAIL, slice_of("TIMEOUT"), slice_of(text));
		caller_settle(c);
	}
	caller_go_on(c);
}

static void
caller_patience_cb(void *arg)
{
	struct caller *c = arg;
	char why[512];

	client_explain(c->client, why, sizeof(why));
	say("%s", why);
	loop_end(c->loop, EX_UNAVAILABLE);
}

static void
caller_begin(struct caller *c)
{
	struct call *call;

	c->is_ready = true;
	STAILQ_FOREACH(call, &c->calls, link)
		caller_send(c, call);
}

static void
caller_up(void *arg)
{
	struct slice words[PAYLOAD_LIMIT_WORDS];
	struct caller *c = arg;
	size_t size;

	timer_stop(&c->patience);
	if (client_reconnects(c->client) > 0)
		c->workers_until = loop_now() + WAIT_AFTER_LOSS;
	if (!c->o->lines) {
		caller_begin(c);
		return;
	}
	payload_limit_ask(words);
	size = resp_command_size(words, PAYLOAD_LIMIT_WORDS);
	sendq_commit(&c->queue, resp_put_command(sendq_reserve(&c->queue, size), words, PAYLOAD_LIMIT_WORDS), false);
}

static void
caller_down(void *arg, uint64_t unread)
{
	struct caller *c = arg;
	uint64_t sent = c->is_ready ? sendq_sent_frames(&c->queue) : 0;
	struct call *call;
	char text[ADDR_NAME_MAX + 80];

	(void)unread;
	sendq_deinit(&c->queue);
	sendq_init(&c->queue);
	c->is_ready = false;
	if (loop_is_ending(c->loop))
		return;
	snprintf(text, sizeof(text), "connection to %s lost; the request may have been done", client_name(c->client));
	for (caller_settle(c); sent > 0 && STAILQ_FIRST(&c->calls)->retries == 0; caller_settle(c), sent--)
		caller_fail(c, EX_TEMPFAIL, slice_of("LOST"), slice_of(text));
	STAILQ_FOREACH(call, &c->calls, link) {
		if (sent == 0)
			break;
		call->retries -= !call->is_refused;
		sent -= !call->is_refused;
	}
	caller_go_on(c);
}

/* Handles the parsed reply. Returns false where it makes no sense. */
static bool
caller_take(struct caller *c)
{
	const struct resp_node *node = c->reply.nodes;
	bool is_error = resp_node_is_error(node);
	int complaint = is_error ? answers_complaint(&node->text) : 0, status;
	struct call_result result;
	struct slice code, text;

	if (complaint) { /* it says so before it reads anything */
		sendq_rewind(&c->queue);
		client_drop(c->client, complaint);
		return true;
	}
	if (!is_error && (c->queue.frames == 0 || !sendq_first_is_sent(&c->queue)))
		return false;
	if (!c->is_ready && c->queue.frames > 0) {
		payload_limit_read(node, &c->payload_max);
		sendq_drop_first(&c->queue);
		caller_begin(c);
		return true;
	}
	caller_settle(c);
	if (STAILQ_EMPTY(&c->calls) || !c->is_ready || (!is_error && node->type != RESP_BULK))
		return false;
	sendq_drop_first(&c->queue);
	if (is_error) {
		status = call_result_split(node->text, &code, &text);
		caller_fail(c, status, code, text);
	} else {
		result = caller_result(c);
		caller_pop(c, call_result_answer(&result, c->output, node->text));
	}
	return true;
}

static size_t
caller_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct caller *c = arg;
	size_t used = 0;

	while (used < len && !loop_is_ending(c->loop)) {
		switch (resp_reply_parse(&c->reply, p + used, len - used, BULK_MAX)) {
		case RESP_REPLY_OK:
			used += c->reply.used;
			if (caller_take(c))
				continue;
			break;
		case RESP_REPLY_MORE:
			*ret_need = c->reply.need;
			caller_go_on(c);
			return used;
		case RESP_REPLY_NOMEM:
			memory_check(-1);
			__builtin_unreachable();
		case RESP_REPLY_ERROR:
			break;
		}
		client_end_foreign(c->client);
		return len;
	}
	caller_go_on(c);
	return used;
}

static const struct client_ops caller_client_ops = {
	.up = caller_up,
	.input = caller_input,
	.writable = caller_write,
	.down = caller_down,
};

/* Takes over a request. */
static void
caller_add(struct caller *c, struct slice payload)
{
	struct call *call = call_new(c->o, ++c->last, payload);

	if (call->end != UINT64_MAX && c->n_calls == 0)
		timer_set(&c->limit, call->end + GRACE - loop_now());
	STAILQ_INSERT_TAIL(&c->calls, call, link);
	c->n_calls++;
	if (c->is_ready)
		caller_send(c, call);
	if (c->is_started)
		return;
	c->is_started = true;
	if (c->o->wait > 0)
		timer_set(&c->patience, c->o->wait);
	client_start(c->client);
}

/* Takes requests while there may be more at once; ends when all have ended. */
static void
caller_go_on(void *arg)
{
	struct caller *c = arg;
	uint64_t most = c->o->parallel > 0 ? c->o->parallel : 1;
	enum input_status next = INPUT_OK;
	struct slice payload;
	int error;

	caller_settle(c);
	output_flush(c->output); /* each time before it is looked at: room that a flush makes is noticed nowhere else */
	while (next == INPUT_OK && !c->is_at_end && c->n_calls < most && output_pending(c->output) < OUTPUT_HIGH) {
		next = input_next(c->input, &payload);
		if (next == INPUT_OK) {
			caller_add(c, payload);
			caller_settle(c);
		} else if (next != INPUT_MORE) {
			error = input_error(c->input);
			c->is_at_end = true;
			if (error)
				say("call: reading standard input: %s", strerror(error));
			c->status = error && c->status < EX_IOERR ? EX_IOERR : c->status;
		}
		if (loop_is_ending(c->loop))
			return;
		output_flush(c->output);
	}
	if (c->input)
		input_want(c->input, next == INPUT_MORE);
	caller_write(c);
	if (c->is_at_end && c->n_calls == 0 && output_pending(c->output) == 0)
		loop_end(c->loop, c->status);
}

/* The words of the text, joined by blanks. */
static void
caller_add_text(struct caller *c)
{
	const struct options *o = &c->o->common;
	struct buf text = { 0 };

	for (size_t i = 1; i < o->n_args; i++)
		memory_check(buf_printf(&text, "%s%s", i > 1 ? " " : "", o->args[i]));
	c->is_at_end = true;
	caller_add(c, (struct slice){ text.data, text.len });
	buf_deinit(&text);
}

int
caller_run(const struct call_options *o)
{
	struct client_options options = { .addr = o->common.addr, .once_at_first = o->wait == 0 };
	struct input_file file = { .fd = STDIN_FILENO };
	struct caller c = { .o = o, .payload_max = SIZE_MAX, .clean = !o->raw && isatty(STDOUT_FILENO) == 1 };
	int status;

	STAILQ_INIT(&c.calls);
	sendq_init(&c.queue);
	c.loop = loop_new(NULL, NULL);
	c.client = client_new(c.loop, &options, &caller_client_ops, &c);
	c.output = output_new(c.loop, STDOUT_FILENO, caller_go_on, &c);
	timer_init(&c.limit, c.loop, caller_limit_cb, &c);
	timer_init(&c.patience, c.loop, caller_patience_cb, &c);
	if (o->common.n_args > 1)
		caller_add_text(&c);
	else
		c.input = input_new(c.loop, &file, 1, o->lines ? INPUT_LINES : INPUT_WHOLE, caller_go_on, &c);
	caller_go_on(&c);
	status = loop_run(c.loop);
	if (c.input)
		input_free(c.input);
	while (!STAILQ_EMPTY(&c.calls))
		caller_pop(&c, 0);
	sendq_deinit(&c.queue);
	client_free(c.client);
	output_free(c.output);
	timer_deinit(&c.limit);
	timer_deinit(&c.patience);
	resp_reply_deinit(&c.reply);
	loop_free(c.loop);
	return status;
}
