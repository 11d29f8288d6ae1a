/*
 * The messages of a run are written one behind the other in one form: that of the first way that leads to a receiver,
 * in one of RESP's encodings. When the run ends, its receivers of that form get the bytes as one span, without a copy;
 * for each other form the messages are copied once. So the costs of a receiver arise once for each run, not for each
 * message.
 *
 * While a run is open,
 * - its messages are in no queue yet. So whatever else is queued for one of its receivers has to close it first, or it
 *   would overtake them: that is how everybody sees messages and replies in the order of the commands;
 * - its channel is pinned, and no subscription, encoding, rule or limit changes, since the replies that count the
 *   receivers are already queued. Whoever changes one of these closes the run first (bus.c);
 * - its barrier has references but no pending span. The replies to its publishers refer to the barrier, and nothing is
 *   written before the end of the pass, which closes the run: so no reply passes a barrier that is not counted up yet.
 *
 * The publisher itself gets its spans without the barrier, and so do receivers of its process if it asked for that: a
 * program with a single thread may wait for its reply before it reads its messages. A large message is no run, as
 * copying it would cost too much: a receiver gets it as two spans, a head in its form and the shared payload.
 */
#include "run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "output.h"
#include "log.h"
#include "missed.h"
#include "resp-encode.h"

/* What the heads of a run may take in all ways together, in bytes: bounds what copies take. */
#define HEADS_MAX ((uint32_t)128 * 1024)

/* A run is closed from this length on, in bytes, while some user is over their quota: it counts what queues take. */
#define RUN_OVER_MAX 4096

/* Messages, or a part of a large one, in one form: for one way and one encoding. */
struct piece {
	struct chunk *chunk;
	size_t offset, len;
};

static struct slice
run_head_of(const struct channel *channel, uint32_t way)
{
	if (way == 0)
		return (struct slice){ (const uint8_t *)channel->head, channel->head_len };
	return (struct slice){ (const uint8_t *)channel->matches[way - 1].head, channel->matches[way - 1].head_len };
}

/* Chooses the form in which messages are written at once, and how many may be. */
static void
run_choose_form(struct run *run, const struct channel *channel)
{
	uint32_t way = 0;

	while (channel_way(channel, way)->n == 0)
		way++;
	run->way = way;
	run->large_from = channel->large_from;
	run->encoding = channel_way(channel, way)->n_of[ENCODING_RESP2] > 0 ? ENCODING_RESP2 : ENCODING_RESP3;
	run->head = run_head_of(channel, way);
	/* A client that gets each message in two ways gets both copies before the next message. */
	run->max_messages = channel->overlap ? 1 : HEADS_MAX / channel->heads_len + 1;
}

void
run_init(struct run *run, struct flow *flow, struct channels *channels, struct missed_table *missed)
{
	*run = (struct run){ .flow = flow, .channels = channels, .missed = missed };
	run->stream.pool = run->copies.pool = &flow->chunks;
}

void
run_deinit(struct run *run)
{
	stream_deinit(&run->stream);
	stream_deinit(&run->copies);
}

static void
run_end(struct run *run)
{
	barrier_unref(run->barrier);
	run->barrier = NULL;
	run->channel = NULL;
	run->channels->pinned = NULL;
	run->messages = 0;
}

int
run_open(struct run *run, struct client *publisher, struct channel *channel, size_t payload_len)
{
	struct client *own = run_own(publisher);
	struct chunk *chunk;

	/* The usual case: one more message for the same receivers, and none that the publisher may receive itself. */
	if (run->channel == channel && run->own == own && !client_is_subscribed(publisher) &&
	    run_has_room(run, payload_len))
		return 0;
	run_close(run);
	run_choose_form(run, channel);
	if (payload_len < channel->large_from &&
	    stream_reserve(&run->stream, run->head.len + payload_len + RESP_HEADER_MAX + 2) < 0)
		return -ENOMEM;
	run->barrier = barrier_new(&run->flow->barriers);
	if (!run->barrier)
		return -ENOMEM;
	chunk = run->stream.chunk;
	run->start = chunk ? chunk->len : 0;
	run->own = own;
	run->channel = channel;
	run->channels->pinned = channel;
	return 0;
}

