/*
 * Each call runs the event loop until what it waits for has come or the loop is to end; then the status of the loop is
 * the result. One command is under way at a time, so `out` still holds it when its reply comes: that tells an echo
 * listener, which gives it back. Where it lasts, a question that is not answered when the connection is lost is asked
 * again on the next one.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "ask-data.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "print.h"
#include "say.h"

#define ASK_TIMEOUT ((uint64_t)5000) /* ms */
#define BULK_MAX ((size_t)256 * 1024 * 1024)

static bool
ask_take(void *arg, const struct resp_reply *reply, const uint8_t *p, const struct replies_expected *expected)
{
	struct ask *a = arg;
	const struct resp_node *node = &reply->nodes[0];
	int r;

	a->state = ASK_ANSWERED;
	a->took = loop_now_ns() - a->written_at;
	deadline_progress(&a->deadline);
	if (resp_node_is_error(node) && !(a->takes_errors && !answers_complaint(&node->text))) {
		loop_end(a->loop, ask_refuse(node));
	} else if (expected && expected->what == ASK_USE_COPY) {
		/* Parsed again, so that the nodes lie in bytes that stay. */
		a->answer.len = 0;
		memory_check(buf_append(&a->answer, p, reply->used));
		memory_check(
		    resp_reply_parse(&a->reply, a->answer.data, a->answer.len, BULK_MAX) == RESP_REPLY_OK ? 0 : -1);
	} else if (a->cb && !(expected && expected->what == ASK_USE_COUNT)) {
		r = a->cb(node, a->arg);
		if (r != 0)
			loop_end(a->loop, r == ASK_DONE ? EX_OK : r);
	}
	return true;
}

static void
ask_drained_cb(void *arg)
{
	struct ask *a = arg;

	client_pause(a->client, false);
}

/* Writes as much of what was printed as goes without waiting. */
static void
ask_write_printed(struct ask *a)
{
	struct buf *text = print_text();

	if (!a->output)
		a->output = output_new(a->loop, STDOUT_FILENO, ask_drained_cb, a);
	output_append(a->output, text->data, text->len);
	text->len = 0;
	output_flush(a->output);
}

static size_t
ask_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct ask *a = arg;
	size_t sent = a->written < len ? a->written : len;
	bool is_echo = a->state != ASK_ANSWERED && sent > 0 && memcmp(p, a->out.data, sent) == 0;
	ssize_t used = is_echo && sent == a->out.len ? -1 : replies_read(&a->replies, p, len, ret_need);

	if (a->listens && !loop_is_ending(a->loop)) {
		ask_write_printed(a);
		client_pause(a->client, output_pending(a->output) > OUTPUT_HIGH);
	}
	if (used >= 0)
		return (size_t)used;
	if (is_echo) {
		say("%s: this is an echo listener, not a bus; use 'udsctl pipe'", client_name(a->client));
		loop_end(a->loop, EX_PROTOCOL);
	} else {
		client_end_foreign(a->client);
	}
	return len;
}

static void
ask_writable(void *arg)
{
	struct ask *a = arg;
	struct iovec iov = { a->out.data + a->written, a->out.len - a->written };

	if (a->written == 0)
		a->written_at = loop_now_ns();
	if (iov.iov_len > 0)
		a->written += client_writev(a->client, &iov, 1);
}

static void
ask_timed_out_cb(void *arg, const char *why)
{
	struct ask *a = arg;
	char explanation[512];

	(void)why;
	client_explain(a->client, explanation, sizeof(explanation));
	say("timed out: %s", explanation);
	loop_end(a->loop, EX_TEMPFAIL);
}

/* There is no connection: the next one is waited for. */
static void
ask_await_connection(struct ask *a)
{
	if (a->end != UINT64_MAX)
		timer_set(&a->patience, a->end > loop_now() ? a->end - loop_now() : 0);
}

static void
ask_impatient_cb(void *arg)
{
	ask_timed_out_cb(arg, NULL);
}

static void
ask_up(void *arg)
{
	struct ask *a = arg;

	timer_stop(&a->patience);
	deadline_progress(&a->deadline);
	deadline_run(&a->deadline, a->replies.n > 0);
}

