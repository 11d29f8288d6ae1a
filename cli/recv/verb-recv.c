/*
 * udsctl recv: subscribes after each connect and hands what comes to a sink. Messages like the last one
 * are taken by that in one go; everything else goes through the parser of replies.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "client.h"
#include "deadline.h"
#include "handler.h"
#include "loop.h"
#include "memory.h"
#include "recv-options.h"
#include "resp-reply.h"
#include "say.h"
#include "sink.h"
#include "subscription.h"

static const struct option_row rows[] = {
	{ "pattern", 'p', "PATTERN", "receive each channel that matches: *, ?, [...]", OPTION_LIST,
	  offsetof(struct recv_options, patterns) },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct recv_options, null) },
	{ "count", 'n', "COUNT", "end after this many messages", OPTION_COUNT, offsetof(struct recv_options, count) },
	{ "format", 0, "FORMAT", "print messages so: %c channel, %p payload, ... (see udsctl(1))", OPTION_TEXT,
	  offsetof(struct recv_options, format) },
	{ "json", 0, NULL, "print messages as objects of JSON, one in a line", OPTION_FLAG,
	  offsetof(struct recv_options, common.json) },
	{ "exec", 0, "COMMAND", "run this for each message, which is its standard input", OPTION_TEXT,
	  offsetof(struct recv_options, exec) },
	{ "jobs", 0, "COUNT", "run so many commands at once (1)", OPTION_COUNT, offsetof(struct recv_options, jobs) },
	{ "queue-bytes", 0, "SIZE", "hold at most this much that waits for its command (16M)", OPTION_SIZE,
	  offsetof(struct recv_options, queue_bytes) },
	{ "stop-on-error", 0, NULL, "end when a command fails", OPTION_FLAG,
	  offsetof(struct recv_options, stop_on_error) },
	{ "timeout", 0, "DURATION", "give up when no message comes for this long (0: never)", OPTION_TIMEOUT, 0 },
	{ "summary", 0, NULL, "at the end say how many messages came", OPTION_FLAG,
	  offsetof(struct recv_options, summary) },
	{ 0 },
};

/* How long standard output may take the last bytes after a signal, in ms. */
#define SIGNAL_TIMEOUT ((uint64_t)5000)

struct recv {
	const struct recv_options *o;
	struct loop *loop;
	struct client *client;
	struct sink *sink;
	struct subscription subscription;
	struct resp_reply reply;
	struct deadline deadline, signal_deadline;
	uint64_t lost_at; /* loop_now(); 0 before the first loss */
	uint64_t missed;
	bool finishing; /* only what the sink has is left to do */
	int status;     /* to end with then */
};

static void
end_when_idle(struct recv *r)
{
	if (sink_is_idle(r->sink))
		loop_end(r->loop, r->status);
}

/* Ends with the status once the sink is done with what it has. */
static void
finish(struct recv *r, int status)
{
	if (r->finishing)
		return;
	r->finishing = true;
	r->status = status;
	client_stop(r->client);
	deadline_run(&r->deadline, false);
	sink_flush(r->sink);
	end_when_idle(r);
}

/* Reads on, or not, as the sink has room. While it has none, messages do not fail to come: they are not read. */
static void
pace(struct recv *r)
{
	bool full = sink_is_full(r->sink);

	client_pause(r->client, full);
	deadline_run(&r->deadline, !r->finishing && !full);
}

static void
take_message(struct recv *r, const uint8_t *frame, struct slice channel, struct slice payload)
{
	uint64_t missed;

	if (subscription_tells_missed(&r->subscription, channel, payload, &missed, &channel)) {
		r->missed += missed;
		sink_tell_missed(r->sink, missed, channel);
		return;
	}
	sink_take(r->sink, frame, channel, (struct slice){ 0 }, payload);
}

static void
subscribed(struct recv *r)
{
	if (++r->subscription.confirmed != r->subscription.n)
		return;
	if (r->lost_at > 0)
		say("connection to %s lost; subscribed again after %llu ms, messages sent in between are missing",
		    client_name(r->client), (unsigned long long)(loop_now() - r->lost_at));
	else
		say_verbose("subscribed at %s", client_name(r->client));
}

