/*
 * udsctl recv: subscribes after each connect and prints what comes. Most messages of a run come on one
 * channel, so the frame's bytes before the length of its payload are the same as those of the last one;
 * they are remembered and compared in one piece. Everything else goes through the parser of replies.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "client.h"
#include "deadline.h"
#include "loop.h"
#include "memory.h"
#include "options.h"
#include "output.h"
#include "resp-encode.h"
#include "resp-reply.h"
#include "say.h"
#include "verb-run.h"

/* How long standard output may take the last bytes after a signal, in ms. */
#define SIGNAL_TIMEOUT ((uint64_t)5000)

#define BULK_MAX ((size_t)1024 * 1024 * 1024)

struct recv {
	const struct options *o;
	struct loop *loop;
	struct client *client;
	struct output *output;
	struct buf subscription;
	struct buf prefix; /* of the last message's frame: up to the "$" before its payload */
	struct resp_reply reply;
	struct deadline deadline, signal_deadline;
	size_t confirmed; /* of the subscriptions, on this connection */
	uint64_t lost_at; /* loop_now(); 0 before the first loss */
	uint64_t messages;
	uint8_t delimiter;
	bool finishing; /* only what waits for standard output is left to do */
	int status;     /* to end with then */
};

static size_t
n_subscriptions(const struct recv *r)
{
	return r->o->n_args + r->o->n_patterns;
}

static void
add_command(struct buf *b, const char *name, const char *const *args, size_t n)
{
	if (n == 0)
		return;
	memory_check(buf_printf(b, "*%zu\r\n$%zu\r\n%s\r\n", n + 1, strlen(name), name));
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(args[i]);

		memory_check(buf_reserve(b, len + RESP_HEADER_MAX + 2));
		b->len += resp_put_bulk((char *)b->data + b->len, args[i], len);
	}
}

/* Ends with the status once standard output has what is for it. */
static void
finish(struct recv *r, int status)
{
	if (r->finishing)
		return;
	r->finishing = true;
	r->status = status;
	client_stop(r->client);
	deadline_run(&r->deadline, false);
	output_flush(r->output);
	if (output_pending(r->output) == 0)
		loop_end(r->loop, status);
}

/*
 * Prints messages that have the remembered prefix, as many as the bytes begin with. *ret_need: how many
 * bytes the next of them must have, if it is one. Returns the bytes used.
 */
static size_t
print_run(struct recv *r, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	const uint8_t *prefix = r->prefix.data, *p = bytes, *end = bytes + len, *q;
	size_t prefix_len = r->prefix.len, size;
	uint64_t left = r->o->count > 0 ? r->o->count - r->messages : UINT64_MAX;
	uint8_t *out = output_reserve(r->output, len), *o = out;
	uint64_t n = 0;

	*ret_need = 0;
	while (n < left && (size_t)(end - p) > prefix_len && prefix_len > 0 && memcmp(p, prefix, prefix_len) == 0) {
		size = 0;
		for (q = p + prefix_len; q < end && (unsigned int)(*q - '0') < 10 && size < BULK_MAX; q++)
			size = size * 10 + (size_t)(*q - '0');
		if (end - q < 2 || q[0] != '\r' || q[1] != '\n' || size > BULK_MAX)
			break;
		q += 2;
		if ((size_t)(end - q) < size + 2) {
			*ret_need = (size_t)(q - p) + size + 2;
			break;
		}
		if (q[size] != '\r' || q[size + 1] != '\n')
			break;
		memcpy(o, q, size);
		o += size;
		*o++ = r->delimiter;
		p = q + size + 2;
		n++;
	}
	output_commit(r->output, (size_t)(o - out));
	r->messages += n;
	return (size_t)(p - bytes);
}

static void
print_message(struct recv *r, const uint8_t *frame, const struct slice *payload)
{
	const uint8_t *p = payload->p - 2; /* at the CR behind the payload's length */
	uint8_t *out = output_reserve(r->output, payload->len + 1);

	memcpy(out, payload->p, payload->len);
	out[payload->len] = r->delimiter;
	output_commit(r->output, payload->len + 1);
	r->messages++;
	while (*p != '$')
		p--;
	r->prefix.len = 0;
	memory_check(buf_append(&r->prefix, frame, (size_t)(p - frame) + 1));
}

static void
subscribed(struct recv *r)
{
	if (++r->confirmed != n_subscriptions(r))
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
	if (node->elements == 3 && resp_node_is(&node[1], "message") && node[3].type == RESP_BULK)
		print_message(r, frame, &node[3].text);
	else if (node->elements == 4 && resp_node_is(&node[1], "pmessage") && node[4].type == RESP_BULK)
		print_message(r, frame, &node[4].text);
	else if (resp_node_is(&node[1], "subscribe") || resp_node_is(&node[1], "psubscribe"))
		subscribed(r);
	else
		return false;
	return true;
}

