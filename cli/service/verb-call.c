/*
 * udsctl call: one request, and its answer. The daemon says at once why there is none, but when it dies itself, nobody
 * knows whether the request was done: only what it cannot have read completely is sent again without --retry.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "input.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "options.h"
#include "print.h"
#include "resp-encode.h"
#include "resp-reply.h"
#include "say.h"
#include "timer.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)
/* ms, as the daemon has it where nobody says otherwise. */
#define CALL_TIMEOUT ((uint64_t)30000)
/* The daemon tells that the deadline has passed; one that has not done so after so many ms more hangs. */
#define GRACE ((uint64_t)2000)
/* The workers of a daemon that has just been restarted get so many ms to come back. */
#define WAIT_AFTER_LOSS ((uint64_t)5000)
/* The limits of the daemon. */
#define MS_MAX ((uint64_t)24 * 60 * 60 * 1000)
#define RETRIES_MAX 1000

#define EXIT_FAILED 1

struct call_options {
	struct options common;
	uint64_t wait, retries;
};

static const struct option_row rows[] = {
	{ "timeout", 0, "DURATION", "give up after this long without an answer (30s)", OPTION_TIMEOUT, 0 },
	{ "wait", 0, "DURATION", "wait so long for a worker to come (not at all)", OPTION_DURATION,
	  offsetof(struct call_options, wait) },
	{ "retry", 0, "COUNT", "repeat the request this often if its worker or the daemon dies", OPTION_COUNT,
	  offsetof(struct call_options, retries) },
	{ 0 },
};

struct call {
	const struct call_options *o;
	struct loop *loop;
	struct client *client;
	struct input *input; /* NULL where the payload is in the arguments */
	struct buf payload, command;
	struct resp_reply reply;
	size_t written;        /* bytes of the command */
	uint64_t end;          /* loop_now() at the deadline; UINT64_MAX: none */
	uint64_t retries;      /* that are left */
	struct timer limit;    /* for a daemon that does not even tell that the deadline has passed */
	struct timer patience; /* for a daemon to come */
	bool was_lost;
};

static void
call_limit_cb(void *arg)
{
	struct call *c = arg;
	char why[512];

	client_explain(c->client, why, sizeof(why));
	say("timed out: %s%s", why, c->written > 0 ? "; the request may have been done" : "");
	loop_end(c->loop, EX_TEMPFAIL);
}

static void
call_patience_cb(void *arg)
{
	struct call *c = arg;
	char why[512];

	client_explain(c->client, why, sizeof(why));
	say("%s", why);
	loop_end(c->loop, EX_UNAVAILABLE);
}

static void
call_write(void *arg)
{
	struct call *c = arg;
	struct iovec iov = { c->command.data + c->written, c->command.len - c->written };

	if (iov.iov_len > 0)
		c->written += client_writev(c->client, &iov, 1);
}

/* Appends an option of the command and its number. Returns how many words that is. */
static size_t
call_put_option(struct slice *words, const char *name, char *number, uint64_t value)
{
	words[0] = slice_of(name);
	words[1] = (struct slice){ (uint8_t *)number, num_put_u64(number, value) };
	return 2;
}

/* ms until the deadline, at least 1. */
static uint64_t
call_left(const struct call *c)
{
	uint64_t now = loop_now();

	if (!c->was_lost && c->o->wait == 0) /* no time has passed that people would see */
		return options_timeout(&c->o->common, CALL_TIMEOUT);
	return c->end > now ? c->end - now : 1;
}

/* Makes the command for this connection: the deadline is nearer than it was. */
static void
call_up(void *arg)
{
	struct call *c = arg;
	const char *service = c->o->common.args[0];
	char numbers[3][NUM_DIGITS_MAX];
	uint64_t wait = c->was_lost && c->o->wait < WAIT_AFTER_LOSS ? WAIT_AFTER_LOSS : c->o->wait;
	struct slice words[10] = {
		{ (const uint8_t *)"UDSD", 4 },
		{ (const uint8_t *)"CALL", 4 },
		slice_of(service),
		{ c->payload.data, c->payload.len },
	};
	size_t n = 4;

	timer_stop(&c->patience);
	if (c->end != UINT64_MAX)
		n += call_put_option(words + n, "TIMEOUT", numbers[0], call_left(c));
	if (wait > 0)
		n += call_put_option(words + n, "WAIT", numbers[1], wait);
	if (c->retries > 0)
		n += call_put_option(words + n, "RETRY", numbers[2], c->retries);
	c->command.len = c->written = 0;
	memory_check(buf_reserve(&c->command, resp_command_size(words, n)));
	c->command.len = resp_put_command((char *)c->command.data, words, n);
}

static void
call_down(void *arg, uint64_t unread)
{
	struct call *c = arg;
	bool may_be_done = c->written > 0 && c->written == c->command.len;

	(void)unread;
	if (loop_is_ending(c->loop))
		return;
	c->written = 0;
	c->was_lost = true;
	if (!may_be_done)
		return;
	if (c->retries == 0) {
		say("connection to %s lost; the request may have been done", client_name(c->client));
		loop_end(c->loop, EX_TEMPFAIL);
		return;
	}
	c->retries--;
}

static int
call_error_status(const struct slice *text)
{
	static const struct {
		const char *word;
		int status;
	} statuses[] = {
		{ "NOSERVICE ", EX_UNAVAILABLE }, { "BUSY ", EX_TEMPFAIL },  { "TIMEOUT ", EX_TEMPFAIL },
		{ "GONE ", EX_TEMPFAIL },         { "FAILED", EXIT_FAILED },
	};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (answers_error_is(text, statuses[i].word))
			return statuses[i].status;
	return answers_error_status(text);
}