/* Queues a piece for one receiver, behind the report of what it has missed. */
static void
run_deliver_to(struct run *run, struct client *c, const struct piece *piece, struct barrier *barrier, uint32_t messages)
{
	if (c->has_missed && c != run->flow->executing)
		missed_report(run->missed, c);
	output_deliver(run->flow, c, piece->chunk, piece->offset, piece->len, barrier, messages);
}

/*
 * Queues a piece for the receivers in `set` that have its encoding. head: the part of a large message before it, or
 * NULL; a receiver that gets the head gets the rest, even if it becomes clogged in between. messages: how many end in
 * the piece.
 */
static void
run_deliver(struct run *run, const struct recvset *set, enum encoding encoding, const struct piece *head,
            const struct piece *piece, uint32_t messages)
{
	struct flow *flow = run->flow;
	struct client *const *array = recvset_array(set);
	int slow = run->channel->rule->slow;
	struct barrier *barrier = slow == SLOW_WAIT ? run->barrier : NULL;
	uint64_t queued = 0, dropped = 0;

	flow->work.done += set->n * (uint64_t)WORK_VISIT;
	for (uint32_t i = 0; i < set->n; i++) {
		struct client *c = array[i];

		if (c->encoding != encoding || !channel_admits(run->channel, c))
			continue;
		if (!client_is_live(c)) {
			flow->stats.undelivered += messages;
			continue;
		}
		if (slow == SLOW_DROP && output_drops(c, head != NULL)) {
			missed_add(run->missed, c, channel_name(run->channel), messages);
			dropped += messages;
			continue;
		}
		if (head)
			run_deliver_to(run, c, head, NULL, 0);
		run_deliver_to(run, c, piece, run->own && client_is_own(run->own, c) ? NULL : barrier, messages);
		c->delivered += messages;
		queued += messages;
		if (c->clogged && slow == SLOW_DISCONNECT)
			output_disconnect_slow(flow, c);
	}
	flow->stats.deliveries += queued;
	run->channel->deliveries += queued;
	flow->stats.dropped += dropped;
	run->channel->dropped += dropped;
}

/* There is no memory for the form that these receivers need: closes them, since they would miss messages unawares. */
static void
run_kill_receivers(struct run *run, const struct recvset *set, enum encoding encoding)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		struct client *c = recvset_array(set)[i];

		if (c->encoding != encoding || !channel_admits(run->channel, c))
			continue;
		flow_mark_dead(run->flow, c);
		n++;
	}
	log_error("out of memory: %u receivers closed, since they would have missed messages", n);
}

/* The payload in a bulk string. */
static struct slice
run_tail_payload(const uint8_t *tail)
{
	size_t len = 0, i = 1;

	for (; tail[i] != '\r'; i++)
		len = len * 10 + (size_t)(tail[i] - '0');
	return (struct slice){ tail + i + 2, len };
}

/* Copies the messages of the run in another form. Returns 0 or -ENOMEM. */
static int
run_copy(struct run *run, const struct piece *from, uint32_t way, enum encoding encoding, struct piece *ret_piece)
{
	struct slice head = run_head_of(run->channel, way);
	size_t old_head = run->head.len;
	size_t room = from->len - run->messages * old_head + run->messages * head.len;
	const uint8_t *p = from->chunk->data + from->offset;
	uint8_t *out;

	run->flow->work.done += WORK_QUEUE + WORK_BYTES(room) + run->messages * WORK_VISIT;
	if (stream_reserve(&run->copies, room) < 0)
		return -ENOMEM;
	*ret_piece = (struct piece){ run->copies.chunk, run->copies.chunk->len, 0 };
	out = stream_end(&run->copies);
	for (uint32_t i = 0; i < run->messages; i++) {
		const uint8_t *tail = p + old_head;
		struct slice payload = run_tail_payload(tail);

		p = payload.p + payload.len + 2;
		if (encoding > ENCODING_RESP3) {
			out += encoding_put(encoding, out, payload);
		} else {
			out = run_put_head(out, head, encoding);
			memcpy(out, tail, (size_t)(p - tail));
			out += p - tail;
		}
	}
	ret_piece->len = (size_t)(out - stream_end(&run->copies));
	run->copies.chunk->len += (uint32_t)ret_piece->len;
	return 0;
}

