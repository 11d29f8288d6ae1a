/*
 * The messages of a batch are written one behind the other in one form: that of the first way that leads to a receiver,
 * in one of RESP's encodings. When the batch ends, its receivers of that form get the bytes as one span, without a
 * copy; for each other form the messages are copied once. So the costs of a receiver arise once for each batch, not for
 * each message.
 *
 * While a batch is open,
 * - its messages are in no queue yet. So whatever else is queued for one of its receivers has to close it first, or it
 *   would overtake them: that is how everybody sees messages and replies in the order of the commands;
 * - its channel is pinned, and no subscription, encoding, rule or limit changes, since the replies that count the
 *   receivers are already queued. Whoever changes one of these closes the batch first (bus.c);
 * - its barrier has references but no pending span. The replies to its publishers refer to the barrier, and nothing is
 *   written before the end of the pass, which closes the batch: so no reply passes a barrier that is not counted up
 *   yet. While it is delivered, the delivery counts as one more span.
 *
 * The publisher itself gets its spans without the barrier, and so do receivers of its process if it asked for that: a
 * program with a single thread may wait for its reply before it reads its messages. A large message is no batch, as
 * copying it would cost too much: a receiver gets it as two spans, a head in its form and the shared payload.
 */
#include "batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "human.h"
#include "log.h"
#include "missed.h"
#include "output.h"
#include "resp-encode.h"
#include "routing.h"
#include "slow-policy.h"
#include "withhold.h"

/* A batch is closed from this length on, in bytes, while some user is over their quota: it counts what queues take. */
#define BATCH_OVER_MAX 4096

/* So many receivers are visited before the work is looked at. */
#define BATCH_PORTION 32

static struct slice
batch_head_of(const struct channel *channel, uint32_t way)
{
	if (way == 0)
		return (struct slice){ (const uint8_t *)channel->head, channel->head_len };
	return (struct slice){ (const uint8_t *)channel->matches[way - 1].head, channel->matches[way - 1].head_len };
}

/* Chooses the form in which messages are written at once, and how many may be. */
static void
batch_choose_form(struct batch *batch, const struct channel *channel)
{
	uint32_t way = 0;

	while (channel_way(channel, way)->n == 0)
		way++;
	batch->way = way;
	batch->large_from = channel->large_from;
	batch->encoding = channel_way(channel, way)->n_of[ENCODING_RESP2] > 0 ? ENCODING_RESP2 : ENCODING_RESP3;
	batch->head = batch_head_of(channel, way);
	/* A client that gets each message in two ways gets both copies before the next message. */
	batch->max_messages = channel->overlap ? 1 : BATCH_HEADS_MAX / channel->heads_len + 1;
}

void
batch_init(struct batch *batch, struct flow *flow, struct routing *routing, struct missed_table *missed,
           struct replays *replays)
{
	*batch = (struct batch){ .flow = flow, .routing = routing, .missed = missed, .replays = replays };
	batch->writer.pool = batch->copies.pool = &flow->chunks;
}

void
batch_deinit(struct batch *batch)
{
	writer_deinit(&batch->writer);
	writer_deinit(&batch->copies);
}

static void
batch_end(struct batch *batch)
{
	barrier_unref(batch->barrier);
	batch->barrier = NULL;
	batch->channel = NULL;
	batch->routing->pinned = NULL;
	batch->messages = 0;
	if (batch->is_wide)
		flow_end_wide(batch->flow);
	batch->is_wide = false;
}

int
batch_open(struct batch *batch, struct client *publisher, struct channel *channel, size_t payload_len)
{
	struct client *own = batch_own(publisher);
	struct chunk *chunk;

	/* The usual case: one more message for the same receivers, and none that the publisher may receive itself. */
	if (batch->channel == channel && batch->own == own && !client_is_subscribed(publisher) &&
	    batch_has_room(batch, payload_len))
		return 0;
	batch_close(batch);
	batch_choose_form(batch, channel);
	if (payload_len < channel->large_from &&
	    writer_reserve(&batch->writer, batch->head.len + payload_len + RESP_HEADER_MAX + 2) < 0)
		return -ENOMEM;
	batch->barrier = barrier_new(&batch->flow->barriers);
	if (!batch->barrier)
		return -ENOMEM;
	chunk = batch->writer.chunk;
	batch->start = chunk ? chunk->len : 0;
	batch->own = own;
	batch->payer = publisher->user;
	batch->is_wide = channel->is_wide;
	if (channel->is_wide)
		flow_begin_wide(batch->flow);
	batch->channel = channel;
	batch->routing->pinned = channel;
	return 0;
}

/* Queues a piece for one receiver, behind the report of what it has missed. */
static void
batch_deliver_to(struct batch *batch, struct client *c, const struct piece *piece, struct barrier *barrier,
                 uint32_t messages)
{
	if (c->has_missed && c != batch->flow->executing)
		missed_report(batch->missed, c);
	if (messages > 0)
		output_deliver(batch->flow, c, piece->chunk, piece->offset, piece->len, barrier, messages);
	else
		output_deliver_part(batch->flow, c, piece->chunk, piece->offset, piece->len);
}