static void
call_take_error(struct call *c, struct slice text)
{
	bool is_large = answers_error_is(&text, "ERR Protocol error: invalid bulk length");
	int status = call_error_status(&text), complaint = answers_complaint(&text);
	size_t code = 0;

	if (complaint) { /* it says so before it reads anything */
		c->written = 0;
		client_drop(c->client, complaint);
		return;
	}
	/* The first word is for programs, which see the exit status. */
	while (code < text.len && text.p[code] != ' ')
		code++;
	code += code < text.len;
	if (is_large)
		say("the request is over max_message");
	else
		say("%.*s", (int)(text.len - code), (const char *)text.p + code);
	loop_end(c->loop, status);
}

static size_t
call_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct call *c = arg;
	const struct resp_node *node;

	switch (resp_reply_parse(&c->reply, p, len, BULK_MAX)) {
	case RESP_REPLY_MORE:
		*ret_need = c->reply.need;
		return 0;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
		__builtin_unreachable();
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_OK:
		node = c->reply.nodes;
		if (node->type == RESP_ERROR || node->type == RESP_BULK_ERROR) {
			call_take_error(c, node->text);
			return c->reply.used;
		}
		if (node->type != RESP_BULK || c->written < c->command.len)
			break;
		print_bytes(node->text.p, node->text.len);
		if (node->text.len > 0 && node->text.p[node->text.len - 1] != '\n' && isatty(STDOUT_FILENO))
			print("\n"); /* the prompt of the shell stands on a line of its own */
		loop_end(c->loop, EX_OK);
		return c->reply.used;
	}
	client_end_foreign(c->client);
	return len;
}

static const struct client_ops call_client_ops = {
	.up = call_up,
	.input = call_input,
	.writable = call_write,
	.down = call_down,
};

/* The payload is complete. */
static void
call_start(struct call *c)
{
	uint64_t timeout = options_timeout(&c->o->common, CALL_TIMEOUT);

	if (timeout > 0) {
		c->end = loop_now() + timeout;
		timer_set(&c->limit, timeout + GRACE);
	}
	if (c->o->wait > 0)
		timer_set(&c->patience, c->o->wait);
	client_start(c->client);
}

static void
call_payload_cb(void *arg)
{
	struct call *c = arg;
	struct slice message;

	switch (input_next(c->input, &message)) {
	case INPUT_OK:
		memory_check(buf_append(&c->payload, message.p, message.len));
		input_want(c->input, false);
		call_start(c);
		break;
	case INPUT_MORE:
		input_want(c->input, true);
		break;
	case INPUT_END:
	case INPUT_FAILED:
		say("call: reading standard input: %s", strerror(input_error(c->input)));
		loop_end(c->loop, EX_IOERR);
		break;
	}
}

/* Returns 0, or EX_USAGE after reporting a mistake. */
static int
call_check(const struct call_options *o)
{
	if (o->common.n_args == 0)
		say("call: no service; try 'udsctl call --help'");
	else if (!*o->common.args[0])
		say("call: the name of the service is empty; is a variable unset?");
	else if (options_timeout(&o->common, 0) > MS_MAX || o->wait > MS_MAX)
		say("call: --timeout and --wait are at most 24h");
	else if (o->retries > RETRIES_MAX)
		say("call: --retry is at most %d", RETRIES_MAX);
	else
		return 0;
	return EX_USAGE;
}

static int
verb_call_run(const void *options)
{
	struct call c = { .o = options, .end = UINT64_MAX };
	const struct options *o = &c.o->common;
	struct client_options client = { .addr = o->addr, .once_at_first = c.o->wait == 0 };
	struct input_file file = { .fd = STDIN_FILENO };
	int status = call_check(c.o);

	if (status != 0)
		return status;
	c.retries = c.o->retries;
	c.loop = loop_new(NULL, NULL);
	c.client = client_new(c.loop, &client, &call_client_ops, &c);
	timer_init(&c.limit, c.loop, call_limit_cb, &c);
	timer_init(&c.patience, c.loop, call_patience_cb, &c);
	for (size_t i = 1; i < o->n_args; i++)
		memory_check(buf_printf(&c.payload, "%s%s", i > 1 ? " " : "", o->args[i]));
	if (o->n_args > 1) {
		call_start(&c);
	} else {
		c.input = input_new(c.loop, &file, 1, INPUT_WHOLE, call_payload_cb, &c);
		call_payload_cb(&c);
	}
	status = loop_run(c.loop);
	if (c.input)
		input_free(c.input);
	client_free(c.client);
	timer_deinit(&c.limit);
	timer_deinit(&c.patience);
	loop_free(c.loop);
	buf_deinit(&c.payload);
	buf_deinit(&c.command);
	resp_reply_deinit(&c.reply);
	return print_end(status);
}

const struct verb verb_call = {
	.name = "call",
	.arguments = "SERVICE [TEXT]...",
	.summary = "send a request to a service, and print its answer",
	.rows = rows,
	.args_max = SIZE_MAX,
	.examples = "echo hello | udsctl call upper\n"
		    "udsctl call --wait 5s --timeout 1m thumbnail <photo.jpg >small.png\n",
	.options_size = sizeof(struct call_options),
	.run = verb_call_run,
};
