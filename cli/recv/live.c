/*
 * Subscribes after each connect and hands messages to the sink. Messages like the last one go there without parsing,
 * see sink.c; everything else goes through the parser of replies.
 */
#include "live.h"

#include <inttypes.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "message.h"
#include "receiver.h"
#include "recv-options.h"
#include "resp-reply.h"
#include "say.h"
#include "subscription.h"

struct live {
	struct receiver receiver;
	struct client *client;
	struct subscription subscription;
	struct resp_reply reply;
	uint64_t lost_at; /* loop_now(); 0 before the first loss */
};

static void
live_handle_error(struct live *l, const struct slice *text)
{
	if (l->subscription.asks_missed && l->subscription.confirmed == l->subscription.n && !answers_complaint(text)) {
		say_verbose("%s: dropped messages will not be reported: %.*s", client_name(l->client), (int)text->len,
		            (const char *)text->p);
		l->subscription.confirmed++;
	} else {
		receiver_refused(&l->receiver, *text);
	}
}

static void
live_confirmed(struct live *l)
{
	if (++l->subscription.confirmed != l->subscription.n)
		return;
	if (l->lost_at > 0)
		say("connection to %s lost; subscribed again after %" PRIu64
		    " ms, messages sent in between may be missing",
		    client_name(l->client), loop_now() - l->lost_at);
	else
		say_verbose("subscribed at %s", client_name(l->client));
}

/* Handles the parsed reply, which begins at `frame`. Returns false if it is none that a subscriber gets. */
static bool
live_handle_reply(struct live *l, const uint8_t *frame)
{
	const struct resp_node *node = l->reply.nodes;
	struct sink *sink = l->receiver.sink;
	uint64_t missed;
	struct slice channel;

	if (node->type == RESP_ERROR) {
		live_handle_error(l, &node->text);
		return true;
	}
	if (node->type != RESP_ARRAY || l->reply.count != node->elements + 1 || node->elements < 3)
		return false;
	if (node->elements == 3 && resp_node_is(&node[1], "message") && node[3].type == RESP_BULK) {
		if (subscription_parse_missed(&l->subscription, node[2].text, node[3].text, &missed, &channel)) {
			l->receiver.missed += missed;
			sink_report_missed(sink, missed, channel);
		} else {
			sink_take(sink, frame, &(struct message){ .channel = node[2].text, .payload = node[3].text });
		}
	} else if (node->elements == 4 && resp_node_is(&node[1], "pmessage") && node[4].type == RESP_BULK) {
		sink_take(
		    sink, frame,
		    &(struct message){ .channel = node[3].text, .pattern = node[2].text, .payload = node[4].text });
	} else if (resp_node_is(&node[1], "subscribe") || resp_node_is(&node[1], "psubscribe")) {
		live_confirmed(l);
	} else {
		return false;
	}
	return true;
}

/* Parses and handles one reply. Returns the bytes used, 0 if it is incomplete or foreign; *ret_need: as in conn_ops. */
static size_t
live_read_reply(struct live *l, const uint8_t *p, size_t len, size_t *ret_need)
{
	switch (resp_reply_parse(&l->reply, p, len, SINK_PAYLOAD_MAX)) {
	case RESP_REPLY_OK:
		if (live_handle_reply(l, p))
			return l->reply.used;
		break;
	case RESP_REPLY_MORE:
		*ret_need = l->reply.need;
		return 0;
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
	}
	say("%s: this is not a udsd bus; for a listener in the mode echo or line use 'udsctl pipe'",
	    client_name(l->client));
	receiver_finish(&l->receiver, EX_PROTOCOL);
	return 0;
}

static size_t
live_input_cb(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct live *l = arg;
	struct receiver *r = &l->receiver;
	size_t used = 0, need = 0, n;

	receiver_heard(r);
	sink_set_time(r->sink);
	do {
		used += sink_take_run(r->sink, bytes + used, len - used, receiver_left(r), &need);
		if (need > 0 || used == len || receiver_left(r) == 0)
			break;
		n = live_read_reply(l, bytes + used, len - used, &need);
		used += n;
	} while (n > 0 && !r->finishing && receiver_left(r) > 0);
	receiver_took(r);
	if (loop_is_ending(r->loop))
		return len;
	*ret_need = need;
	return used;
}

static void
live_up_cb(void *arg)
{
	struct live *l = arg;

	receiver_is_up(&l->receiver);
}

static void
live_down_cb(void *arg, uint64_t unread)
{
	struct live *l = arg;

	(void)unread;
	receiver_is_down(&l->receiver);
	if (l->subscription.confirmed >= l->subscription.n)
		l->lost_at = loop_now();
	l->subscription.confirmed = 0;
}

static void
live_pace(void *arg, bool is_full)
{
	struct live *l = arg;

	client_pause(l->client, is_full);
}

static bool
live_is_waiting(void *arg)
{
	struct live *l = arg;

	return client_is_up(l->client) && l->subscription.confirmed >= l->subscription.n;
}

static const struct client_ops live_client_ops = {
	.up = live_up_cb,
	.input = live_input_cb,
	.down = live_down_cb,
};

static const struct receiver_ops live_receiver_ops = {
	.pace = live_pace,
	.is_waiting = live_is_waiting,
};

int
live_run(const struct recv_options *o)
{
	struct live l = { 0 };
	struct client_options options = { .addr = o->common.addr };
	int status = receiver_init(&l.receiver, o, &live_receiver_ops, &l);

	if (status == 0) {
		subscription_init(&l.subscription, o);
		options.greeting = (struct slice){ l.subscription.commands.data, l.subscription.commands.len };
		l.client = l.receiver.client = client_new(l.receiver.loop, &options, &live_client_ops, &l);
		status = receiver_report(&l.receiver, receiver_run(&l.receiver));
	}
	client_free(l.client);
	receiver_deinit(&l.receiver);
	resp_reply_deinit(&l.reply);
	subscription_deinit(&l.subscription);
	return status;
}