/*
 * Queues the pieces for the next few receivers in `set` that have the encoding that is delivered. One that gets the
 * head of a large message gets the rest, even if it becomes clogged in between.
 */
static void
batch_deliver(struct batch *batch, const struct recvset *set)
{
	struct delivery *delivery = &batch->delivery;
	struct channel *channel = delivery->channel;
	const struct piece *head = delivery->tail ? &delivery->pieces[0] : NULL, *piece = &delivery->pieces[1];
	struct flow *flow = batch->flow;
	int slow = channel->slow;
	struct barrier *barrier = slow == SLOW_WAIT ? batch->barrier : NULL;
	uint32_t messages = delivery->messages, i = delivery->i,
		 stop = set->n - i > BATCH_PORTION ? i + BATCH_PORTION : set->n;
	bool withholds = slow != SLOW_WAIT || channel->n_replays > 0;
	struct withheld withheld = {
		batch->missed, batch->replays,       channel, delivery->way, delivery->messages,
		head != NULL,  batch->stored_before,
	};
	uint64_t queued = 0;

	flow->work.done += (stop - i) * (uint64_t)WORK_VISIT;
	for (; i < stop; i++) {
		struct client *c = recvset_array(set)[i];

		if (c->encoding != delivery->encoding || !channel_admits(channel, c))
			continue;
		if (!client_is_live(c)) {
			flow->stats.undelivered += messages;
			continue;
		}
		if (withholds && withhold_messages(&withheld, c))
			continue;
		if (head)
			batch_deliver_to(batch, c, head, NULL, 0);
		batch_deliver_to(batch, c, piece, batch->own && client_is_own(batch->own, c) ? NULL : barrier,
		                 messages);
		c->delivered += messages;
		queued += messages;
		if (slow_policy_disconnects(slow, c))
			output_disconnect_slow(flow, c);
	}
	flow->stats.deliveries += queued;
	channel->deliveries += queued;
	delivery->i = stop;
}

/* There is no memory for the form that these receivers need: closes them, since they would miss messages unawares. */
static void
batch_kill_receivers(struct batch *batch, const struct recvset *set, enum encoding encoding)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		struct client *c = recvset_array(set)[i];

		if (c->encoding != encoding || !channel_admits(batch->delivery.channel, c))
			continue;
		flow_mark_dead(batch->flow, c);
		n++;
	}
	log_error("out of memory: %u receiver%s closed that would have missed messages", n, human_s(n));
}

/* The payload in a bulk string. */
static struct slice
batch_tail_payload(const uint8_t *tail)
{
	size_t len = 0, i = 1;

	for (; tail[i] != '\r'; i++)
		len = len * 10 + (size_t)(tail[i] - '0');
	return (struct slice){ tail + i + 2, len };
}

/* Copies the messages of the batch in another form. Returns 0 or -ENOMEM. */
static int
batch_copy(struct batch *batch, uint32_t way, enum encoding encoding, struct piece *ret_piece)
{
	const struct piece *from = &batch->delivery.written;
	struct slice head = batch_head_of(batch->delivery.channel, way);
	uint32_t messages = batch->delivery.messages;
	size_t old_head = batch->head.len;
	size_t room = from->len - messages * old_head + messages * head.len;
	const uint8_t *p = from->chunk->data + from->offset;
	uint8_t *out;

	batch->flow->work.done += WORK_QUEUE + WORK_FRESH * WORK_BYTES(room) + messages * WORK_VISIT;
	if (writer_reserve(&batch->copies, room) < 0)
		return -ENOMEM;
	*ret_piece = (struct piece){ batch->copies.chunk, batch->copies.chunk->len, 0 };
	out = writer_end(&batch->copies);
	for (uint32_t i = 0; i < messages; i++) {
		const uint8_t *tail = p + old_head;
		struct slice payload = batch_tail_payload(tail);

		p = payload.p + payload.len + 2;
		if (encoding > ENCODING_RESP3) {
			out += encoding_put(encoding, out, payload);
		} else {
			out = batch_put_head(out, head, encoding);
			memcpy(out, tail, (size_t)(p - tail));
			out += p - tail;
		}
	}
	ret_piece->len = (size_t)(out - writer_end(&batch->copies));
	batch->copies.chunk->len += (uint32_t)ret_piece->len;
	return 0;
}

/* Makes the two pieces of a large message in one form, one of which is shared. Returns 0 or -ENOMEM. */
static int
batch_frame_large(struct batch *batch, struct chunk *tail, uint32_t way, enum encoding encoding,
                  struct piece ret_pieces[2])
{
	struct slice head = batch_head_of(batch->delivery.channel, way), payload = batch_tail_payload(tail->data);
	struct piece whole = { tail, 0, tail->len };
	struct piece bare = { tail, (size_t)(payload.p - tail->data), payload.len };
	struct piece own;
	uint8_t *out;