static void
refused(struct recv *r, const struct slice *text)
{
	static const char crowded[] = "ERR max number of clients";
	bool not_permitted = text->len >= 6 && memcmp(text->p, "NOPERM", 6) == 0;

	if (text->len >= sizeof(crowded) - 1 && memcmp(text->p, crowded, sizeof(crowded) - 1) == 0) {
		say_verbose("%s: %.*s", client_name(r->client), (int)text->len, (const char *)text->p);
		client_drop(r->client, EUSERS);
		return;
	}
	if (subscription_may_be_refused(&r->subscription)) {
		say_verbose("%s: not told what is missed: %.*s", client_name(r->client), (int)text->len,
		            (const char *)text->p);
		r->subscription.confirmed++;
		return;
	}
	say("%s: %.*s", client_name(r->client), (int)text->len, (const char *)text->p);
	finish(r, not_permitted ? EX_NOPERM : EX_PROTOCOL);
}

/* Deals with one parsed reply. Returns false where it is none that a subscriber gets. */
static bool
take_reply(struct recv *r, const uint8_t *frame)
{
	const struct resp_node *node = r->reply.nodes;

	if (node->type == RESP_ERROR) {
		refused(r, &node->text);
		return true;
	}
	if (node->type != RESP_ARRAY || r->reply.count != node->elements + 1 || node->elements < 3)
		return false;
	if (node->elements == 3 && resp_node_is(&node[1], "message") && node[3].type == RESP_BULK) {
		take_message(r, frame, node[2].text, node[3].text);
	} else if (node->elements == 4 && resp_node_is(&node[1], "pmessage") && node[4].type == RESP_BULK) {
		sink_take(r->sink, frame, node[3].text, node[2].text, node[4].text);
	} else if (resp_node_is(&node[1], "subscribe") || resp_node_is(&node[1], "psubscribe")) {
		subscribed(r);
	} else {
		return false;
	}
	return true;
}

/* Parses one reply that is no message of the run. Returns the bytes used, 0 when it is not complete. */
static size_t
read_reply(struct recv *r, const uint8_t *p, size_t len, size_t *ret_need)
{
	switch (resp_reply_parse(&r->reply, p, len, SINK_PAYLOAD_MAX)) {
	case RESP_REPLY_OK:
		if (take_reply(r, p))
			return r->reply.used;
		break;
	case RESP_REPLY_MORE:
		*ret_need = r->reply.need;
		return 0;
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
	}
	say("%s: this is not a udsd bus; for an echo listener use 'udsctl pipe'", client_name(r->client));
	finish(r, EX_PROTOCOL);
	return 0;
}

static uint64_t
messages_left(const struct recv *r)
{
	return r->o->count > 0 ? r->o->count - sink_messages(r->sink) : UINT64_MAX;
}

static size_t
input_bytes(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct recv *r = arg;
	size_t used = 0, need = 0, n;
	uint64_t before = sink_messages(r->sink);

	sink_set_time(r->sink);
	do {
		used += sink_take_run(r->sink, bytes + used, len - used, messages_left(r), &need);
		if (need > 0 || used == len || messages_left(r) == 0)
			break;
		n = read_reply(r, bytes + used, len - used, &need);
		used += n;
	} while (n > 0 && !r->finishing && messages_left(r) > 0);
	sink_flush(r->sink);
	if (loop_is_ending(r->loop))
		return len;
	if (messages_left(r) == 0)
		finish(r, EX_OK);
	if (sink_has_failed(r->sink))
		finish(r, EX_SOFTWARE);
	if (sink_messages(r->sink) > before)
		deadline_progress(&r->deadline);
	pace(r);
	*ret_need = need;
	return used;
}

/* Something of what the sink had is done. */
static void
moved(void *arg)
{
	struct recv *r = arg;

	if (sink_has_failed(r->sink))
		finish(r, EX_SOFTWARE);
	if (r->finishing)
		end_when_idle(r);
	else
		pace(r);
}

static void
up(void *arg)
{
	struct recv *r = arg;

	r->subscription.confirmed = 0;
}

static void
writable(void *arg)
{
	(void)arg; /* the subscription was all there is to write */
}

static void
down(void *arg, uint64_t unread)
{
	struct recv *r = arg;

	(void)unread;
	if (subscription_is_complete(&r->subscription))
		r->lost_at = loop_now();
}

