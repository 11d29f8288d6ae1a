/*
 * Messages are published straight from the buffer of the read. s->feed exists only while bytes are left over: an
 * unfinished message, or messages that must wait for a receiver or for the next pass. Its bytes begin with the first
 * message that is not published, and while it exists new input is appended to it, so that the order stays.
 *
 * Input is only read in state OPEN, so a session that waits has at most one read too much in memory. Packets arrive one
 * by one: with them, s->feed holds exactly one packet.
 */
#include "feed.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "human.h"
#include "input-quota.h"
#include "output.h"
#include "publish.h"
#include "sessions.h"

struct feed {
	struct buf bytes; /* not published yet */
	size_t scanned;   /* of frame_split() */
	bool has_ended;   /* the stream has ended */
};

void
feed_free(struct feed *feed)
{
	if (feed)
		buf_deinit(&feed->bytes);
	free(feed);
}

size_t
feed_size(const struct feed *feed)
{
	return feed ? buf_memory(&feed->bytes) : 0;
}

static void
feed_drop(struct bus *bus, struct session *s)
{
	bus->flow.chunks.released += s->feed->bytes.cap;
	feed_free(s->feed);
	s->feed = NULL;
}

/* Queues a line of text; it goes out when the barrier opens, or at once if that is NULL. */
static void
feed_answer(struct bus *bus, struct session *s, struct barrier *barrier, const char *text)
{
	size_t len = strlen(text);
	int64_t offset;

	if (s->client.state == CLIENT_DEAD)
		return;
	offset = output_append_unicast(&bus->flow, text, len);
	if (offset < 0)
		flow_out_of_memory(&bus->flow, &s->client);
	else
		output_queue(&bus->flow, &s->client, bus->flow.unicast.chunk, (size_t)offset, len, barrier, 0);
}

void
feed_refuse(struct bus *bus, struct session *s, const struct feed_plan *plan, const char *format, ...)
{
	char text[PROTOCOL_NAME_MAX + 256];
	char line[sizeof(text) + 8];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	bus->flow.stats.refused++;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING, "%s%s", text, plan->is_shared ? "" : "; closed");
	if (plan->ack) {
		snprintf(line, sizeof(line), "ERR %s\n", text);
		feed_answer(bus, s, NULL, line);
	}
	if (!plan->is_shared)
		bus_finish(bus, &s->client);
}

static void
feed_refuse_channel(struct bus *bus, struct session *s, const struct feed_plan *plan, const char *verb)
{
	bus->flow.stats.denied_channels++;
	feed_refuse(bus, s, plan, "may not %s '%.*s' ([channel %s])", verb, (int)plan->channel.len,
	            (const char *)plan->channel.p, access_find(bus->access.rules, plan->channel)->glob);
}

static void
feed_refuse_no_memory(struct bus *bus, struct session *s, const struct feed_plan *plan, size_t len)
{
	feed_refuse(bus, s, plan, "out of memory, a message of %zu byte%s is lost", len, human_s(len));
}

/* Saves the bytes that cannot be handled now. */
static void
feed_save(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice rest, size_t scanned)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed || buf_append(&feed->bytes, rest.p, rest.len) < 0) {
		feed_free(feed);
		feed_refuse_no_memory(bus, s, plan, rest.len);
		return;
	}
	feed->scanned = scanned;
	s->feed = feed;
}

static void
feed_answer_count(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier)
{
	char line[32];

	snprintf(line, sizeof(line), "%llu\n", (unsigned long long)receivers);
	feed_answer(bus, session_of(c), barrier, line);
}

/* Returns whether the message is done, published or refused; otherwise the session waits with it. */
static bool
feed_publish(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice payload)
{
	const struct publish_request request = {
		.name = plan->channel,
		.payload = payload,
		.may_wait = !s->client.hurried,
		.answer = plan->ack ? feed_answer_count : NULL,
	};

	if (publish_is_more(bus, &s->client, plan->channel, false, payload.len)) {
		publish_more(bus, &s->client, payload, request.answer);
		return true;
	}
	switch (publish_message(bus, &s->client, &request)) {
	case PUBLISH_DONE:
	case PUBLISH_DEAD:
		return true;
	case PUBLISH_WAIT:
		bus->flow.stats.waits++;
		return false;
	case PUBLISH_REFUSED:
		feed_refuse(bus, s, plan, "%s", bus->refusal);
		return true;
	case PUBLISH_DENIED:
		feed_refuse_channel(bus, s, plan, "publish to");
		return true;
	case PUBLISH_NOMEM:
		feed_refuse_no_memory(bus, s, plan, payload.len);
		return true;
	case PUBLISH_LOST:
		feed_refuse_no_memory(bus, s, plan, payload.len);
		if (plan->ack)
			flow_mark_dead(&bus->flow, &s->client); /* its answer, already queued, is wrong */
		return true;
	}
	return true;
}

/*
 * Publishes the messages in p[0..len) until one is unfinished or must wait, or the session has had its share of this
 * pass. Returns the number of bytes used; all of them if the session is closed.
 */
