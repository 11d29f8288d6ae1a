#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "resp-encode.h"
#include "say.h"
#include "timer.h"

#define BULK_MAX ((size_t)64 * 1024 * 1024)
/* For one writev(2). */
#define VECTORS 64

struct control_frame {
	STAILQ_ENTRY(control_frame) link;
	struct control_request request;
	uint64_t sent_at; /* ns */
	size_t len;
	uint8_t bytes[];
};

struct control {
	struct loop *loop;
	struct client *client;
	struct resp_reply reply;
	struct timer timer; /* writes what was queued */
	const struct control_ops *ops;
	void *arg;
	STAILQ_HEAD(control_frames, control_frame) frames;
	struct control_frame *next; /* the first that is not written completely; or NULL */
	size_t written;             /* bytes of it */
	uint64_t verdicts, returns;
	bool is_refused; /* the last verdict, which was said */
	double trip_ns;
};

static bool
control_is_verdict(enum control_kind kind)
{
	return kind >= CONTROL_DONE;
}

static void
control_write(void *arg)
{
	struct control *c = arg;
	struct iovec iov[VECTORS];
	uint64_t now = loop_now_ns();
	struct control_frame *frame;
	size_t n, left;
	int vectors;

	while (c->next) {
		vectors = 0;
		left = c->written;
		for (frame = c->next; frame && vectors < VECTORS; frame = STAILQ_NEXT(frame, link)) {
			iov[vectors++] = (struct iovec){ frame->bytes + left, frame->len - left };
			left = 0;
		}
		n = client_writev(c->client, iov, vectors);
		if (n == 0)
			return;
		for (n += c->written; c->next && n >= c->next->len; c->next = STAILQ_NEXT(c->next, link)) {
			c->next->sent_at = now;
			n -= c->next->len;
		}
		c->written = n;
	}
}

static void
control_pop(struct control *c)
{
	struct control_frame *frame = STAILQ_FIRST(&c->frames);

	STAILQ_REMOVE_HEAD(&c->frames, link);
	c->verdicts -= control_is_verdict(frame->request.kind);
	c->returns -= frame->request.kind == CONTROL_BACK;
	free(frame);
}

/*
 * A verdict was refused. Where its job is gone, that is all; else it is said again on a new connection, since without
 * it the job would be done again. Returns whether the connection goes on.
 */
static bool
control_take_refusal(struct control *c, const struct slice *text)
{
	if (answers_error_is(text, "NOGROUP"))
		return true;
	if (!c->is_refused)
		say("%s: %.*s", client_name(c->client), (int)text->len, (const char *)text->p);
	c->is_refused = true;
	if (!answers_error_is_temporary(text)) {
		loop_end(c->loop, answers_error_status(text));
		return true;
	}
	client_drop(c->client, EIO);
	return false;
}

/* Handles the parsed reply. Returns whether to go on. */
static bool
control_take(struct control *c)
{
	struct control_frame *frame = STAILQ_FIRST(&c->frames);
	const struct resp_node *node = c->reply.nodes;
	bool is_error = resp_node_is_error(node);
	struct control_request request;
	int complaint = is_error ? answers_complaint(&node->text) : 0;

	if (complaint) {
		say_verbose("%s: %.*s", client_name(c->client), (int)node->text.len, (const char *)node->text.p);
		client_drop(c->client, complaint);
		return false;
	}
	if (!frame || frame == c->next) {
		client_end_foreign(c->client);
		return false;
	}
	if (is_error && control_is_verdict(frame->request.kind) && !control_take_refusal(c, &node->text))
		return false;
	if (control_is_verdict(frame->request.kind) && !is_error) {
		c->is_refused = false;
		c->trip_ns += ((double)(loop_now_ns() - frame->sent_at) - c->trip_ns) / 8;
	}
	request = frame->request;
	control_pop(c);
	c->ops->reply(c->arg, &request, node);
	return !loop_is_ending(c->loop);
}