static void
ask_down(void *arg, uint64_t unread)
{
	struct ask *a = arg;

	(void)unread;
	if (!a->lasts)
		return;
	deadline_run(&a->deadline, false);
	ask_await_connection(a);
	if (a->replies.n > 0) {
		replies_clear(&a->replies);
		replies_expect(&a->replies, a->expected);
		a->written = 0;
	}
}

static void
ask_waited_cb(void *arg)
{
	(void)arg; /* ask_wait() sees that the timer is over */
}

static const struct client_ops ask_client_ops = {
	.up = ask_up,
	.down = ask_down,
	.input = ask_input,
	.writable = ask_writable,
};

static struct ask *
ask_make(const struct options *o, bool lasts, uint64_t limit)
{
	struct ask *a = memory_alloc(sizeof(*a));
	struct client_options options = { .addr = o->addr, .once = !lasts };

	a->lasts = lasts;
	a->end = limit > 0 ? loop_now() + limit : UINT64_MAX;
	a->loop = loop_new(NULL, NULL);
	deadline_init(&a->deadline, a->loop, options_timeout(o, ASK_TIMEOUT), ask_timed_out_cb, a);
	a->client = client_new(a->loop, &options, &ask_client_ops, a);
	replies_init(&a->replies, a->loop, BULK_MAX, ask_take, a);
	timer_init(&a->timer, a->loop, ask_waited_cb, a);
	timer_init(&a->patience, a->loop, ask_impatient_cb, a);
	return a;
}

struct ask *
ask_new(const struct options *o)
{
	return ask_make(o, false, 0);
}

struct ask *
ask_new_lasting(const struct options *o, uint64_t limit)
{
	return ask_make(o, true, limit);
}

int
ask_end(struct ask *a, int status)
{
	struct buf *text = print_text();

	if (status == ASK_FOREIGN) {
		client_end_foreign(a->client);
		status = EX_PROTOCOL;
	}
	if (a->output) { /* what it has not written is left to print_end() */
		output_append(a->output, text->data, text->len);
		text->len = 0;
		print_bytes(output_rest(a->output).p, output_pending(a->output));
		output_free(a->output);
	}
	client_free(a->client);
	timer_deinit(&a->timer);
	timer_deinit(&a->patience);
	deadline_deinit(&a->deadline);
	loop_free(a->loop);
	buf_deinit(&a->out);
	buf_deinit(&a->answer);
	replies_deinit(&a->replies);
	resp_reply_deinit(&a->reply);
	free(a);
	return print_end(status == ASK_DONE ? EX_OK : status);
}

/* Runs the loop until the condition holds or it ends. Returns 0, or the exit status, for EX_OK ASK_DONE. */
#define PUMP(a, condition)                                                                                             \
	({                                                                                                             \
		while (!(condition) && !loop_is_ending((a)->loop))                                                     \
			event_base_loop(loop_base((a)->loop), EVLOOP_ONCE);                                            \
		loop_is_ending((a)->loop) ? (loop_run((a)->loop) ?: ASK_DONE) : 0;                                     \
	})

int
ask_converse(struct ask *a, struct replies_expected expected, ask_cb *cb, void *arg)
{
	int status;

	a->written = 0;
	a->cb = cb;
	a->arg = arg;
	a->expected = expected;
	replies_expect(&a->replies, expected);
	deadline_progress(&a->deadline);
	deadline_run(&a->deadline, !a->lasts || client_is_up(a->client));
	if (a->state == ASK_NEW) {
		a->state = ASK_STARTED;
		ask_await_connection(a);
		client_start(a->client);
	} else {
		ask_writable(a);
	}
	status = PUMP(a, a->replies.n == 0);
	deadline_run(&a->deadline, false);
	return status;
}

int
ask_listen_on(struct ask *a)
{
	a->listens = true;
	ask_write_printed(a);
	return PUMP(a, false);
}

int
ask_flush(struct ask *a)
{
	ask_write_printed(a);
	return PUMP(a, output_pending(a->output) == 0);
}

int
ask_wait(struct ask *a, uint64_t ms)
{
	timer_set(&a->timer, ms);
	return PUMP(a, !timer_is_set(&a->timer));
}

struct loop *
ask_loop(const struct ask *a)
{
	return a->loop;
}

int
ask_until(struct ask *a, const bool *done)
{
	return PUMP(a, *done);
}

uint64_t
ask_took(const struct ask *a)
{
	return a->took;
}

const char *
ask_name(const struct ask *a)
{
	return client_name(a->client);
}