/* Makes the two pieces of a large message in one form, one of which is shared. Returns 0 or -ENOMEM. */
static int
run_frame_large(struct run *run, struct chunk *tail, uint32_t way, enum encoding encoding, struct piece ret_pieces[2])
{
	struct slice head = run_head_of(run->channel, way), payload = run_tail_payload(tail->data);
	struct piece whole = { tail, 0, tail->len };
	struct piece bare = { tail, (size_t)(payload.p - tail->data), payload.len };
	struct piece own;
	uint8_t *out;

	run->flow->work.done += WORK_QUEUE;
	if (stream_reserve(&run->copies, head.len + ENCODING_LENGTH_SIZE) < 0)
		return -ENOMEM;
	out = stream_end(&run->copies);
	own = (struct piece){ run->copies.chunk, run->copies.chunk->len, 0 };
	switch (encoding) {
	case ENCODING_RESP2:
	case ENCODING_RESP3:
		run_put_head(out, head, encoding);
		own.len = head.len;
		break;
	case ENCODING_LENGTH:
		encoding_put_length(out, payload.len);
		own.len = ENCODING_LENGTH_SIZE;
		break;
	case ENCODING_LINE:
		*out = '\n';
		own.len = 1;
		break;
	}
	run->copies.chunk->len += (uint32_t)own.len;
	ret_pieces[0] = encoding == ENCODING_LINE ? bare : own;
	ret_pieces[1] = encoding == ENCODING_LINE ? own : encoding == ENCODING_LENGTH ? bare : whole;
	return 0;
}

/* Queues the run for its receivers; or, if tail is not NULL, the large message in that. */
static void
run_deliver_all(struct run *run, struct chunk *tail)
{
	struct piece written = { 0 };

	if (!tail)
		written = (struct piece){ run->stream.chunk, run->start, run->stream.chunk->len - run->start };
	for (uint32_t way = 0; way <= run->channel->n_matches; way++) {
		const struct recvset *set = channel_way(run->channel, way);

		for (uint32_t left = set->n, e = 0; left > 0; left -= set->n_of[e++]) {
			struct piece pieces[2]; /* of a run the second one only */
			int r = 0;

			if (set->n_of[e] == 0)
				continue;
			if (tail)
				r = run_frame_large(run, tail, way, e, pieces);
			else if (way == run->way && e == run->encoding)
				pieces[1] = written;
			else
				r = run_copy(run, &written, way, e, &pieces[1]);
			if (r == 0)
				run_deliver(run, set, e, tail ? &pieces[0] : NULL, &pieces[1],
				            tail ? 1 : run->messages);
			else
				run_kill_receivers(run, set, e);
		}
	}
}

void
run_close(struct run *run)
{
	if (!run->channel)
		return;
	if (run->messages > 0) {
		run->channel->messages += run->messages;
		run_deliver_all(run, NULL);
	}
	run_end(run);
}

static int
run_append_large(struct run *run, struct slice payload, struct chunk *tail)
{
	if (tail) {
		chunk_ref(tail);
	} else {
		tail = payload.len < RUN_LARGE ? chunk_new_exact(&run->flow->chunks, resp_bulk_size(payload.len))
		                               : chunk_new(&run->flow->chunks, resp_bulk_size(payload.len));
		if (!tail) {
			run_end(run);
			return -ENOMEM;
		}
		tail->len = (uint32_t)resp_put_bulk((char *)tail->data, payload.p, payload.len);
	}
	run->channel->messages++;
	run_deliver_all(run, tail);
	chunk_unref(tail);
	run_end(run);
	return 0;
}

int
run_append(struct run *run, struct slice payload, struct chunk *tail)
{
	assert(run->channel);
	if (payload.len >= run->large_from) {
		if (run_append_large(run, payload, tail) < 0)
			return -ENOMEM;
	} else if (run_put(run, payload) ||
	           (run->flow->users.n_over > 0 && run->stream.chunk->len - run->start > RUN_OVER_MAX)) {
		run_close(run);
	}
	run->flow->stats.messages++;
	return 0;
}
