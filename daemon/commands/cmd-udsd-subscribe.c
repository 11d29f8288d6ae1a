/* UDSD SUBSCRIBE and UDSD POSITION: receivers that want messages which were published before. */
#include "cmd-pubsub.h"
#include "handlers.h"
#include "keyspace.h"
#include "replay.h"
#include "stored.h"

/* How many entries FROM last looks at for the last message. */
#define LAST_ENTRIES 1000

/* Finds the entry before the last message. STREAM_END: there is no message. */
static enum stream_step
udsd_find_before_last(struct streams *streams, struct stream *stream, struct stream_id *ret_at)
{
	struct stream_cursor cursor;
	struct stream_entry entry;
	struct slice payload;

	stream_seek(&cursor, stream, STREAM_ID_MIN, STREAM_ID_MAX, true);
	for (int i = 0; i < LAST_ENTRIES; i++) {
		enum stream_step step = stream_step(streams, &cursor, &entry);

		if (step != STREAM_ENTRY)
			return step;
		if (!stored_get_message(&entry, &payload))
			continue;
		*ret_at = entry.id;
		stream_id_prev(ret_at);
		return STREAM_ENTRY;
	}
	return STREAM_END;
}

/* Parses what follows FROM. COMMAND_DONE and *ret_is_found false: an error was replied. */
static enum command_result
udsd_find_begin(struct bus *bus, struct session *s, struct streams *streams, struct stream *stream, struct slice from,
                bool *ret_is_found, struct stream_id *ret_at)
{
	enum stream_step step;

	*ret_at = STREAM_ID_MIN;
	*ret_is_found = true;
	if (slice_is_word(from, "FIRST"))
		return COMMAND_DONE;
	if (!slice_is_word(from, "LAST")) {
		*ret_is_found = keyspace_require_id(bus, s, from, UINT64_MAX, ret_at);
		return COMMAND_DONE;
	}
	*ret_at = stream ? stream->last : STREAM_ID_MIN;
	step = stream ? udsd_find_before_last(streams, stream, ret_at) : STREAM_END;
	if (step == STREAM_ENTRY || step == STREAM_END)
		return COMMAND_DONE;
	*ret_is_found = false;
	return step == STREAM_COLD ? keyspace_wait_cold(bus, s, streams, 0) : keyspace_refuse_error(bus, s);
}

/* The streams, if there are any and what is published to the channel is stored; otherwise replies an error. */
static struct streams *
udsd_require_stored(struct bus *bus, struct session *s, struct slice channel)
{
	struct streams *streams = keyspace_open(bus, s, channel, KEYSPACE_READ);

	if (!streams || access_is_stored(&bus->access, channel, &bus->flow.work.done))
		return streams;
	reply_error(bus, s, "ERR messages of '%.*s' are not stored: no section [stream ...] says published = yes",
	            COMMAND_SHOWN(channel));
	return NULL;
}

static struct replay_place
udsd_place(struct streams *streams, const struct stream *stream, struct stream_id at)
{
	uint64_t behind = stream_count_after(streams, stream, at);

	return (struct replay_place){ at, behind <= stream->added ? stream->added - behind : UINT64_MAX, stream->no };
}

enum command_result
cmd_udsd_subscribe(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = NULL;
	struct stream *stream = NULL;
	struct channel *channel;
	struct stream_id at = STREAM_ID_MAX;
	struct replay *replay;
	enum command_result result;
	bool is_found;

	if (argc > 3 && (argc != 5 || !slice_is_word(argv[3], "FROM"))) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (argc > 3) {
		streams = udsd_require_stored(bus, s, argv[2]);
		if (!streams)
			return COMMAND_DONE;
		stream = keyspace_find(bus, streams, argv[2]);
		result = udsd_find_begin(bus, s, streams, stream, argv[4], &is_found, &at);
		if (!is_found)
			return result;
	}
	if (!cmd_subscribe_one(bus, s, argv[2]) || !stream || stream_id_cmp(at, stream->last) >= 0)
		return COMMAND_DONE;
	channel = channels_find(&bus->subscriptions.channels, argv[2], false);
	replay = replay_find(&s->client, channel, NULL);
	if (replay)
		replay_end(&bus->replays, replay);
	if (!replay_begin(&bus->replays, &s->client, channel, NULL, udsd_place(streams, stream, at)))
		flow_out_of_memory(&bus->flow, &s->client);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_position(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	const struct replay_set *set = replays_of(&bus->replays, &s->client);
	const struct replay *replay = set ? TAILQ_FIRST(&set->list) : NULL;
	const struct stream *stream;
	struct stream_id at = STREAM_ID_MIN;

	if (!streams)
		return COMMAND_DONE;
	batch_close(&bus->batch); /* which is queued before the reply */
	stream = keyspace_find(bus, streams, argv[2]);
	if (stream)
		at = stream->last;
	for (; replay; replay = TAILQ_NEXT(replay, of_client)) {
		bus->flow.work.done += WORK_VISIT;
		if (channel_is(replay->channel, argv[2], false) && stream_id_cmp(replay->place.at, at) < 0)
			at = replay->place.at;
	}
	output_pin(&bus->flow, &s->client); /* no message that comes later is sent before the reply */
	keyspace_reply_id(bus, s, at);
	return COMMAND_DONE;
}