static size_t
control_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct control *c = arg;
	size_t used = 0;

	while (used < len) {
		switch (resp_reply_parse(&c->reply, p + used, len - used, BULK_MAX)) {
		case RESP_REPLY_OK:
			used += c->reply.used;
			if (!control_take(c))
				return used;
			break;
		case RESP_REPLY_MORE:
			*ret_need = c->reply.need;
			return used;
		case RESP_REPLY_ERROR:
			client_end_foreign(c->client);
			return len;
		case RESP_REPLY_NOMEM:
			memory_check(-1);
		}
	}
	return used;
}

static void
control_up(void *arg)
{
	struct control *c = arg;

	c->ops->up(c->arg);
}

static void
control_down(void *arg, uint64_t unread)
{
	struct control *c = arg;
	struct control_frames frames = STAILQ_HEAD_INITIALIZER(frames);
	struct control_frame *frame;

	(void)unread;
	STAILQ_CONCAT(&frames, &c->frames);
	while ((frame = STAILQ_FIRST(&frames))) {
		STAILQ_REMOVE_HEAD(&frames, link);
		if (control_is_verdict(frame->request.kind))
			STAILQ_INSERT_TAIL(&c->frames, frame, link);
		else
			free(frame);
	}
	c->next = STAILQ_FIRST(&c->frames);
	c->written = 0;
	c->ops->down(c->arg);
}

static const struct client_ops control_client_ops = {
	.up = control_up,
	.input = control_input,
	.writable = control_write,
	.down = control_down,
};

struct control *
control_new(struct loop *loop, const struct addr_list *addr, const struct control_ops *ops, void *arg)
{
	struct control *c = memory_alloc(sizeof(*c));
	struct client_options options = { .addr = *addr };

	c->loop = loop;
	c->ops = ops;
	c->arg = arg;
	STAILQ_INIT(&c->frames);
	c->client = client_new(loop, &options, &control_client_ops, c);
	timer_init(&c->timer, loop, control_write, c);
	return c;
}

void
control_free(struct control *c)
{
	while (!STAILQ_EMPTY(&c->frames))
		control_pop(c);
	client_free(c->client);
	timer_deinit(&c->timer);
	resp_reply_deinit(&c->reply);
	free(c);
}

void
control_start(struct control *c)
{
	client_start(c->client);
}

void
control_send(struct control *c, struct control_request request, const struct slice *words, size_t n)
{
	struct control_frame *frame = memory_resize(NULL, sizeof(*frame) + resp_command_size(words, n));

	*frame = (struct control_frame){ .request = request };
	frame->len = resp_put_command((char *)frame->bytes, words, n);
	STAILQ_INSERT_TAIL(&c->frames, frame, link);
	c->verdicts += control_is_verdict(request.kind);
	c->returns += request.kind == CONTROL_BACK;
	if (!c->next)
		c->next = frame;
	if (!timer_is_set(&c->timer))
		timer_set_us(&c->timer, 0);
}

void
control_renew(struct control *c)
{
	client_shutdown(c->client);
}

bool
control_is_up(const struct control *c)
{
	return client_is_up(c->client);
}

void
control_explain(const struct control *c, char *text, size_t size)
{
	client_explain(c->client, text, size);
}

uint64_t
control_verdicts(const struct control *c)
{
	return c->verdicts;
}

uint64_t
control_returns(const struct control *c)
{
	return c->returns;
}

bool
control_has_done(const struct control *c, size_t stream, const char *id)
{
	const struct control_frame *frame;

	STAILQ_FOREACH(frame, &c->frames, link)
		if (frame->request.kind == CONTROL_DONE && frame->request.stream == stream &&
		    strcmp(frame->request.id, id) == 0)
			return true;
	return false;
}

double
control_trip_ns(const struct control *c)
{
	return c->trip_ns;
}
