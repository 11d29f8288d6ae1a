/*
 * udsctl recv: subscribes after each connect and hands messages to a sink. Messages like the last one go there without
 * parsing, see sink.c; everything else goes through the parser of replies.
 *
 * The end has two stages. recv_finish() closes the connection and sets the exit status; then the sink still writes what
 * it has, or waits for its commands, and the loop ends when it is idle. Only a second signal ends this earlier, or the
 * time that the first one leaves: to standard output for the last bytes, or to the commands that run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "deadline.h"
#include "human.h"
#include "loop.h"
#include "memory.h"
#include "recv-options.h"
#include "resp-reply.h"
#include "say.h"
#include "sink.h"
#include "subscription.h"

static const struct option_row rows[] = {
	{ "pattern", 'p', "PATTERN", "receive every channel that matches: *, ?, [...]", OPTION_LIST,
	  offsetof(struct recv_options, patterns) },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct recv_options, null) },
	{ "raw", 0, NULL, "replace no control characters on a terminal, and add no newline for --exec", OPTION_FLAG,
	  offsetof(struct recv_options, raw) },
	{ "count", 'n', "COUNT", "exit after this many messages", OPTION_COUNT, offsetof(struct recv_options, count) },
	{ "format", 0, "FORMAT", "print %c channel, %p payload, ... (see udsctl(1))", OPTION_TEXT,
	  offsetof(struct recv_options, format) },
	{ "json", 0, NULL, "print messages as JSON, one object per line", OPTION_FLAG,
	  offsetof(struct recv_options, common.json) },
	{ "exec", 0, "COMMAND", "run it for each message, on its standard input", OPTION_NAME,
	  offsetof(struct recv_options, exec) },
	{ "jobs", 0, "COUNT", "run up to this many commands at once (1)", OPTION_COUNT,
	  offsetof(struct recv_options, jobs) },
	{ "queue-bytes", 0, "SIZE", "let at most this much wait for its command (16M)", OPTION_SIZE,
	  offsetof(struct recv_options, queue_bytes) },
	{ "stop-on-error", 0, NULL, "exit when a command fails", OPTION_FLAG,
	  offsetof(struct recv_options, stop_on_error) },
	{ "stop-timeout", 0, "DURATION", "wait this long for commands after a signal (60s)", OPTION_DURATION,
	  offsetof(struct recv_options, stop_timeout) },
	{ "timeout", 0, "DURATION", "give up after this long without a message (never)", OPTION_TIMEOUT, 0 },
	{ "summary", 0, NULL, "report totals at the end", OPTION_FLAG, offsetof(struct recv_options, summary) },
	{ 0 },
};

/* ms after a signal within which standard output must take the last bytes. */
#define SIGNAL_TIMEOUT ((uint64_t)5000)
/* Default of --stop-timeout; systemd kills a service after 90s. */
#define STOP_TIMEOUT ((uint64_t)60000)

struct recv {
	const struct recv_options *o;
	struct loop *loop;
	struct client *client;
	struct sink *sink;
	struct subscription subscription;
	struct resp_reply reply;
	struct deadline deadline, signal_deadline, silence;
	uint64_t lost_at; /* loop_now(); 0 before the first loss */
	uint64_t missed;  /* messages that the daemon dropped */
	bool finishing;   /* the connection is closed; the sink is not idle yet */
	int status;       /* exit status, while finishing */
};

static void
recv_end_when_idle(struct recv *r)
{
	if (sink_is_idle(r->sink))
		loop_end(r->loop, r->status);
}

/* Ends with the status as soon as the sink is idle. */
static void
recv_finish(struct recv *r, int status)
{
	if (r->finishing)
		return;
	r->finishing = true;
	r->status = status;
	client_stop(r->client);
	deadline_run(&r->deadline, false);
	sink_flush(r->sink);
	recv_end_when_idle(r);
}

/* Pauses reading while the sink is full. The timeout does not run then: it is not for lack of messages. */
static void
recv_pace(struct recv *r)
{
	bool full = sink_is_full(r->sink);

	client_pause(r->client, full);
	deadline_run(&r->deadline, !r->finishing && !full);
}

static void
recv_handle_error(struct recv *r, const struct slice *text)
{
	int complaint = answers_complaint(text);

	if (complaint) {
		say_verbose("%s: %.*s", client_name(r->client), (int)text->len, (const char *)text->p);
		client_drop(r->client, complaint);
		return;
	}
	if (r->subscription.asks_missed && r->subscription.confirmed == r->subscription.n) {
		say_verbose("%s: dropped messages will not be reported: %.*s", client_name(r->client), (int)text->len,
		            (const char *)text->p);
		r->subscription.confirmed++;
		return;
	}
	say("%s: %.*s", client_name(r->client), (int)text->len, (const char *)text->p);
	recv_finish(r, answers_error_is(text, "NOPERM") ? EX_NOPERM : EX_PROTOCOL);
}