static void
timed_out_cb(void *arg, const char *why)
{
	struct recv *r = arg;
	char explanation[256];

	client_explain(r->client, explanation, sizeof(explanation));
	say("%s: %s", why, client_is_up(r->client) ? "no message came" : explanation);
	finish(r, EX_TEMPFAIL);
}

static void
signal_timed_out_cb(void *arg, const char *why)
{
	struct recv *r = arg;

	(void)why;
	loop_end(r->loop, r->status);
}

static void
signal_cb(void *arg, int signo, bool again)
{
	struct recv *r = arg;
	const struct handler *handler = sink_handler(r->sink);

	if (again) {
		loop_end(r->loop, 128 + signo);
		return;
	}
	sink_stop(r->sink);
	if (handler && handler_running(handler) > 0)
		say_notice("waiting for the running commands; another signal ends at once");
	else
		deadline_run(&r->signal_deadline, true);
	finish(r, 128 + signo);
	r->status = 128 + signo; /* where it was about to end already */
	end_when_idle(r);
}

static const struct client_ops client_ops = {
	.up = up,
	.input = input_bytes,
	.writable = writable,
	.down = down,
};

static int
setup(struct recv *r)
{
	const struct recv_options *o = r->o;
	struct client_options options = { .addr = o->common.addr };
	int status;

	r->loop = loop_new(signal_cb, r);
	status = sink_new(r->loop, o, moved, r, &r->sink);
	if (status != 0)
		return status;
	subscription_init(&r->subscription, o);
	options.greeting = (struct slice){ r->subscription.commands.data, r->subscription.commands.len };
	r->client = client_new(r->loop, &options, &client_ops, r);
	deadline_init(&r->deadline, r->loop, o->common.timeout, timed_out_cb, r);
	deadline_init(&r->signal_deadline, r->loop, SIGNAL_TIMEOUT, signal_timed_out_cb, r);
	return 0;
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* What a person must know in any case. */
static void
report_unfinished(const struct handler *handler)
{
	uint64_t running = handler_running(handler), unhandled = handler_unhandled(handler);

	if (running > 0)
		say("recv: still running: %llu command%s", (unsigned long long)running, plural(running));
	if (unhandled > 0)
		say("recv: taken and not handled: %llu message%s", (unsigned long long)unhandled, plural(unhandled));
}

static void
print_summary(const struct recv *r)
{
	const struct handler *handler = sink_handler(r->sink);
	uint64_t reconnects = client_reconnects(r->client);
	char failed[64] = "";

	if (handler)
		snprintf(failed, sizeof(failed), ", %llu commands failed", (unsigned long long)handler_failed(handler));
	say("recv: %llu messages, %llu reconnect%s, %llu missed%s", (unsigned long long)sink_messages(r->sink),
	    (unsigned long long)reconnects, plural(reconnects), (unsigned long long)r->missed, failed);
}

static int
run(struct recv *r)
{
	const struct handler *handler = sink_handler(r->sink);
	int status;

	deadline_run(&r->deadline, true);
	client_start(r->client);
	status = loop_run(r->loop);
	if (handler)
		report_unfinished(handler);
	if (r->o->summary)
		print_summary(r);
	return status == EX_OK && handler && handler_failed(handler) > 0 ? EX_SOFTWARE : status;
}

static int
verb_recv_run(const void *options)
{
	const struct recv_options *o = options;
	struct recv r = { .o = o };
	int status;

	if (o->common.n_args + o->patterns.n == 0) {
		say("recv: no channel and no pattern; try 'udsctl recv --help'");
		return EX_USAGE;
	}
	status = setup(&r);
	if (status == 0)
		status = run(&r);
	client_free(r.client);
	sink_free(r.sink);
	resp_reply_deinit(&r.reply);
	subscription_deinit(&r.subscription);
	deadline_deinit(&r.deadline);
	deadline_deinit(&r.signal_deadline);
	loop_free(r.loop);
	return status;
}

const struct verb verb_recv = {
	.name = "recv",
	.arguments = "[CHANNEL]...",
	.summary = "print the messages of channels, or run a command for each",
	.rows = rows,
	.args_max = SIZE_MAX,
	.options_size = sizeof(struct recv_options),
	.run = verb_recv_run,
};
