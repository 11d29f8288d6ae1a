#include "ask.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "deadline.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "options.h"
#include "resp-encode.h"
#include "say.h"

#define ASK_TIMEOUT ((uint64_t)5000) /* ms */
#define BULK_MAX ((size_t)256 * 1024 * 1024)
#define WORDS_MAX 16

struct ask {
	struct loop *loop;
	struct client *client;
	struct deadline deadline;
	struct event *timer;
	bool has_started, was_answered, has_waited;
	struct buf out; /* the commands */
	size_t written;
	struct resp_reply parser;
	struct buf answer; /* the last reply */
	struct resp_reply reply;
	uint64_t awaited;  /* replies */
	bool counts_only;  /* the replies are of no interest */
	bool wants_header; /* the reply is an array whose elements are counted in `awaited` */
	bool skips;        /* the next reply is not for cb */
	ask_cb *cb;        /* gets replies, elements or messages; or NULL */
	void *arg;
	int status; /* what cb returned */
};

static void
fail(struct ask *a, const struct slice *error)
{
	struct slice text = *error;

	if (answers_error_is(&text, "ERR "))
		text = (struct slice){ text.p + 4, text.len - 4 };
	say("%.*s", (int)text.len, (const char *)text.p);
	loop_end(a->loop, answers_error_is(error, "NOPERM") ? EX_NOPERM : EX_PROTOCOL);
}

/* An echo listener gives back what it gets. */
static void
report_foreign(struct ask *a, const uint8_t *p, size_t len)
{
	size_t sent = a->written < len ? a->written : len;

	if (!a->was_answered && sent > 0 && memcmp(p, a->out.data, sent) == 0)
		say("%s: this is an echo listener, not a bus; use 'udsctl pipe'", client_name(a->client));
	else
		say("%s: this is not a udsd bus; for an echo listener use 'udsctl pipe'", client_name(a->client));
	loop_end(a->loop, EX_PROTOCOL);
}

static bool
is_echo(const struct ask *a, const uint8_t *p, size_t len)
{
	return !a->was_answered && len >= a->out.len && memcmp(p, a->out.data, a->out.len) == 0;
}

/* "*N": N elements follow. Returns the bytes it took, 0 if there are more to come. */
static size_t
read_header(struct ask *a, const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\r', len);
	int64_t n;

	if (!end || end + 2 > p + len)
		return 0;
	if (num_parse_resp(p + 1, (size_t)(end - p) - 1, &n) != 0 || n < 0) {
		report_foreign(a, p, len);
		return len;
	}
	a->wants_header = false;
	a->awaited = (uint64_t)n;
	return (size_t)(end - p) + 2;
}

static void
take(struct ask *a, const uint8_t *p)
{
	const struct resp_node *node = &a->parser.nodes[0];
	int r;

	deadline_progress(&a->deadline);
	a->awaited -= a->awaited > 0;
	if (node->type == RESP_ERROR || node->type == RESP_BULK_ERROR) {
		fail(a, &node->text);
	} else if (a->skips) {
		a->skips = false;
	} else if (a->cb) {
		r = a->cb(node, a->arg);
		if (r != 0)
			loop_end(a->loop, r == ASK_DONE ? EX_OK : r);
	} else if (!a->counts_only) {
		a->answer.len = 0;
		memory_check(buf_append(&a->answer, p, a->parser.used));
	}
}

static size_t
input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct ask *a = arg;
	size_t at = 0, used;

	if (is_echo(a, p, len)) {
		report_foreign(a, p, len);
		return len;
	}
	while (at < len && !loop_is_ending(a->loop)) {
		if (a->wants_header && p[at] == '*') {
			used = read_header(a, p + at, len - at);
			if (used == 0)
				return at;
			at += used;
			continue;
		}
		switch (resp_reply_parse(&a->parser, p + at, len - at, BULK_MAX)) {
		case RESP_REPLY_MORE:
			*ret_need = a->parser.need;
			return at;
		case RESP_REPLY_OK:
			a->wants_header = false;
			take(a, p + at);
			a->was_answered = true;
			at += a->parser.used;
			break;
		case RESP_REPLY_ERROR:
			report_foreign(a, p + at, len - at);
			return len;
		case RESP_REPLY_NOMEM:
			memory_check(-1);
		}
	}
	return at;
}

static void
writable(void *arg)
{
	struct ask *a = arg;
	struct iovec iov = { a->out.data + a->written, a->out.len - a->written };

	if (iov.iov_len > 0)
		a->written += client_writev(a->client, &iov, 1);
}

static void
down(void *arg, uint64_t unread)
{
	(void)arg;
	(void)unread;
}

static void
timed_out_cb(void *arg)
{
	struct ask *a = arg;
	char why[512];

	client_explain(a->client, why, sizeof(why));
	say("timed out: %s", why);
	loop_end(a->loop, EX_TEMPFAIL);
}