/* Handles the parsed reply, which begins at `frame`. Returns false if it is none that a subscriber gets. */
static bool
recv_handle_reply(struct recv *r, const uint8_t *frame)
{
	const struct resp_node *node = r->reply.nodes;
	uint64_t missed;
	struct slice channel;

	if (node->type == RESP_ERROR) {
		recv_handle_error(r, &node->text);
		return true;
	}
	if (node->type != RESP_ARRAY || r->reply.count != node->elements + 1 || node->elements < 3)
		return false;
	if (node->elements == 3 && resp_node_is(&node[1], "message") && node[3].type == RESP_BULK) {
		if (subscription_parse_missed(&r->subscription, node[2].text, node[3].text, &missed, &channel)) {
			r->missed += missed;
			sink_report_missed(r->sink, missed, channel);
		} else {
			sink_take(r->sink, frame, node[2].text, (struct slice){ 0 }, node[3].text);
		}
	} else if (node->elements == 4 && resp_node_is(&node[1], "pmessage") && node[4].type == RESP_BULK) {
		sink_take(r->sink, frame, node[3].text, node[2].text, node[4].text);
	} else if (resp_node_is(&node[1], "subscribe") || resp_node_is(&node[1], "psubscribe")) {
		if (++r->subscription.confirmed != r->subscription.n)
			return true;
		if (r->lost_at > 0)
			say("connection to %s lost; subscribed again after %" PRIu64
			    " ms, messages sent in between may be missing",
			    client_name(r->client), loop_now() - r->lost_at);
		else
			say_verbose("subscribed at %s", client_name(r->client));
	} else {
		return false;
	}
	return true;
}