/* Parses one reply that is no message of the run. Returns the bytes used, 0 when it is not complete. */
static size_t
read_reply(struct recv *r, const uint8_t *p, size_t len, size_t *ret_need)
{
	switch (resp_reply_parse(&r->reply, p, len, BULK_MAX)) {
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

static bool
is_counted_out(const struct recv *r)
{
	return r->o->count > 0 && r->messages >= r->o->count;
}

static size_t
input_bytes(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct recv *r = arg;
	size_t used = 0, need = 0, n;
	uint64_t before = r->messages;

	do {
		used += print_run(r, bytes + used, len - used, &need);
		if (need > 0 || used == len || is_counted_out(r))
			break;
		n = read_reply(r, bytes + used, len - used, &need);
		used += n;
	} while (n > 0 && !r->finishing && !is_counted_out(r));
	output_flush(r->output);
	if (loop_is_ending(r->loop))
		return len;
	if (is_counted_out(r))
		finish(r, EX_OK);
	if (r->messages > before)
		deadline_progress(&r->deadline);
	/* While standard output takes nothing, messages do not fail to come: they are not read. */
	client_pause(r->client, output_pending(r->output) > OUTPUT_HIGH);
	deadline_run(&r->deadline, !r->finishing && output_pending(r->output) <= OUTPUT_HIGH);
	*ret_need = need;
	return used;
}

static void
drained(void *arg)
{
	struct recv *r = arg;

	if (!r->finishing) {
		client_pause(r->client, false);
		deadline_run(&r->deadline, true);
	} else if (output_pending(r->output) == 0) {
		loop_end(r->loop, r->status);
	}
}

static void
up(void *arg)
{
	struct recv *r = arg;

	r->confirmed = 0;
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
	if (r->confirmed == n_subscriptions(r))
		r->lost_at = loop_now();
}

static void
timed_out_cb(void *arg)
{
	struct recv *r = arg;
	char limit[32], why[256];

	deadline_format(&r->deadline, limit, sizeof(limit));
	client_explain(r->client, why, sizeof(why));
	say("timed out after %s: %s", limit, client_is_up(r->client) ? "no message came" : why);
	finish(r, EX_TEMPFAIL);
}

static void
signal_timed_out_cb(void *arg)
{
	struct recv *r = arg;

	loop_end(r->loop, r->status);
}

static void
signal_cb(void *arg, int signo, bool again)
{
	struct recv *r = arg;

	if (again) {
		loop_end(r->loop, 128 + signo);
		return;
	}
	deadline_run(&r->signal_deadline, true);
	finish(r, 128 + signo);
}

static const struct client_ops client_ops = {
	.up = up,
	.input = input_bytes,
	.writable = writable,
	.down = down,
};

static void
setup(struct recv *r)
{
	const struct options *o = r->o;
	struct client_options options = { .addr = o->addr };

	add_command(&r->subscription, "SUBSCRIBE", (const char *const *)o->args, o->n_args);
	add_command(&r->subscription, "PSUBSCRIBE", o->patterns, o->n_patterns);
	options.greeting = (struct slice){ r->subscription.data, r->subscription.len };
	r->delimiter = o->null ? '\0' : '\n';
	r->loop = loop_new(signal_cb, r);
	r->client = client_new(r->loop, &options, &client_ops, r);
	r->output = output_new(r->loop, STDOUT_FILENO, drained, r);
	deadline_init(&r->deadline, r->loop, o->timeout, timed_out_cb, r);
	deadline_init(&r->signal_deadline, r->loop, SIGNAL_TIMEOUT, signal_timed_out_cb, r);
}

static void
print_summary(const struct recv *r)
{
	uint64_t reconnects = client_reconnects(r->client);

	say("recv: %llu messages, %llu reconnect%s", (unsigned long long)r->messages, (unsigned long long)reconnects,
	    reconnects == 1 ? "" : "s");
}

int
verb_recv(const struct options *o)
{
	struct recv r = { .o = o };
	int status;

	if (n_subscriptions(&r) == 0) {
		say("recv: no channel and no pattern; try 'udsctl recv --help'");
		return EX_USAGE;
	}
	setup(&r);
	deadline_run(&r.deadline, true);
	client_start(r.client);
	status = loop_run(r.loop);
	if (o->summary)
		print_summary(&r);
	client_free(r.client);
	output_free(r.output);
	resp_reply_deinit(&r.reply);
	buf_deinit(&r.subscription);
	buf_deinit(&r.prefix);
	deadline_deinit(&r.deadline);
	deadline_deinit(&r.signal_deadline);
	loop_free(r.loop);
	return status;
}
