/*
 * A receiver that is behind gets a portion of messages when all that it got before is written; so its queue has one
 * portion at most, however much it is behind, and of the store there is in memory what the cache allows. At the end of
 * the stream it receives again what is published: in that moment there is no open batch, so nothing is missed and
 * nothing comes twice.
 *
 * Only some may wait for blocks at a time, depending on the size of the cache: otherwise they could push each other's
 * blocks out for ever. A block that is there is used at once.
 *
 * All replays together take a part of the time while anybody sends something, so that publishers and other receivers
 * hardly notice them; otherwise all of it. Time is counted, not work, since most of it is spent in writing.
 */
#include "replay-turns.h"

#include "human.h"
#include "missed.h"
#include "output.h"
#include "resp-encode.h"
#include "stored.h"
#include "stream-index.h"
#include "streams-clock.h"
#include "streams.h"

/* What one client gets in a turn, in bytes; more if a single message is larger. */
#define REPLAY_PORTION ((size_t)64 * 1024)
/* And such a part of queue_limit at most, or it would be clogged. */
#define REPLAY_LIMIT_PART 4
/* For so much of the cache one replay may wait for a block; and so many at most. */
#define REPLAY_COLD_CACHE ((uint64_t)1024 * 1024)
#define REPLAY_COLD_MAX 16
/* Units of work of one client's turn. */
#define REPLAY_WORK ((uint64_t)60 * 1000)

/* The part of the time that replays take while others send: one of so many. */
#define REPLAY_SHARE 12
/* Others count as busy for so long after they have sent something. */
#define REPLAY_BUSY_NS ((uint64_t)1000 * 1000)
/* The time that replays take in one pass, at most; and the least for which they begin. */
#define REPLAY_CREDIT_NS ((int64_t)200 * 1000)
#define REPLAY_LEAST_NS ((int64_t)10 * 1000)
/* Writing costs about as much as making. */
#define REPLAY_COST 2

/* How a turn ends. */
enum replay_end {
	REPLAY_GOES_ON,
	REPLAY_WAITS,     /* for a block */
	REPLAY_QUEUES,    /* until it may wait for a block */
	REPLAY_CAUGHT_UP, /* there are no more entries */
	REPLAY_FAILED,    /* there never will be */
};

/* One turn of one replay. */
struct replay_turn {
	struct bus *bus;
	struct replay *replay;
	struct client *client;
	size_t bytes, portion;
	uint64_t work_end;
};

/* Queues one message. Returns false if the client has died of it. */
static bool
replay_give(struct replay_turn *turn, struct slice payload)
{
	struct flow *flow = &turn->bus->flow;
	const struct replay *replay = turn->replay;
	struct client *c = turn->client;
	struct slice head = { replay->head, replay->head_len };
	size_t room = head.len + resp_bulk_size(payload.len) + ENCODING_LENGTH_SIZE;
	uint8_t *begin, *p;

	if (writer_reserve(&flow->unicast, room) < 0) {
		flow_out_of_memory(flow, c);
		return false;
	}
	begin = p = writer_end(&flow->unicast);
	if (c->encoding > ENCODING_RESP3) {
		p += encoding_put(c->encoding, p, payload);
	} else {
		p = batch_put_head(p, head, c->encoding);
		p += resp_put_bulk((char *)p, payload.p, payload.len);
	}
	flow->unicast.chunk->len += (uint32_t)(p - begin);
	flow->work.done += WORK_QUEUE + WORK_BYTES(p - begin);
	output_queue(flow, c, flow->unicast.chunk, (size_t)(begin - flow->unicast.chunk->data), (size_t)(p - begin),
	             NULL, 1);
	turn->bytes += (size_t)(p - begin);
	c->delivered++;
	flow->stats.deliveries++;
	flow->stats.replayed++;
	replay->channel->deliveries++;
	return c->state != CLIENT_DEAD;
}

/* How many entries were ever added before the one at the cursor that was just read. */
static uint64_t
replay_number_of(struct streams *streams, const struct stream_cursor *cursor)
{
	const struct stream *stream = cursor->stream;
	uint64_t n = 0;

	for (size_t i = cursor->block; i < stream->n_blocks; i++)
		n += stream_index_at(stream, i)->n;
	streams->flow->work.done += (stream->n_blocks - cursor->block) / 4;
	n -= cursor->at - 1;
	return stream->added > n ? stream->added - n : 0;
}

