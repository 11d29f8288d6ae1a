/*
 * What the daemon sends on a connection: "+OK" for each command of the greeting, then the answers to messages; or an
 * error in place of one of those; or at any time an error that is about the connection, which ends then. Only the last
 * leaves the messages in the queue (answers_complaint()), and that the store has no room now: then the connection is
 * dropped, so that messages behind the one that was refused are sent again behind it. Those that were stored meanwhile
 * are not stored again.
 *
 * A listener in the mode line, length or whole cannot be told from a bus before something is sent to it, and publishes
 * that: so the first message goes alone, and is all that such a listener ever gets.
 */
#include "delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "advice.h"
#include "answers.h"
#include "human.h"
#include "loop.h"
#include "memory.h"
#include "resp-encode.h"
#include "say.h"

/* Adds a command that is answered "+OK". */
static void
delivery_add_greeting(struct delivery *d, const struct slice *words, size_t n)
{
	memory_check(buf_reserve(&d->greeting, resp_command_size(words, n)));
	d->greeting.len += resp_put_command((char *)d->greeting.data + d->greeting.len, words, n);
	d->greetings++;
}

/* ms 0: until further notice. */
static void
delivery_add_wait(struct delivery *d, uint64_t receivers, uint64_t ms)
{
	char number[32], timeout[32];
	struct slice words[] = { { (const uint8_t *)"UDSD", 4 },
		                 { (const uint8_t *)"WAITRECEIVER", 12 },
		                 { (const uint8_t *)number, 0 },
		                 { (const uint8_t *)"TIMEOUT", 7 },
		                 { (const uint8_t *)timeout, 0 } };
	size_t n = ms > 0 ? 5 : 3;

	words[2].len = (size_t)snprintf(number, sizeof(number), "%" PRIu64, receivers);
	words[4].len = (size_t)snprintf(timeout, sizeof(timeout), "%" PRIu64, ms);
	if (ms == 0 && receivers == 1)
		words[2] = (struct slice){ (const uint8_t *)"ON", 2 }; /* which all versions know */
	delivery_add_greeting(d, words, n);
}

static void
delivery_add_remember(struct delivery *d)
{
	char seconds[32], count[32];
	struct slice words[] = { { (const uint8_t *)"UDSD", 4 },
		                 { (const uint8_t *)"IDMP", 4 },
		                 slice_of(d->options.remember),
		                 { (const uint8_t *)seconds, 0 },
		                 { (const uint8_t *)count, 0 } };

	words[3].len = (size_t)snprintf(seconds, sizeof(seconds), "%d", WAY_REMEMBER_S);
	words[4].len = (size_t)snprintf(count, sizeof(count), "%d", WAY_IDENTIFIERS);
	delivery_add_greeting(d, words, 5);
}

static void
delivery_up(void *arg)
{
	struct delivery *d = arg;
	uint64_t receivers = d->receivers < PROTOCOL_WAIT_RECEIVERS_MAX ? d->receivers : PROTOCOL_WAIT_RECEIVERS_MAX;

	d->greeting.len = d->greetings = 0;
	d->dropped += d->has_dropped;
	d->has_dropped = false;
	d->rejoin = d->no_rejoin || receivers <= d->options.wait_receivers ? 0 : d->ops->rejoin(d->arg);
	d->rejoined_at = loop_now() + d->rejoin;
	d->expected = d->rejoin > 0 ? receivers : 0;
	if (d->options.wait_receivers > 0)
		delivery_add_wait(d, d->options.wait_receivers, 0);
	if (d->rejoin > 0)
		delivery_add_wait(d, receivers, d->rejoin);
	if (d->options.remember)
		delivery_add_remember(d);
	client_greet(d->client, (struct slice){ d->greeting.data, d->greeting.len });
	d->written_from = d->answered + d->refused;
}

