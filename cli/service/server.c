/*
 * One connection: it says what is served, asks for as many requests as its staff has room for, and answers. Replies
 * come in the order of what was sent, which is noted. With the connection all its requests have ended, too: the staff
 * goes on with them, but what comes of them is dropped.
 *
 * The end: the services are given up, which the daemon answers by ending what was asked for; udsctl ends once all
 * commands or processes have, and their answers have reached the daemon.
 */
#include "server.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "command.h"
#include "deadline.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "payload-limit.h"
#include "resp-encode.h"
#include "resp-reply.h"
#include "say.h"
#include "serve-plan.h"
#include "serve-request.h"
#include "staff.h"
#include "timer.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)
/* ms until it is asked again for requests that the daemon has refused. */
#define AGAIN_MS ((uint64_t)1000)
/* ms until the daemon has to have taken the last answers. */
#define END_TIMEOUT ((uint64_t)5000)

/* What is expected, in the order of the replies. */
enum server_reply { SERVER_LIMIT, SERVER_SERVED, SERVER_REQUEST, SERVER_TAKEN, SERVER_UNSERVED };

struct server {
	const struct server_plan *plan;
	struct loop *loop;
	struct client *client;
	const struct staff_kind *kind;
	struct staff *staff;
	struct resp_reply reply;
	struct buf out;      /* what is not written */
	struct buf expected; /* one byte for each reply: enum server_reply */
	uint64_t asked;      /* requests that were asked for */
	uint64_t untaken;    /* answers that the daemon has not confirmed */
	size_t answer_max;   /* the limit of the daemon, in bytes */
	bool is_serving, is_refused;
	struct timer again; /* nothing is asked for while it is set */
	struct timer write; /* what was queued */
	struct deadline end_deadline;
	bool finishing;
	int status; /* while finishing */
};

static void
server_write(void *arg)
{
	struct server *s = arg;
	struct iovec iov = { s->out.data, s->out.len };
	size_t n = iov.iov_len > 0 ? client_writev(s->client, &iov, 1) : 0;

	buf_consume(&s->out, n);
	buf_shrink(&s->out);
}

/* Queues a command, whose reply is of this kind. */
static void
server_send(struct server *s, enum server_reply reply, const struct slice *words, size_t n)
{
	uint8_t kind = (uint8_t)reply;

	memory_check(buf_append(&s->expected, &kind, 1));
	memory_check(buf_reserve(&s->out, resp_command_size(words, n)));
	s->out.len += resp_put_command((char *)s->out.data + s->out.len, words, n);
	if (!timer_is_set(&s->write))
		timer_set_us(&s->write, 0);
}

static void
server_check_end(struct server *s)
{
	bool is_settled = !client_is_up(s->client) || (s->asked == 0 && s->untaken == 0);
	bool is_busy = s->kind->is_busy(s->staff);

	if (!s->finishing)
		return;
	deadline_run(&s->end_deadline, !is_busy && !is_settled);
	if (!is_busy && is_settled)
		loop_end(s->loop, s->status);
}

static void
server_finish(struct server *s, int status)
{
	const struct slice words[] = { slice_of("UDSD"), slice_of("UNSERVE") };

	if (s->finishing)
		return;
	s->finishing = true;
	s->status = status;
	s->kind->finish(s->staff);
	if (s->is_serving)
		server_send(s, SERVER_UNSERVED, words, 2);
	server_check_end(s);
}

/* Asks for as many requests as there is room for. */
static void
server_ask(void *arg)
{
	const struct slice words[] = { slice_of("UDSD"), slice_of("NEXT") };
	struct server *s = arg;
	uint64_t room = s->kind->room(s->staff);

	server_check_end(s);
	if (s->finishing || !s->is_serving || timer_is_set(&s->again))
		return;
	for (; s->asked < room; s->asked++)
		server_send(s, SERVER_REQUEST, words, 2);
}

static void
server_done(void *arg, uint64_t id, bool is_answer, struct slice text)
{
	struct server *s = arg;
	char number[NUM_DIGITS_MAX];
	const struct slice words[] = { slice_of("UDSD"),
		                       slice_of(is_answer ? "ANSWER" : "FAIL"),
		                       { (uint8_t *)number, num_put_u64(number, id) },
		                       text };

	s->untaken++;
	server_send(s, SERVER_TAKEN, words, 4);
}

static void
server_failed(void *arg, int error)
{
	struct server *s = arg;

	server_finish(s, command_report("serve", s->plan->argv[0], error));
}

static const struct staff_ops server_staff_ops = {
	.done = server_done,
	.changed = server_ask,
	.failed = server_failed,
};

static void
server_take_error(struct server *s, enum server_reply reply, const struct slice *text)
{
	bool is_temporary = reply == SERVER_REQUEST && answers_error_is(text, "BUSY");

	if (reply == SERVER_LIMIT)
		return;
	if (!s->is_refused || !is_temporary)
		say("serve: %.*s", (int)text->len, (const char *)text->p);
	s->is_refused = true;
	if (is_temporary)
		timer_set(&s->again, AGAIN_MS);
	else if (reply != SERVER_TAKEN)
		loop_end(s->loop, answers_error_status(text));
}

