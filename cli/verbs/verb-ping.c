/* udsctl ping: one question at a time, each timed from its write to the last byte of its answer. */
#include <event2/event.h>
#include <string.h>
#include <sysexits.h>

#include "client.h"
#include "deadline.h"
#include "record.h"
#include "loop.h"
#include "options.h"
#include "resp-reply.h"
#include "say.h"

struct ping_options {
	struct options common;
	uint64_t count; /* 0: not given */
};

static const struct option_row rows[] = {
	{ "count", 'n', "COUNT", "ping this many times (1)", OPTION_COUNT, offsetof(struct ping_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

#define PING_TIMEOUT ((uint64_t)5000) /* ms */
#define BULK_MAX ((size_t)64 * 1024)

static const char question[] = "*1\r\n$4\r\nPING\r\n";

struct ping {
	uint64_t count; /* answers still awaited */
	bool json;
	struct loop *loop;
	struct client *client;
	struct deadline deadline;
	struct resp_reply reply;
	size_t asked;      /* bytes of the question written */
	uint64_t asked_at; /* ns */
};

static void
ask_cb(void *arg)
{
	struct ping *p = arg;
	struct iovec iov = { (void *)(question + p->asked), sizeof(question) - 1 - p->asked };

	if (p->asked == 0)
		p->asked_at = loop_now_ns();
	p->asked += client_writev(p->client, &iov, 1);
}

static void
up(void *arg)
{
	struct ping *p = arg;

	p->asked = 0;
}

static void
down(void *arg, uint64_t unread)
{
	(void)arg;
	(void)unread;
}

static void
fail(struct ping *p, const struct resp_node *node)
{
	const struct slice *text = &node->text;
	bool not_permitted = text->len >= 6 && memcmp(text->p, "NOPERM", 6) == 0;

	say("%s: %.*s", client_name(p->client), (int)text->len, (const char *)text->p);
	loop_end(p->loop, not_permitted ? EX_NOPERM : EX_PROTOCOL);
}

static void
answered(struct ping *p)
{
	uint64_t took = (loop_now_ns() - p->asked_at) / 1000; /* us */
	json_t *object;

	if (p->json) {
		object = record_new();
		record_set_string(object, "socket", client_name(p->client));
		record_set(object, "microseconds", json_integer((long long)took));
		record_write(object);
	} else {
		printf("PONG from %s in %llu us\n", client_name(p->client), (unsigned long long)took);
	}
	if (!say_flushed()) {
		loop_end(p->loop, EX_IOERR);
		return;
	}
	deadline_progress(&p->deadline);
	if (--p->count == 0) {
		loop_end(p->loop, EX_OK);
		return;
	}
	p->asked = 0;
	ask_cb(p);
}

static size_t
input(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct ping *p = arg;

	switch (resp_reply_parse(&p->reply, bytes, len, BULK_MAX)) {
	case RESP_REPLY_MORE:
		*ret_need = p->reply.need;
		return 0;
	case RESP_REPLY_OK:
		if (p->reply.nodes[0].type == RESP_ERROR) {
			fail(p, &p->reply.nodes[0]);
			return len;
		}
		if (resp_node_is(&p->reply.nodes[0], "PONG")) {
			answered(p);
			return p->reply.used;
		}
		break;
	case RESP_REPLY_ERROR:
	case RESP_REPLY_NOMEM:
		break;
	}
	say("%s: this is not a udsd bus; for an echo listener use 'udsctl pipe'", client_name(p->client));
	loop_end(p->loop, EX_PROTOCOL);
	return len;
}

static void
timed_out_cb(void *arg)
{
	struct ping *p = arg;
	char why[256];

	client_explain(p->client, why, sizeof(why));
	say("timed out: %s", why);
	loop_end(p->loop, EX_TEMPFAIL);
}

static const struct client_ops client_ops = {
	.up = up,
	.input = input,
	.writable = ask_cb,
	.down = down,
};

static int
verb_ping_run(const void *options)
{
	const struct ping_options *o = options;
	struct ping p = { .count = o->count > 0 ? o->count : 1, .json = o->common.json };
	struct client_options client = { .addr = o->common.addr, .once = true };
	int status;

	p.loop = loop_new(NULL, NULL);
	deadline_init(&p.deadline, p.loop, options_timeout(&o->common, PING_TIMEOUT), timed_out_cb, &p);
	p.client = client_new(p.loop, &client, &client_ops, &p);
	deadline_run(&p.deadline, true);
	client_start(p.client);
	status = loop_run(p.loop);
	client_free(p.client);
	deadline_deinit(&p.deadline);
	resp_reply_deinit(&p.reply);
	loop_free(p.loop);
	return status;
}

const struct verb verb_ping = {
	.name = "ping",
	.arguments = "",
	.summary = "ask the daemon for an answer and print how long it took",
	.rows = rows,
	.options_size = sizeof(struct ping_options),
	.run = verb_ping_run,
};