	batch->flow->work.done += WORK_QUEUE;
	if (writer_reserve(&batch->copies, head.len + ENCODING_LENGTH_SIZE) < 0)
		return -ENOMEM;
	out = writer_end(&batch->copies);
	own = (struct piece){ batch->copies.chunk, batch->copies.chunk->len, 0 };
	switch (encoding) {
	case ENCODING_RESP2:
	case ENCODING_RESP3:
		batch_put_head(out, head, encoding);
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
	batch->copies.chunk->len += (uint32_t)own.len;
	ret_pieces[0] = encoding == ENCODING_LINE ? bare : own;
	ret_pieces[1] = encoding == ENCODING_LINE ? own : encoding == ENCODING_LENGTH ? bare : whole;
	return 0;
}

/* Makes the form of the receivers that are next. Returns 0 or -ENOMEM. */
static int
batch_make_pieces(struct batch *batch)
{
	struct delivery *delivery = &batch->delivery;

	if (delivery->tail)
		return batch_frame_large(batch, delivery->tail, delivery->way, delivery->encoding, delivery->pieces);
	if (delivery->way != batch->way || delivery->encoding != batch->encoding)
		return batch_copy(batch, delivery->way, delivery->encoding, &delivery->pieces[1]);
	delivery->pieces[1] = delivery->written;
	return 0;
}

bool
batch_advance(struct batch *batch, uint64_t end)
{
	struct delivery *delivery = &batch->delivery;

	for (; delivery->channel && delivery->way <= delivery->channel->n_matches; delivery->way++) {
		const struct recvset *set = channel_way(delivery->channel, delivery->way);

		for (; delivery->encoding < ENCODING_COUNT; delivery->encoding++) {
			if (set->n_of[delivery->encoding] == 0)
				continue;
			if (!delivery->has_pieces && batch_make_pieces(batch) < 0) {
				batch_kill_receivers(batch, set, delivery->encoding);
				continue;
			}
			delivery->has_pieces = true;
			while (delivery->i < set->n) {
				if (batch->flow->work.done >= end)
					return false;
				batch_deliver(batch, set);
			}
			delivery->has_pieces = false;
			delivery->i = 0;
		}
		delivery->encoding = 0;
	}
	if (!delivery->channel)
		return true;
	chunk_unref(delivery->tail);
	delivery->channel = NULL;
	barrier_arrive(batch->barrier);
	batch_end(batch);
	return true;
}

/* Begins the delivery of the open batch; or, if tail is not NULL, of the large message in that, which it takes over. */
static void
batch_begin_delivery(struct batch *batch, struct chunk *tail)
{
	batch->delivery = (struct delivery){ .channel = batch->channel, .tail = tail };
	batch->delivery.messages = tail ? 1 : batch->messages;
	if (!tail)
		batch->delivery.written =
		    (struct piece){ batch->writer.chunk, batch->start, batch->writer.chunk->len - batch->start };
	batch->channel->messages += batch->delivery.messages;
	batch->channel = NULL;
	batch->messages = 0;
	barrier_add(batch->barrier);
	if (!batch->is_wide)
		batch_advance(batch, UINT64_MAX);
}

void
batch_send(struct batch *batch)
{
	if (batch->channel && batch->messages > 0)
		batch_begin_delivery(batch, NULL);
	else if (batch->channel)
		batch_end(batch);
}

void
batch_close(struct batch *batch)
{
	batch_send(batch);
	if (batch->delivery.channel)
		batch_advance(batch, UINT64_MAX);
}

static int
batch_append_large(struct batch *batch, struct slice payload, struct chunk *tail)
{
	if (tail) {
		chunk_ref(tail);
	} else {
		tail = payload.len < BATCH_LARGE ? chunk_new_exact(&batch->flow->chunks, resp_bulk_size(payload.len))
		                                 : chunk_new(&batch->flow->chunks, resp_bulk_size(payload.len));
		if (!tail) {
			batch_end(batch);
			return -ENOMEM;
		}
		tail->len = (uint32_t)resp_put_bulk((char *)tail->data, payload.p, payload.len);
	}
	batch_begin_delivery(batch, tail);
	return 0;
}

int
batch_append(struct batch *batch, struct slice payload, struct chunk *tail)
{
	assert(batch->channel);
	if (payload.len >= batch->large_from) {
		if (batch_append_large(batch, payload, tail) < 0)
			return -ENOMEM;
	} else if (batch_put(batch, payload) ||
	           (batch->flow->users.n_over > 0 && batch->writer.chunk->len - batch->start > BATCH_OVER_MAX)) {
		batch_send(batch);
	}
	batch->flow->stats.messages++;
	return 0;
}