static void
delivery_take_answers(struct delivery *d, const struct answers *a)
{
	d->answered += a->integers;
	d->unreached += a->zeros;
	if (a->first < d->expected)
		say("%" PRIu64 " of %" PRIu64 " receiver%s came back to %s within %" PRIu64
		    " ms; what is sent now is missed by the rest",
		    a->first, d->expected, human_s(d->expected), client_name(d->client), d->rejoin);
	d->expected = 0;
	d->receivers = a->last;
	d->ops->answered(d->arg, a->integers);
}

static void
delivery_take_ids(struct delivery *d, const struct answers *a)
{
	d->answered += a->ids;
	*d->refusal = '\0';
	d->ops->stored(d->arg, a->id_bytes);
	d->ops->answered(d->arg, a->ids);
}

/* All that is not answered is sent again, in order, when the connection has come back: one message, until it works. */
static void
delivery_retry(struct delivery *d, const struct slice *text)
{
	char refusal[sizeof(d->refusal)];

	snprintf(refusal, sizeof(refusal), "%.*s", (int)text->len, (const char *)text->p);
	if (strcmp(refusal, d->refusal) != 0)
		say("%s: %s%s; trying again", client_name(d->client), refusal, advice_for_error(text));
	memcpy(d->refusal, refusal, sizeof(refusal));
	d->has_dropped = true;
	client_drop(d->client, ENOSPC);
}

/* No message will be taken. */
static void
delivery_end_refused(struct delivery *d, const struct slice *text)
{
	if (d->greetings == 0 || d->options.remember)
		say("%s: %.*s%s", client_name(d->client), (int)text->len, (const char *)text->p,
		    advice_for_error(text));
	else
		say("%s does not know --wait-receiver: %.*s", client_name(d->client), (int)text->len,
		    (const char *)text->p);
	loop_end(d->loop, answers_error_status(text));
}

/* Returns whether the connection stays. */
static bool
delivery_take_error(struct delivery *d, const struct slice *text)
{
	bool is_publish = d->queue.frames > 0 && frame_is_publish(sendq_first(&d->queue)), is_sent = true;
	int complaint = answers_complaint(text);

	if (complaint || (d->queue.frames == 0 && d->greetings == 0)) {
		say_verbose("%s: %.*s", client_name(d->client), (int)text->len, (const char *)text->p);
		client_drop(d->client, complaint ? complaint : EPROTO);
		return false;
	} else if (d->greetings == 1 && d->rejoin > 0) {
		d->greetings = 0;
		d->expected = 0;
		d->no_rejoin = true;
	} else if (!is_publish && answers_error_is_temporary(text)) {
		delivery_retry(d, text);
		return false;
	} else if (d->greetings > 0 || (!is_publish && answers_error_status(text) == EX_UNAVAILABLE)) {
		delivery_end_refused(d, text);
	} else {
		d->ops->refused(d->arg, text, frame_message_size(sendq_first(&d->queue)));
		d->refused++;
		is_sent = sendq_first_is_sent(&d->queue);
		sendq_drop_first(&d->queue);
		/* The daemon refused the message before it had read all of it: it will read nothing more here. */
		if (!is_sent)
			client_drop(d->client, EPROTO);
	}
	return is_sent;
}

static size_t
delivery_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct delivery *d = arg;
	struct answers a;
	bool goes_on = true;
	size_t used = 0;

	(void)ret_need;
	do {
		answers_read(p + used, len - used, &a);
		used += a.used;
		if (a.integers > 0 && (d->greetings > 0 || !sendq_answered(&d->queue, a.integers)))
			a.next = ANSWERS_FOREIGN;
		else if (a.integers > 0)
			delivery_take_answers(d, &a);
		if (a.ids > 0 && (d->greetings > 0 || !sendq_answered(&d->queue, a.ids)))
			a.next = ANSWERS_FOREIGN;
		else if (a.ids > 0)
			delivery_take_ids(d, &a);
		if (a.next == ANSWERS_ERROR)
			goes_on = delivery_take_error(d, &a.text);
		else if (a.next == ANSWERS_OK && d->greetings > 0)
			d->greetings--;
		else if (a.next != ANSWERS_MORE && a.next != ANSWERS_AGAIN)
			client_end_foreign(d->client);
		d->is_bus = d->is_bus || a.next != ANSWERS_MORE || a.integers > 0 || a.ids > 0;
	} while (a.next != ANSWERS_MORE && goes_on && !loop_is_ending(d->loop));
	if (!loop_is_ending(d->loop))
		d->ops->moved(d->arg);
	return used;
}