static size_t
feed_run(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len, bool is_end,
         size_t *scanned)
{
	uint64_t max = bus->flow.limits.max_message;
	struct frame frame;
	size_t at = 0;

	while (at < len && s->client.state == CLIENT_OPEN) {
		if (s->client.clogged && !s->client.hurried) { /* a client that does not read is not read from */
			flow_set_state(&bus->flow, &s->client, CLIENT_WAITING, &bus->flow.throttled);
			break;
		}
		if (work_is_turn_over(&bus->flow.work) && !s->client.hurried) {
			flow_make_ready(&bus->flow, &s->client);
			break;
		}
		switch (frame_split(plan->framing, p + at, len - at, is_end, max, scanned, &frame)) {
		case FRAME_OK:
			if (!feed_publish(bus, s, plan, frame.payload))
				return at;
			at += frame.used;
			bus->flow.work.done += WORK_COMMAND + WORK_BYTES(frame.used);
			break;
		case FRAME_MORE:
			return at;
		case FRAME_TOO_LONG:
			feed_refuse(bus, s, plan, "a message is over max_message (%llu bytes)",
			            (unsigned long long)max);
			break;
		case FRAME_CUT:
			feed_refuse(bus, s, plan, "the end of a message is missing");
			break;
		}
	}
	return client_is_live(&s->client) ? at : len;
}

/* Publishes from s->feed. */
static void
feed_run_saved(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	struct feed *feed = s->feed;
	bool has_ended = feed->has_ended;

	if (plan->is_packets) {
		if (feed_publish(bus, s, plan, (struct slice){ feed->bytes.data, feed->bytes.len }))
			feed_drop(bus, s);
		return;
	}
	buf_consume(&feed->bytes, feed_run(bus, s, plan, feed->bytes.data, feed->bytes.len, has_ended, &feed->scanned));
	buf_shrink(&feed->bytes);
	if (feed->bytes.len > 0)
		return;
	feed_drop(bus, s);
	if (has_ended && s->client.state == CLIENT_OPEN)
		bus_finish(bus, &s->client);
}

/* Call when input was handled. A closed session has lost a message, which counts as refused. */
static void
feed_charge(struct bus *bus, struct session *s)
{
	bool was_live = client_is_live(&s->client);

	if (s->feed || s->kept > 0)
		input_quota_charge(bus, s, feed_size(s->feed));
	bus->flow.stats.refused += was_live && !client_is_live(&s->client);
}

void
feed_begin(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	s->reply_mode = REPLY_OFF; /* the client would not understand replies in RESP */
	if (!plan->deliver)
		return;
	bus_set_encoding(bus, &s->client, plan->encoding);
	if (!access_list_admits(&access_find(bus->access.rules, plan->channel)->subscribe, &s->client.identity))
		feed_refuse_channel(bus, s, plan, "subscribe to");
	else if (bus_subscribe(bus, &s->client, SUBSCRIPTION_CHANNEL, plan->channel) != 0)
		feed_refuse(bus, s, plan,
		            "cannot be subscribed: out of memory, or its user has too many subscriptions");
}

void
feed_received(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len)
{
	struct feed *feed = s->feed;
	size_t scanned = 0, used;

	s->client.active_s = bus->flow.uptime_s;
	if (!feed) {
		used = feed_run(bus, s, plan, p, len, false, &scanned);
		if (used < len)
			feed_save(bus, s, plan, (struct slice){ p + used, len - used }, scanned);
	} else if (buf_append(&feed->bytes, p, len) == 0) {
		feed_run_saved(bus, s, plan);
	} else {
		feed_refuse_no_memory(bus, s, plan, feed->bytes.len + len);
	}
	feed_charge(bus, s);
}

void
feed_packet(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice packet)
{
	s->client.active_s = bus->flow.uptime_s;
	if (packet.len > bus->flow.limits.max_message)
		feed_refuse(bus, s, plan, "a message is over max_message (%llu bytes)",
		            (unsigned long long)bus->flow.limits.max_message);
	else if (!feed_publish(bus, s, plan, packet))
		feed_save(bus, s, plan, packet, 0);
	feed_charge(bus, s);
}

void
feed_ended(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	struct feed *feed = s->feed;

	assert(s->client.state == CLIENT_OPEN && (!feed || !plan->is_packets));
	if (!feed) {
		if (plan->ack && plan->framing == FRAMING_WHOLE && !plan->is_packets)
			feed_answer(bus, s, NULL, "ERR nothing was sent\n");
		bus_finish(bus, &s->client);
		return;
	}
	feed->has_ended = true;
	feed_run_saved(bus, s, plan);
	feed_charge(bus, s);
}

void
feed_resume(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	assert(s->client.state == CLIENT_READY);
	flow_set_state(&bus->flow, &s->client, CLIENT_OPEN, NULL);
	if (s->feed)
		feed_run_saved(bus, s, plan);
	feed_charge(bus, s);
}

void
feed_hurry(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	s->client.hurried = true;
	flow_resume(&bus->flow, &s->client);
	if (s->client.state == CLIENT_READY)
		feed_resume(bus, s, plan);
}

void
feed_stop(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	if (client_is_live(&s->client) && s->feed)
		feed_refuse(bus, s, plan, "has not sent the end of a message");
	if (client_is_live(&s->client))
		bus_finish(bus, &s->client);
}
