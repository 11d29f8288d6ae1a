#include "run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "flow.h"
#include "log.h"
#include "missed.h"
#include "resp-encode.h"

/* What the heads of a run's messages may take in all its encodings, in bytes. */
#define COPIES_MAX ((uint32_t)128 * 1024)

/* How long a run gets while somebody is over his quota, in bytes. */
#define OVER_MAX 4096

/* Encoded messages of one kind: through one way, in one encoding. */
struct piece {
	struct chunk *chunk;
	size_t offset, len;
};

static struct slice
head_of(const struct channel *channel, uint32_t way)
{
	if (way == 0)
		return (struct slice){ (const uint8_t *)channel->head, channel->head_len };
	return (struct slice){ (const uint8_t *)channel->matches[way - 1].head, channel->matches[way - 1].head_len };
}

/* The first way and the first of RESP's encodings that anybody needs. */
static void
choose_first_way(struct run *run, const struct channel *channel)
{
	uint32_t way = 0;

	while (channel_way(channel, way)->n == 0)
		way++;
	run->way = way;
	run->encoding = channel_way(channel, way)->n_of[ENCODING_RESP2] > 0 ? ENCODING_RESP2 : ENCODING_RESP3;
	run->head = head_of(channel, way);
	/* Who gets a message twice gets the two copies one behind the other; and other encodings stay small. */
	run->max_messages = channel->overlap ? 1 : COPIES_MAX / channel->heads_len + 1;
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
end(struct run *run)
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

	/* The usual case: one more message for the same receivers. Who publishes to itself wants the answer first. */
	if (run->channel == channel && run->own == own && !client_is_subscribed(publisher) &&
	    run_has_room(run, payload_len))
		return 0;
	run_close(run);
	choose_first_way(run, channel);
	if (payload_len < RUN_LARGE &&
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

/* Queues a piece for one receiver, after what tells it of the messages that it has missed. */
static void
deliver_to(struct run *run, struct client *c, const struct piece *piece, struct barrier *barrier, uint32_t messages)
{
	if (c->has_missed && c != run->flow->executing)
		missed_tell(run->missed, c);
	flow_deliver(run->flow, c, piece->chunk, piece->offset, piece->len, barrier, messages);
}

/*
 * Queues one piece for those receivers of one way that get one encoding. head: what stands before the piece, or NULL;
 * who gets the one gets the other, even if it is clogged in between. messages: how many end in the piece.
 */
static void
deliver(struct run *run, const struct recvset *set, enum encoding encoding, const struct piece *head,
        const struct piece *piece, uint32_t messages)
{
	struct flow *flow = run->flow;
	struct client *const *array = recvset_array(set);
	int slow = run->channel->rule->slow;
	struct barrier *barrier = slow == SLOW_WAIT ? run->barrier : NULL;
	uint64_t queued = 0, dropped = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		struct client *c = array[i];

		if (c->encoding != encoding || !channel_admits(run->channel, c))
			continue;
		if (c->state == CLIENT_DEAD) {
			flow->stats.undelivered += messages;
			continue;
		}
		if (slow == SLOW_DROP && flow_drops(c, head != NULL)) {
			missed_add(run->missed, c, channel_name(run->channel), messages);
			dropped += messages;
			continue;
		}
		if (head)
			deliver_to(run, c, head, NULL, 0);
		deliver_to(run, c, piece, run->own && client_is_own(run->own, c) ? NULL : barrier, messages);
		c->delivered += messages;
		queued += messages;
		if (c->clogged && slow == SLOW_DISCONNECT)
			flow_disconnect_slow(flow, c);
	}
	flow->stats.deliveries += queued;
	run->channel->deliveries += queued;
	flow->stats.dropped += dropped;
	run->channel->dropped += dropped;
}

static void
kill_receivers(struct flow *flow, const struct recvset *set, enum encoding encoding)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (recvset_array(set)[i]->encoding == encoding)
			flow_mark_dead(flow, recvset_array(set)[i]);
	log_error("out of memory: %u receivers closed, since they would have missed messages", set->n_of[encoding]);
}

/* The payload of a tail, which is "$LEN\r\n", LEN bytes and CRLF. */
static struct slice
payload_of(const uint8_t *tail)
{
	size_t len = 0, i = 1;

	for (; tail[i] != '\r'; i++)
		len = len * 10 + (size_t)(tail[i] - '0');
	return (struct slice){ tail + i + 2, len };
}