/* Adds the messages written since the last call on this connection to the sums. */
static void
delivery_count_written(struct delivery *d)
{
	uint64_t done = d->answered + d->refused + sendq_sent_frames(&d->queue);

	d->written += done - d->written_from;
	if (d->written_distinct < done)
		d->written_distinct = done;
	d->written_from = done;
}

static void
delivery_down(void *arg, uint64_t unread)
{
	struct delivery *d = arg;

	(void)unread; /* only an answer counts */
	delivery_count_written(d);
	sendq_rewind(&d->queue);
	d->ops->moved(d->arg);
}

static void
delivery_writable(void *arg)
{
	struct delivery *d = arg;

	d->ops->moved(d->arg);
}

static const struct client_ops delivery_client_ops = {
	.up = delivery_up,
	.input = delivery_input,
	.writable = delivery_writable,
	.down = delivery_down,
};

void
delivery_init(struct delivery *d, struct loop *loop, const struct delivery_options *options,
              const struct delivery_ops *ops, void *arg)
{
	const struct client_options client_options = { .addr = options->addr };

	*d = (struct delivery){ .loop = loop, .ops = ops, .arg = arg, .options = *options };
	d->client = client_new(loop, &client_options, &delivery_client_ops, d);
	sendq_init(&d->queue);
}

void
delivery_deinit(struct delivery *d)
{
	client_free(d->client);
	sendq_deinit(&d->queue);
	frame_deinit(&d->frame);
	buf_deinit(&d->greeting);
}

void
delivery_push(struct delivery *d, const struct item *item)
{
	frame_push(&d->frame, &d->queue, item);
}

/* Writes what is left of the first message, once the greeting is answered. */
static void
delivery_write_first(struct delivery *d)
{
	struct sendq *q = &d->queue;
	size_t len = q->frames > 0 && d->greetings == 0 ? sendq_first(q).len : 0;
	struct iovec iov;

	if (q->sent_bytes >= len || sendq_peek(q, &iov, 1) == 0)
		return;
	if (iov.iov_len > len - q->sent_bytes)
		iov.iov_len = len - q->sent_bytes;
	sendq_sent(q, client_writev(d->client, &iov, 1));
}

void
delivery_write(struct delivery *d)
{
	/* Nobody misses anything by what is sent only now. */
	if (d->expected > 0 && d->queue.sent_bytes == 0 && loop_now() >= d->rejoined_at)
		d->expected = 0;
	if (d->is_bus && !*d->refusal)
		client_write_queue(d->client, &d->queue);
	else
		delivery_write_first(d);
}

uint64_t
delivery_reconnects(const struct delivery *d)
{
	return client_reconnects(d->client) - d->dropped;
}

uint64_t
delivery_repeated(struct delivery *d)
{
	delivery_count_written(d);
	return d->written - d->written_distinct;
}

void
delivery_explain(const struct delivery *d, const char *channel, char *text, size_t size)
{
	uint16_t receivers = d->options.wait_receivers;

	if (*d->refusal)
		snprintf(text, size, "%s", d->refusal);
	else if (receivers == 0 || !client_is_up(d->client) || d->greetings > 0)
		client_explain(d->client, text, size);
	else if (receivers == 1)
		snprintf(text, size, "nobody receives '%s', or a receiver takes nothing", channel);
	else
		snprintf(text, size, "fewer than %u receive '%s', or a receiver takes nothing", receivers, channel);
}
