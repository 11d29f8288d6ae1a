/*
 * udsctl pipe: two flows through one connection. Standard input goes through the queue to the socket; what comes back
 * goes to standard output. Each flow stops where its next stage is full, and neither stops the other. pipe_advance()
 * moves the first flow as far as it goes and is called after whatever happens.
 *
 * There are no answers here: a line leaves the queue when the other side is known to have read it. For a Unix socket
 * the kernel tells that: during the connection by the bytes that are still queued in it, at the end of the connection
 * by the way it ends (conn.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "client.h"
#include "deadline.h"
#include "input.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "say.h"
#include "sendq.h"
#include "timer.h"

struct pipe_options {
	struct options common;
	const char *hello;    /* or NULL */
	uint64_t queue_bytes; /* 0: not given */
};

static const struct option_row rows[] = {
	{ "hello", 0, "TEXT", "after each connect, send this line first", OPTION_TEXT,
	  offsetof(struct pipe_options, hello) },
	{ "timeout", 0, "DURATION", "give up when nothing can be sent for this long (never)", OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "keep at most this much unsent (16M)", OPTION_SIZE,
	  offsetof(struct pipe_options, queue_bytes) },
	{ 0 },
};

#define QUEUE_BYTES ((uint64_t)16 * 1024 * 1024)
#define SIGNAL_TIMEOUT ((uint64_t)5000) /* ms to send what is queued after a signal */
/* No event says that the other side has read. While the queue is full, this is how often to look, in ms. */
#define LOOK_EVERY 1
/* A longer line counts as several. */
#define LINE_MAX_BYTES ((uint64_t)64 * 1024)

struct pipe {
	const struct pipe_options *o;
	uint64_t queue_bytes;
	struct loop *loop;
	struct client *client;
	struct sendq queue;
	struct input_file standard; /* input */
	struct input *input;
	struct output *output;
	struct buf hello;
	struct deadline deadline, signal_deadline;
	struct timer look;
	bool input_ended;
	bool finishing; /* the connection is over; what is left goes to standard output */
	bool shut;      /* the end of standard input was passed on to this connection */
	int signo;      /* of the signal that came before the end of standard input; or 0 */
};

static int
pipe_final_status(const struct pipe *p)
{
	if (input_error(p->input))
		return EX_IOERR;
	return p->signo ? 128 + p->signo : EX_OK;
}

static void
pipe_fill(struct pipe *p)
{
	uint64_t limit = p->queue_bytes, line_max = limit < LINE_MAX_BYTES ? limit : LINE_MAX_BYTES;
	enum input_status status = INPUT_OK;
	struct slice piece;
	bool open;

	while (!p->input_ended && p->queue.bytes < limit) {
		status = input_next_piece(p->input, line_max, &piece, &open);
		if (status == INPUT_OK) {
			memcpy(sendq_reserve(&p->queue, piece.len), piece.p, piece.len);
			sendq_commit(&p->queue, piece.len, open);
		} else if (status == INPUT_MORE) {
			break;
		} else {
			p->input_ended = true;
			sendq_close_line(&p->queue);
		}
	}
	if (status == INPUT_FAILED)
		say("reading standard input: %s", strerror(input_error(p->input)));
	input_want(p->input, status == INPUT_MORE);
}

static bool
pipe_is_output_full(const struct pipe *p)
{
	return output_pending(p->output) > OUTPUT_HIGH;
}

static void
pipe_finish(struct pipe *p)
{
	p->finishing = true;
	client_stop(p->client);
	if (output_pending(p->output) == 0)
		loop_end(p->loop, pipe_final_status(p));
}

/* Moves everything as far as it goes. */
static void
pipe_advance(void *arg)
{
	struct pipe *p = arg;
	bool all_written;
	uint64_t unread;

	if (p->finishing)
		return;
	if (p->queue.sent_bytes > 0 && client_unread(p->client, &unread) == 0)
		sendq_drop_read(&p->queue, unread);
	pipe_fill(p);
	if (client_write_queue(p->client, &p->queue) > 0)
		deadline_progress(&p->deadline);
	all_written = p->input_ended && !sendq_has_unsent(&p->queue);
	if (all_written && (p->signo || (p->queue.bytes == 0 && !client_is_up(p->client)))) {
		pipe_finish(p);
		return;
	}
	if (all_written && client_is_up(p->client) && !p->shut) {
		client_shutdown(p->client);
		p->shut = true;
	}
	if (!p->input_ended && p->queue.bytes >= p->queue_bytes && !sendq_has_unsent(&p->queue))
		timer_set(&p->look, LOOK_EVERY);
	/* No time limit while standard output takes nothing: that is not the daemon's fault. */
	deadline_run(&p->deadline, !pipe_is_output_full(p) && (sendq_has_unsent(&p->queue) || p->shut));
}