/* Handles a reply. Returns false where it makes no sense. */
static bool
server_take(struct server *s, enum server_reply reply, const struct resp_node *node)
{
	bool is_error = resp_node_is_error(node);
	struct serve_request request;

	s->asked -= reply == SERVER_REQUEST;
	s->untaken -= reply == SERVER_TAKEN;
	if (is_error) {
		server_take_error(s, reply, &node->text);
	} else if (reply == SERVER_LIMIT) {
		payload_limit_read(node, &s->answer_max);
	} else if (reply == SERVER_REQUEST && serve_request_read(node, &request)) {
		s->is_refused = false;
		s->kind->take(s->staff, &request, s->answer_max);
	} else if (reply == SERVER_REQUEST ? node->type != RESP_NULL : node->type != RESP_INTEGER) {
		return false;
	}
	s->is_serving |= reply == SERVER_SERVED && !is_error;
	return true;
}

/* The replies that are complete. Returns the bytes they took, or -1 where they are not what was expected. */
static ssize_t
server_read(struct server *s, const uint8_t *p, size_t len, size_t *ret_need)
{
	size_t used = 0, n = 0;
	bool is_right = true;
	int complaint;

	while (used < len && is_right && !loop_is_ending(s->loop)) {
		switch (resp_reply_parse(&s->reply, p + used, len - used, BULK_MAX)) {
		case RESP_REPLY_OK:
			used += s->reply.used;
			complaint = s->reply.nodes->type == RESP_ERROR ? answers_complaint(&s->reply.nodes->text) : 0;
			if (complaint) {
				client_drop(s->client, complaint);
				return (ssize_t)used;
			}
			is_right = n < s->expected.len &&
			           server_take(s, (enum server_reply)s->expected.data[n], s->reply.nodes);
			n++;
			break;
		case RESP_REPLY_MORE:
			*ret_need = s->reply.need;
			buf_consume(&s->expected, n);
			return (ssize_t)used;
		case RESP_REPLY_ERROR:
			is_right = false;
			break;
		case RESP_REPLY_NOMEM:
			memory_check(-1);
		}
	}
	if (!is_right)
		return -1;
	buf_consume(&s->expected, n);
	return (ssize_t)used;
}

static size_t
server_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct server *s = arg;
	ssize_t used = server_read(s, p, len, ret_need);

	if (used < 0) {
		client_end_foreign(s->client);
		return len;
	}
	server_ask(s);
	return (size_t)used;
}

static void
server_up(void *arg)
{
	struct slice limit[PAYLOAD_LIMIT_WORDS];
	struct server *s = arg;
	size_t n = s->plan->n_services;
	struct slice *words;

	if (s->finishing)
		return;
	words = memory_alloc((n + 2) * sizeof(*words));
	words[0] = slice_of("UDSD");
	words[1] = slice_of("SERVE");
	for (size_t i = 0; i < n; i++)
		words[2 + i] = slice_of(s->plan->services[i]);
	payload_limit_ask(limit);
	server_send(s, SERVER_LIMIT, limit, PAYLOAD_LIMIT_WORDS);
	server_send(s, SERVER_SERVED, words, n + 2);
	free(words);
}

static void
server_down(void *arg, uint64_t unread)
{
	struct server *s = arg;

	(void)unread;
	s->kind->forget(s->staff);
	s->is_serving = false;
	s->asked = s->untaken = 0;
	s->out.len = s->expected.len = 0;
	server_check_end(s);
}

static const struct client_ops server_client_ops = {
	.up = server_up,
	.input = server_input,
	.writable = server_write,
	.down = server_down,
};

static void
server_signal_cb(void *arg, int signo, bool again)
{
	struct server *s = arg;

	if (!again) {
		if (s->kind->is_busy(s->staff))
			say_notice("waiting for the running commands; another signal ends them");
		server_finish(s, signo == SIGTERM ? EX_OK : 128 + signo);
		return;
	}
	s->kind->stop(s->staff);
	loop_end(s->loop, 128 + signo); /* which kills the commands */
}

static void
server_end_timed_out_cb(void *arg, const char *why)
{
	struct server *s = arg;

	say("serve: the daemon has not taken the last answers: %s", why);
	loop_end(s->loop, s->status);
}

int
server_run(const struct server_plan *plan)
{
	struct client_options options = { .addr = plan->o->common.addr };
	struct server s = { .plan = plan, .answer_max = BULK_MAX };
	int status;

	command_allow_many();
	s.loop = loop_new(server_signal_cb, &s);
	s.client = client_new(s.loop, &options, &server_client_ops, &s);
	s.kind = plan->o->lines ? &staff_processes : &staff_commands;
	s.staff = s.kind->new (s.loop, plan, &server_staff_ops, &s);
	timer_init(&s.again, s.loop, server_ask, &s);
	timer_init(&s.write, s.loop, server_write, &s);
	deadline_init(&s.end_deadline, s.loop, END_TIMEOUT, server_end_timed_out_cb, &s);
	client_start(s.client);
	status = loop_run(s.loop);
	s.kind->free(s.staff);
	client_free(s.client);
	timer_deinit(&s.again);
	timer_deinit(&s.write);
	deadline_deinit(&s.end_deadline);
	loop_free(s.loop);
	resp_reply_deinit(&s.reply);
	buf_deinit(&s.out);
	buf_deinit(&s.expected);
	return status;
}