/* Retention has removed entries that the replay had not come to: the client is told how many, about. */
static void
replay_note_overtaken(struct replay_turn *turn, const struct stream *stream)
{
	struct replay *replay = turn->replay;
	uint64_t gone = stream->added > stream->length ? stream->added - stream->length : 0, n;

	if (stream_id_cmp(stream->trimmed_to, replay->place.at) <= 0)
		return;
	replay->place.at = replay->next = stream->trimmed_to;
	stream_id_next(&replay->next);
	n = replay->place.number != UINT64_MAX && gone > replay->place.number ? gone - replay->place.number : 0;
	if (n == 0)
		return;
	replay->place.number = gone;
	flow_log(&turn->bus->flow, turn->client, LOG_LEVEL_WARNING,
	         "misses %llu message%s of '%.*s', which the stream does not keep any longer", (unsigned long long)n,
	         human_s(n), (int)replay->channel->name_len, (const char *)channel_name(replay->channel).p);
	turn->bus->flow.stats.overtaken += n;
	replay->channel->dropped += n;
	turn->bus->flow.stats.dropped += n;
	missed_add(&turn->bus->missed, turn->client, channel_name(replay->channel),
	           n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
}

/* Whether what comes next has to be fetched. */
static bool
replay_is_cold(const struct stream *stream, struct stream_id from)
{
	size_t i = stream_index_search(stream, from);
	const struct block *block = i > 0 ? stream_index_at(stream, i - 1)->block : NULL;

	if (i > 0 && (!block || block->n == 0))
		return true;
	if (i > 0 && stream_id_cmp(block_id(block, block->n - 1), from) >= 0)
		return false;
	block = i < stream->n_blocks ? stream_index_at(stream, i)->block : NULL;
	return i < stream->n_blocks && (!block || block->n == 0);
}

static bool
replay_may_fetch(const struct replays *replays, const struct streams *streams)
{
	uint64_t max = streams->limits.cache / REPLAY_COLD_CACHE;

	return replays->n_cold < (max > REPLAY_COLD_MAX ? REPLAY_COLD_MAX : max > 0 ? max : 1);
}

/* The entry was read. Its block is not needed again if it was the last one in it: so no two blocks are at a time. */
static void
replay_advance(struct replay *replay, const struct stream_cursor *cursor, struct stream_id id)
{
	const struct stream_block *sb = stream_index_at(cursor->stream, cursor->block);

	replay->place.at = replay->next = id;
	if (cursor->at >= sb->n && cursor->block + 1 < cursor->stream->n_blocks)
		replay->next = sb[1].first;
	else
		stream_id_next(&replay->next);
}

static enum replay_end
replay_read(struct replay_turn *turn, struct streams *streams, struct stream *stream)
{
	struct replay *replay = turn->replay;
	struct stream_cursor cursor;
	struct stream_entry entry;
	struct slice payload;

	if (stream_id_cmp(replay->place.at, stream->last) >= 0)
		return REPLAY_CAUGHT_UP;
	if (!replay_may_fetch(&turn->bus->replays, streams) && replay_is_cold(stream, replay->next))
		return REPLAY_QUEUES;
	stream_seek(&cursor, stream, replay->next, STREAM_ID_MAX, false);
	while (turn->bytes < turn->portion && turn->bus->flow.work.done < turn->work_end) {
		enum stream_step step = stream_step(streams, &cursor, &entry);

		if (step != STREAM_ENTRY)
			return step == STREAM_COLD  ? REPLAY_WAITS
			       : step == STREAM_END ? REPLAY_CAUGHT_UP
			                            : REPLAY_FAILED;
		if (replay->place.number == UINT64_MAX)
			replay->place.number = replay_number_of(streams, &cursor);
		replay->place.number++;
		replay_advance(replay, &cursor, entry.id);
		if (stored_get_message(&entry, &payload) && !replay_give(turn, payload))
			return REPLAY_GOES_ON; /* it is dead */
	}
	return REPLAY_GOES_ON;
}

/* A stream that was made later has only entries that the client has not got, whatever their ids are. */
static void
replay_note_stream(struct replay *replay, const struct stream *stream)
{
	if (stream->no <= replay->place.stream_no)
		return;
	replay->place = (struct replay_place){ .stream_no = stream->no };
	replay->next = STREAM_ID_MIN;
}

/* Whether the client may still receive the channel: a reload may have taken the right away. */
static bool
replay_is_admitted(struct bus *bus, const struct replay *replay)
{
	const struct access_rule *rule = access_find(bus->access.rules, channel_name(replay->channel));

	bus->flow.work.done += bus->access.n_rules * WORK_VISIT;
	return access_list_admits(&rule->subscribe, &replay->client->identity);
}

/* Gives a client a portion, or lets it receive what is published again. */
static void
replay_take_turn(struct bus *bus, struct replay *replay)
{
	struct streams *streams = bus->streams;
	struct replays *replays = &bus->replays;
	uint64_t portion = bus->flow.limits.queue_limit / REPLAY_LIMIT_PART;
	struct replay_turn turn = {
		.bus = bus,
		.replay = replay,
		.client = replay->client,
		.portion = portion < REPLAY_PORTION ? (size_t)portion : REPLAY_PORTION,
		.work_end = bus->flow.work.done + REPLAY_WORK,
	};
	enum replay_end end = REPLAY_CAUGHT_UP;
	struct stream *stream;

	bus->flow.work.done += WORK_LOOKUP;
	if (!client_is_live(turn.client) || !replay_has_room(turn.client)) {
		replay_set_state(replays, replay, REPLAY_WRITING);
		return;
	}
	stream = streams ? streams_find(streams, channel_name(replay->channel)) : NULL;
	if (streams)
		streams_use(streams);
	if (stream && replay_is_admitted(bus, replay)) {
		replay_note_stream(replay, stream);
		replay_note_overtaken(&turn, stream);
		if (turn.client->has_missed)
			missed_report(&bus->missed, turn.client);
		end = replay_read(&turn, streams, stream);
	}
	switch (end) {
	case REPLAY_GOES_ON:
		replay_set_state(replays, replay, turn.bytes > 0 ? REPLAY_WRITING : REPLAY_READY);
		break;
	case REPLAY_WAITS:
		replay_set_state(replays, replay, turn.bytes > 0 ? REPLAY_WRITING : REPLAY_COLD);
		break;
	case REPLAY_QUEUES:
		replay_set_state(replays, replay, REPLAY_QUEUED);
		break;
	case REPLAY_CAUGHT_UP:
		replay_end(replays, replay);
		break;
	case REPLAY_FAILED:
		flow_log(&bus->flow, turn.client, LOG_LEVEL_WARNING,
		         "waits for messages of '%.*s' that cannot be read, disconnected",
		         (int)replay->channel->name_len, (const char *)channel_name(replay->channel).p);
		flow_mark_dead(&bus->flow, turn.client);
		replay_set_state(replays, replay, REPLAY_WRITING);
		break;
	}
	if (turn.bytes == 0 && turn.client->state != CLIENT_DEAD)
		replays_flushed(replays, turn.client); /* another one of the client has its turn */
}

/* Lets those go on that wait for blocks, if one has come. */
static void
replays_wake_cold(struct bus *bus)
{
	struct replays *replays = &bus->replays;
	struct replay *replay;

	if (replays->fetched == bus->streams->fetched)
		return;
	replays->fetched = bus->streams->fetched;
	while ((replay = TAILQ_FIRST(&replays->cold))) {
		bus->flow.work.done += WORK_VISIT;
		replay_set_state(replays, replay, REPLAY_READY);
	}
}

/* The replay whose turn it is, or NULL. */
static struct replay *
replays_next(const struct bus *bus)
{
	const struct replays *replays = &bus->replays;
	struct replay *replay = TAILQ_FIRST(&replays->ready);

	return !replay && replay_may_fetch(replays, bus->streams) ? TAILQ_FIRST(&replays->queued) : replay;
}

/* Brings the credit up to date, and returns the present time. */
static uint64_t
replays_earn(struct bus *bus)
{
	struct replays *replays = &bus->replays;
	uint64_t now = streams_now_ns(), passed = now - replays->last_ns;

	if (bus->flow.stats.bytes_in != replays->bytes_in)
		replays->busy_until_ns = now + REPLAY_BUSY_NS;
	replays->bytes_in = bus->flow.stats.bytes_in;
	replays->last_ns = now;
	if (now < replays->busy_until_ns)
		passed /= REPLAY_SHARE;
	replays->credit_ns += passed < (uint64_t)REPLAY_CREDIT_NS ? (int64_t)passed : REPLAY_CREDIT_NS;
	if (replays->credit_ns > REPLAY_CREDIT_NS)
		replays->credit_ns = REPLAY_CREDIT_NS;
	return now;
}

void
replays_advance(struct bus *bus)
{
	struct replays *replays = &bus->replays;
	struct replay *replay;
	uint64_t begin;

	if (replays->table.n == 0 || !bus->streams || bus->flow.executing || bus->flow.is_wide)
		return;
	replays_wake_cold(bus);
	if (!replays_next(bus))
		return;
	begin = replays_earn(bus);
	while (replays->credit_ns >= REPLAY_LEAST_NS && (replay = replays_next(bus))) {
		uint64_t end;

		replay_take_turn(bus, replay);
		end = streams_now_ns();
		replays->credit_ns -= REPLAY_COST * (int64_t)(end - begin);
		begin = end;
	}
}

bool
replays_have_work(const struct bus *bus)
{
	const struct replays *replays = &bus->replays;

	return replays->table.n > 0 && bus->streams && !bus->flow.executing && replays->credit_ns >= REPLAY_LEAST_NS &&
	       replays_next(bus);
}

uint64_t
replays_next_deadline(const struct bus *bus)
{
	const struct replays *replays = &bus->replays;
	uint64_t missing;

	if (replays->table.n == 0 || !bus->streams || bus->flow.executing || !replays_next(bus))
		return UINT64_MAX;
	missing = replays->credit_ns < REPLAY_LEAST_NS ? (uint64_t)(REPLAY_LEAST_NS - replays->credit_ns) : 0;
	return (replays->last_ns + missing * (replays->last_ns < replays->busy_until_ns ? REPLAY_SHARE : 1)) / 1000;
}