static size_t
pipe_input(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct pipe *p = arg;

	(void)ret_need;
	output_append(p->output, bytes, len);
	output_flush(p->output);
	client_pause(p->client, pipe_is_output_full(p));
	deadline_progress(&p->deadline);
	if (!loop_is_ending(p->loop))
		pipe_advance(p);
	return len;
}

/* Lines that the other side has read are not sent again; a line that it has read in part is. */
static void
pipe_down(void *arg, uint64_t unread)
{
	struct pipe *p = arg;

	if (unread != CONN_UNREAD_UNKNOWN)
		sendq_drop_read(&p->queue, unread);
	sendq_rewind(&p->queue);
	p->shut = false;
	pipe_advance(p);
}

static void
pipe_drained(void *arg)
{
	struct pipe *p = arg;

	if (p->finishing && output_pending(p->output) == 0)
		loop_end(p->loop, pipe_final_status(p));
	client_pause(p->client, false);
	pipe_advance(p);
}

/* Ends the loop; `why` begins the line that says what is left. */
static void
pipe_give_up(void *arg, const char *why)
{
	struct pipe *p = arg;
	uint64_t left = p->queue.bytes - p->queue.sent_bytes;
	char explanation[256] = "standard output takes nothing";

	if (!pipe_is_output_full(p))
		client_explain(p->client, explanation, sizeof(explanation));
	if (left > 0)
		say("%s: %" PRIu64 " byte%s not sent (%s)", why, left, left == 1 ? " was" : "s were", explanation);
	else if (p->finishing)
		say("%s: %zu byte%s not written to standard output", why, output_pending(p->output),
		    output_pending(p->output) == 1 ? " was" : "s were");
	else
		say("%s: %s has not closed the connection", why, client_name(p->client));
	loop_end(p->loop, EX_TEMPFAIL);
}

static void
pipe_signal_cb(void *arg, int signo, bool again)
{
	struct pipe *p = arg;
	uint64_t left;

	if (again) {
		pipe_give_up(p, "interrupted");
		return;
	}
	p->signo = signo;
	input_stop(p->input);
	deadline_run(&p->signal_deadline, true);
	pipe_advance(p);
	left = p->queue.bytes - p->queue.sent_bytes;
	if (!loop_is_ending(p->loop))
		say_notice("%" PRIu64 " byte%s not sent yet; interrupt again to give up", left,
		           left == 1 ? " is" : "s are");
}

static const struct client_ops pipe_client_ops = {
	.input = pipe_input,
	.writable = pipe_advance,
	.down = pipe_down,
};

static void
pipe_setup(struct pipe *p)
{
	const struct pipe_options *o = p->o;
	struct client_options options = { .addr = o->common.addr };

	if (o->hello) {
		memory_check(buf_printf(&p->hello, "%s\n", o->hello));
		options.greeting = (struct slice){ p->hello.data, p->hello.len };
	}
	p->loop = loop_new(pipe_signal_cb, p);
	p->client = client_new(p->loop, &options, &pipe_client_ops, p);
	sendq_init(&p->queue);
	p->input = input_new(p->loop, &p->standard, 1, INPUT_LINES, pipe_advance, p);
	p->output = output_new(p->loop, STDOUT_FILENO, pipe_drained, p);
	deadline_init(&p->deadline, p->loop, o->common.timeout, pipe_give_up, p);
	deadline_init(&p->signal_deadline, p->loop, o->common.timeout > 0 ? o->common.timeout : SIGNAL_TIMEOUT,
	              pipe_give_up, p);
	timer_init(&p->look, p->loop, pipe_advance, p);
}

static int
verb_pipe_run(const void *options)
{
	const struct pipe_options *o = options;
	struct pipe p = { .o = o,
		          .standard = { .fd = STDIN_FILENO },
		          .queue_bytes = o->queue_bytes > 0 ? o->queue_bytes : QUEUE_BYTES };
	int status;

	pipe_setup(&p);
	client_start(p.client);
	if (!loop_is_ending(p.loop))
		pipe_advance(&p);
	status = loop_run(p.loop);
	client_free(p.client);
	sendq_deinit(&p.queue);
	input_free(p.input);
	output_free(p.output);
	buf_deinit(&p.hello);
	timer_deinit(&p.look);
	deadline_deinit(&p.deadline);
	deadline_deinit(&p.signal_deadline);
	loop_free(p.loop);
	return status;
}

const struct verb verb_pipe = {
	.name = "pipe",
	.summary = "send standard input as it is and print what comes back",
	.rows = rows,
	.options_size = sizeof(struct pipe_options),
	.run = verb_pipe_run,
};