/* Writes the run's messages again, for another way or in another encoding. Returns 0 or -ENOMEM. */
static int
copy_run(struct run *run, const struct piece *from, uint32_t way, enum encoding encoding, struct piece *ret_piece)
{
	struct slice head = head_of(run->channel, way);
	size_t old_head = run->head.len;
	size_t room = from->len - run->messages * old_head + run->messages * head.len;
	const uint8_t *p = from->chunk->data + from->offset;
	uint8_t *out;

	if (stream_reserve(&run->copies, room) < 0)
		return -ENOMEM;
	*ret_piece = (struct piece){ run->copies.chunk, run->copies.chunk->len, 0 };
	out = stream_end(&run->copies);
	for (uint32_t i = 0; i < run->messages; i++) {
		const uint8_t *tail = p + old_head;
		struct slice payload = payload_of(tail);

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

void
run_close(struct run *run)
{
	struct piece first, piece;

	if (!run->channel)
		return;
	if (run->messages == 0) {
		end(run);
		return;
	}
	run->channel->messages += run->messages;
	first = (struct piece){ run->stream.chunk, run->start, run->stream.chunk->len - run->start };
	for (uint32_t way = 0; way <= run->channel->n_matches; way++) {
		const struct recvset *set = channel_way(run->channel, way);

		for (uint32_t left = set->n, e = 0; left > 0; left -= set->n_of[e++]) {
			if (set->n_of[e] == 0)
				continue;
			if (way == run->way && e == run->encoding)
				deliver(run, set, e, NULL, &first, run->messages);
			else if (copy_run(run, &first, way, e, &piece) == 0)
				deliver(run, set, e, NULL, &piece, run->messages);
			else
				kill_receivers(run->flow, set, e);
		}
	}
	end(run);
}

/* "$LEN\r\n", the payload and CRLF, in a chunk of their own. */
static struct chunk *
make_tail(struct flow *flow, struct slice payload)
{
	struct chunk *tail = chunk_new(&flow->chunks, resp_bulk_size(payload.len));

	if (tail)
		tail->len = (uint32_t)resp_put_bulk((char *)tail->data, payload.p, payload.len);
	return tail;
}

/* The first and the last piece of a large message, for one way and in one encoding. Returns 0 or -ENOMEM. */
static int
frame_large(struct run *run, struct chunk *tail, uint32_t way, enum encoding encoding, struct piece ret_pieces[2])
{
	struct slice head = head_of(run->channel, way), payload = payload_of(tail->data);
	struct piece whole = { tail, 0, tail->len };
	struct piece bare = { tail, (size_t)(payload.p - tail->data), payload.len };
	struct piece own;
	uint8_t *out;

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

/* Receivers get heads of their kinds, and share the payload. */
static void
deliver_large(struct run *run, struct chunk *tail)
{
	for (uint32_t way = 0; way <= run->channel->n_matches; way++) {
		const struct recvset *set = channel_way(run->channel, way);

		for (uint32_t left = set->n, e = 0; left > 0; left -= set->n_of[e++]) {
			struct piece pieces[2];

			if (set->n_of[e] == 0)
				continue;
			if (frame_large(run, tail, way, e, pieces) == 0)
				deliver(run, set, e, &pieces[0], &pieces[1], 1);
			else
				kill_receivers(run->flow, set, e);
		}
	}
}

/* Receivers whose user is over his quota take little more. */
static bool
is_long_for_over(const struct run *run)
{
	return run->flow->users.n_over > 0 && run->stream.chunk->len - run->start > OVER_MAX;
}

int
run_append(struct run *run, struct slice payload, struct chunk *tail)
{
	assert(run->channel);
	if (payload.len >= RUN_LARGE) {
		tail = tail ? chunk_ref(tail) : make_tail(run->flow, payload);
		if (!tail) {
			end(run);
			return -ENOMEM;
		}
		run->channel->messages++;
		deliver_large(run, tail);
		chunk_unref(tail);
		end(run);
	} else if (run_put(run, payload) || is_long_for_over(run)) {
		run_close(run);
	}
	run->flow->stats.messages++;
	return 0;
}