/* Parses and handles one reply. Returns the bytes used, 0 if it is incomplete or foreign; *ret_need: as in conn_ops. */
static size_t
recv_read_reply(struct recv *r, const uint8_t *p, size_t len, size_t *ret_need)
{
	switch (resp_reply_parse(&r->reply, p, len, SINK_PAYLOAD_MAX)) {
	case RESP_REPLY_OK:
		if (recv_handle_reply(r, p))
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
	say("%s: this is not a udsd bus; for a listener in the mode echo or line use 'udsctl pipe'",
	    client_name(r->client));
	recv_finish(r, EX_PROTOCOL);
	return 0;
}

static uint64_t
recv_messages_left(const struct recv *r)
{
	return r->o->count > 0 ? r->o->count - sink_messages(r->sink) : UINT64_MAX;
}

static size_t
recv_input(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct recv *r = arg;
	size_t used = 0, need = 0, n;
	uint64_t before = sink_messages(r->sink);

	deadline_run(&r->silence, false);
	sink_set_time(r->sink);
	do {
		used += sink_take_run(r->sink, bytes + used, len - used, recv_messages_left(r), &need);
		if (need > 0 || used == len || recv_messages_left(r) == 0)
			break;
		n = recv_read_reply(r, bytes + used, len - used, &need);
		used += n;
	} while (n > 0 && !r->finishing && recv_messages_left(r) > 0);
	sink_flush(r->sink);
	if (loop_is_ending(r->loop))
		return len;
	if (recv_messages_left(r) == 0)
		recv_finish(r, EX_OK);
	if (sink_has_failed(r->sink))
		recv_finish(r, EX_SOFTWARE);
	if (sink_messages(r->sink) > before)
		deadline_progress(&r->deadline);
	recv_pace(r);
	*ret_need = need;
	return used;
}

static void
recv_sink_cb(void *arg)
{
	struct recv *r = arg;

	if (sink_has_failed(r->sink))
		recv_finish(r, EX_SOFTWARE);
	if (r->finishing)
		recv_end_when_idle(r);
	else
		recv_pace(r);
}

static void
recv_up(void *arg)
{
	struct recv *r = arg;

	deadline_run(&r->silence, true);
}

static void
recv_down(void *arg, uint64_t unread)
{
	struct recv *r = arg;

	(void)unread;
	deadline_run(&r->silence, false);
	if (r->subscription.confirmed >= r->subscription.n)
		r->lost_at = loop_now();
	r->subscription.confirmed = 0;
}

static void
recv_timed_out_cb(void *arg, const char *why)
{
	struct recv *r = arg;
	bool is_subscribed = client_is_up(r->client) && r->subscription.confirmed >= r->subscription.n;
	char explanation[512];

	client_explain(r->client, explanation, sizeof(explanation));
	say("%s: %s", why, is_subscribed ? "no message came" : explanation);
	recv_finish(r, EX_TEMPFAIL);
}

static void
recv_silence_cb(void *arg, const char *why)
{
	struct recv *r = arg;
	char explanation[512];

	(void)why;
	client_explain(r->client, explanation, sizeof(explanation));
	if (!loop_is_ending(r->loop))
		say("%s; waiting", explanation);
}

static void
recv_signal_timed_out_cb(void *arg, const char *why)
{
	struct recv *r = arg;

	(void)why;
	loop_end(r->loop, r->status);
}

static void
recv_signal_cb(void *arg, int signo, bool again)
{
	struct recv *r = arg;

	if (again) {
		loop_end(r->loop, 128 + signo);
		return;
	}
	sink_stop(r->sink);
	if (sink_commands(r->sink).running > 0)
		say_notice("waiting for the running commands; another signal ends udsctl at once");
	deadline_run(&r->signal_deadline, true);
	recv_finish(r, 128 + signo);
	r->status = 128 + signo; /* also if it was finishing already */
	recv_end_when_idle(r);
}

static const struct client_ops recv_client_ops = {
	.up = recv_up,
	.input = recv_input,
	.down = recv_down,
};

static int
recv_setup(struct recv *r)
{
	const struct recv_options *o = r->o;
	struct client_options options = { .addr = o->common.addr };
	uint64_t limit;
	int status;

	r->loop = loop_new(recv_signal_cb, r);
	status = sink_new(r->loop, o, recv_sink_cb, r, &r->sink);
	if (status != 0)
		return status;
	subscription_init(&r->subscription, o);
	options.greeting = (struct slice){ r->subscription.commands.data, r->subscription.commands.len };
	r->client = client_new(r->loop, &options, &recv_client_ops, r);
	deadline_init(&r->deadline, r->loop, o->common.timeout, recv_timed_out_cb, r);
	deadline_init(&r->silence, r->loop, CLIENT_SILENCE, recv_silence_cb, r);
	limit = !o->exec ? SIGNAL_TIMEOUT : o->stop_timeout > 0 ? o->stop_timeout : STOP_TIMEOUT;
	deadline_init(&r->signal_deadline, r->loop, limit, recv_signal_timed_out_cb, r);
	return 0;
}

static void
recv_print_end(const struct recv *r)
{
	struct handler_counts n = sink_commands(r->sink);
	uint64_t messages = sink_messages(r->sink), reconnects = client_reconnects(r->client);
	char commands[64] = "";

	if (n.running > 0)
		say("recv: %" PRIu64 " command%s still running", n.running, human_s(n.running));
	if (n.unhandled > 1) /* they are the last ones */
		say("recv: %" PRIu64 " messages received but not handled: numbers %" PRIu64 " to %" PRIu64, n.unhandled,
		    messages - n.unhandled + 1, messages);
	else if (n.unhandled > 0)
		say("recv: 1 message received but not handled: number %" PRIu64, messages);
	if (!r->o->summary)
		return;
	if (r->o->exec)
		snprintf(commands, sizeof(commands), ", %" PRIu64 " command%s failed", n.failed, human_s(n.failed));
	say("recv: %" PRIu64 " message%s, %" PRIu64 " reconnect%s, %" PRIu64 " missed%s", messages, human_s(messages),
	    reconnects, human_s(reconnects), r->missed, commands);
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
	for (size_t i = 0; i < o->common.n_args; i++)
		if (strchr(o->common.args[i], '*'))
			say("recv: '%s' is taken as the name of one channel; patterns need -p", o->common.args[i]);
	status = recv_setup(&r);
	if (status == 0) {
		deadline_run(&r.deadline, true);
		client_start(r.client);
		status = loop_run(r.loop);
		recv_print_end(&r);
		if (status == EX_OK && sink_commands(r.sink).failed > 0)
			status = EX_SOFTWARE;
	}
	client_free(r.client);
	sink_free(r.sink);
	resp_reply_deinit(&r.reply);
	subscription_deinit(&r.subscription);
	deadline_deinit(&r.deadline);
	deadline_deinit(&r.signal_deadline);
	deadline_deinit(&r.silence);
	loop_free(r.loop);
	return status;
}

const struct verb verb_recv = {
	.name = "recv",
	.arguments = "[CHANNEL]...",
	.summary = "print the messages of channels, or run a command for each",
	.rows = rows,
	.args_max = SIZE_MAX,
	.n_channels = SIZE_MAX,
	.examples = "udsctl recv -p 'logs.*' --format '%I %c: %p'\n"
		    "udsctl recv --exec './work \"$UDSD_CHANNEL\"' --jobs 4 jobs\n",
	.options_size = sizeof(struct recv_options),
	.run = verb_recv_run,
};
