/*
 * A message is in the stream before it is in a batch; so whoever reads the stream up to its end has all messages, also
 * those of the open batch. The answer to the publisher waits for receivers and for the disk: the batch's barrier
 * follows that of the commit. Messages of one batch go into one commit, so a batch ends when a commit has begun.
 */
#include "stored.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "blocked.h"
#include "sender.h"
#include "streams.h"

bool
stored_get_message(const struct stream_entry *entry, struct slice *ret_payload)
{
	struct stream_entry at = *entry;

	for (size_t i = 0; i < entry->n_fields; i++) {
		struct slice name = stream_entry_next(&at), value = stream_entry_next(&at);

		if (stored_is_field(name)) {
			*ret_payload = value;
			return true;
		}
	}
	return false;
}

static const char *
stored_say_not_made(const struct streams *streams, int error)
{
	static char text[96];

	if (error != -ENFILE)
		return "ERR out of memory, the message was not published";
	snprintf(text, sizeof(text), "ERR too many streams; the limit is %llu (max_streams)",
	         (unsigned long long)streams->limits.max_streams);
	return text;
}

/* stream: NULL if there is none. */
static const char *
stored_append(struct bus *bus, const struct client *publisher, const struct publish_request *request,
              struct stream *stream)
{
	struct streams *streams = bus->streams;
	const struct slice pair[2] = { slice_of(STORED_FIELD), request->payload };
	const char *refusal = streams_refusal(streams, stream ? stream->uid : publisher->identity.uid);
	struct stream_id id;
	int r = 0;

	streams_use(streams);
	if (!refusal && stream)
		refusal = stream_retain_refusal(streams, stream);
	if (refusal)
		return refusal;
	if (!stream && !(stream = streams_get(streams, request->name, publisher->identity.uid, &r)))
		return stored_say_not_made(streams, r);
	if (!stream_next_id(stream, streams_now_ms(streams), &id))
		return "ERR The stream has exhausted the last possible ID, unable to add more items";
	if (sender_append(bus, publisher, streams, stream, id, (struct stream_fields){ pair, 1 }) < 0)
		return stored_say_not_made(streams, -ENOMEM);
	blocked_wake(streams, stream);
	return NULL;
}

const char *
stored_add(struct bus *bus, const struct client *publisher, const struct publish_request *request,
           struct barrier **ret_barrier)
{
	const char *refusal;

	bus->flow.work.done += WORK_LOOKUP;
	if (request->store)
		refusal = request->store(bus, request->store_arg);
	else
		refusal = stored_append(bus, publisher, request, streams_find(bus->streams, request->name));
	*ret_barrier = bus->streams->open;
	bus->flow.stats.stored += !refusal;
	return refusal;
}

int
stored_bind_batch(struct bus *bus, struct client *publisher, struct channel *channel, size_t payload_len)
{
	if (bus->batch.messages == 0 || bus->batch.barrier->commit == bus->streams->open->commit)
		return 0;
	batch_close(&bus->batch);
	return batch_open(&bus->batch, publisher, channel, payload_len);
}

const char *
stored_add_to_batch(struct bus *bus, const struct client *publisher, const struct publish_request *request)
{
	struct batch *batch = &bus->batch;
	struct stream *stream;
	struct barrier *commit;
	const char *refusal;

	if (batch->messages == 0) {
		stream = streams_find(bus->streams, request->name);
		if (stream)
			batch->stored_before = (struct replay_place){ stream->last, stream->added, stream->no };
		else
			batch->stored_before = (struct replay_place){ 0 };
	}
	refusal = stored_add(bus, publisher, request, &commit);
	if (!refusal && batch->messages == 0)
		barrier_follow(batch->barrier, commit);
	return refusal;
}