static void
waited_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ask *a = arg;

	(void)fd;
	(void)what;
	a->has_waited = true;
}

static const struct client_ops client_ops = {
	.input = input,
	.writable = writable,
	.down = down,
};

struct ask *
ask_new(const struct options *o)
{
	struct ask *a = memory_alloc(sizeof(*a));
	struct client_options options = { .addr = o->addr, .once = true };

	a->loop = loop_new(NULL, NULL);
	deadline_init(&a->deadline, a->loop, options_timeout(o, ASK_TIMEOUT), timed_out_cb, a);
	a->client = client_new(a->loop, &options, &client_ops, a);
	a->timer = event_new(loop_base(a->loop), -1, 0, waited_cb, a);
	memory_check(a->timer ? 0 : -1);
	return a;
}

void
ask_free(struct ask *a)
{
	client_free(a->client);
	event_free(a->timer);
	deadline_deinit(&a->deadline);
	loop_free(a->loop);
	buf_deinit(&a->out);
	buf_deinit(&a->answer);
	resp_reply_deinit(&a->parser);
	resp_reply_deinit(&a->reply);
	free(a);
}

/* Runs the loop until the condition holds or it ends. Returns 0 or the exit status. */
#define PUMP(a, condition)                                                                                             \
	({                                                                                                             \
		while (!(condition) && !loop_is_ending((a)->loop))                                                     \
			event_base_loop(loop_base((a)->loop), EVLOOP_ONCE);                                            \
		loop_is_ending((a)->loop) ? loop_run((a)->loop) : 0;                                                   \
	})

/* Sends what is in out, and waits for the replies. */
static int
converse(struct ask *a, uint64_t replies, ask_cb *cb, void *arg)
{
	int status;

	a->written = 0;
	a->awaited = replies;
	a->cb = cb;
	a->arg = arg;
	deadline_progress(&a->deadline);
	deadline_run(&a->deadline, true);
	if (a->has_started)
		writable(a);
	else
		client_start(a->client);
	a->has_started = true;
	status = PUMP(a, a->awaited == 0 && !a->wants_header);
	deadline_run(&a->deadline, false);
	return status;
}

static void
put_command(struct ask *a, va_list ap)
{
	struct slice words[WORDS_MAX];
	const char *word;
	size_t n = 0;

	while ((word = va_arg(ap, const char *)) && n < WORDS_MAX)
		words[n++] = (struct slice){ (const uint8_t *)word, strlen(word) };
	a->out.len = 0;
	memory_check(buf_reserve(&a->out, resp_command_size(words, n)));
	a->out.len = resp_put_command((char *)a->out.data, words, n);
}

int
ask(struct ask *a, const struct resp_node **ret_reply, ...)
{
	va_list ap;
	int status;

	va_start(ap, ret_reply);
	put_command(a, ap);
	va_end(ap);
	a->counts_only = false;
	status = converse(a, 1, NULL, NULL);
	if (status != 0)
		return status;
	/* It was parsed before; the nodes now lie in a copy that stays. */
	memory_check(resp_reply_parse(&a->reply, a->answer.data, a->answer.len, BULK_MAX) == RESP_REPLY_OK ? 0 : -1);
	if (ret_reply)
		*ret_reply = a->reply.nodes;
	return 0;
}

int
ask_each(struct ask *a, ask_cb *cb, void *arg, ...)
{
	va_list ap;

	va_start(ap, arg);
	put_command(a, ap);
	va_end(ap);
	a->wants_header = true;
	return converse(a, 1, cb, arg);
}

int
ask_many(struct ask *a, struct slice commands, size_t replies)
{
	a->out.len = 0;
	memory_check(buf_append(&a->out, commands.p, commands.len));
	a->counts_only = true;
	return converse(a, replies, NULL, NULL);
}

int
ask_listen(struct ask *a, ask_cb *cb, void *arg, ...)
{
	va_list ap;
	int status;

	va_start(ap, arg);
	put_command(a, ap);
	va_end(ap);
	a->skips = true;
	status = converse(a, 1, cb, arg);
	return status != 0 ? status : PUMP(a, false);
}

int
ask_wait(struct ask *a, uint64_t ms)
{
	a->has_waited = false;
	event_add(a->timer, &(struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000 * 1000) });
	return PUMP(a, a->has_waited);
}

const char *
ask_name(const struct ask *a)
{
	return client_name(a->client);
}

const struct resp_node *
ask_lookup(const struct resp_node *map, const char *key)
{
	const struct resp_node *node = map + 1;

	/* `end` counts from the start of the reply, as does the index of the map itself. */
	for (size_t i = 0; i + 1 < map->elements; i += 2) {
		const struct resp_node *value = node + 1;

		if (resp_node_is(node, key))
			return value;
		node = value + 1; /* the values of what is looked up are no aggregates */
	}
	return NULL;
}
