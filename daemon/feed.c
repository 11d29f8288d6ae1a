#include "feed.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "buf.h"
#include "bus.h"
#include "publish.h"
#include "router.h"
#include "run.h"
#include "session.h"

/* Messages of one session in one pass; more wait for the next one. */
#define MESSAGES_PER_PASS 8192

struct feed {
	struct buf bytes; /* that are not published yet; of packets, one that waits */
	size_t scanned;   /* so many of them have been looked at */
	bool has_ended;   /* nothing follows */
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
	return feed ? feed->bytes.len : 0;
}

static struct feed *
feed_of(const struct session *s)
{
	return s->info ? s->info->feed : NULL;
}

static void
drop(struct session *s)
{
	feed_free(s->info->feed);
	s->info->feed = NULL;
}

/* Queues a line of text, which waits for the barrier. */
static void
answer(struct bus *bus, struct session *s, struct barrier *barrier, const char *text)
{
	size_t len = strlen(text);

	if (s->state == SESSION_DEAD)
		return;
	if (stream_reserve(&bus->replies, len) < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	memcpy(stream_end(&bus->replies), text, len);
	bus->replies.chunk->len += (uint32_t)len;
	session_queue(s, bus, bus->replies.chunk, bus->replies.chunk->len - len, len, barrier, 0);
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
	bus->stats.refused++;
	session_log(s, bus, LOG_LEVEL_WARNING, "%s%s", text, plan->is_shared ? "" : "; closed");
	if (plan->ack) {
		snprintf(line, sizeof(line), "ERR %s\n", text);
		answer(bus, s, NULL, line);
	}
	if (!plan->is_shared)
		session_finish(s, bus);
}

static void
refuse_channel(struct bus *bus, struct session *s, const struct feed_plan *plan, const char *verb)
{
	bus->stats.denied_channels++;
	feed_refuse(bus, s, plan, "may not %s '%.*s' ([channel %s])", verb, (int)plan->channel.len,
	            (const char *)plan->channel.p, access_find(bus->rules, plan->channel)->glob);
}

static void
refuse_no_memory(struct bus *bus, struct session *s, const struct feed_plan *plan, size_t len)
{
	feed_refuse(bus, s, plan, "out of memory, a message of %zu bytes is lost", len);
}

/* Keeps what cannot be handled now. */
static void
keep(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice rest, size_t scanned)
{
	struct session_info *info = session_get_info(s);
	struct feed *feed = info ? calloc(1, sizeof(*feed)) : NULL;

	if (!feed || buf_append(&feed->bytes, rest.p, rest.len) < 0) {
		feed_free(feed);
		refuse_no_memory(bus, s, plan, rest.len);
		return;
	}
	feed->scanned = scanned;
	info->feed = feed;
}

static void
answer_count(struct bus *bus, struct session *s, uint64_t receivers, struct barrier *barrier)
{
	char line[32];

	snprintf(line, sizeof(line), "%llu\n", (unsigned long long)receivers);
	answer(bus, s, barrier, line);
}

/* Returns whether the message is done with; otherwise it waits. */
static bool
publish(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice payload)
{
	publish_answer *tell = plan->ack ? answer_count : NULL;

	if (publish_is_more(bus, s, plan->channel, false, payload.len)) {
		publish_more(bus, s, payload, tell);
		return true;
	}
	switch (publish_message(bus, s, plan->channel, false, payload, NULL, !s->hurried, tell)) {
	case PUBLISH_DONE:
	case PUBLISH_DEAD:
		return true;
	case PUBLISH_WAIT:
		bus->stats.waits++;
		return false;
	case PUBLISH_DENIED:
		refuse_channel(bus, s, plan, "publish to");
		return true;
	case PUBLISH_NOMEM:
		refuse_no_memory(bus, s, plan, payload.len);
		return true;
	case PUBLISH_LOST:
		refuse_no_memory(bus, s, plan, payload.len);
		if (plan->ack)
			session_mark_dead(s, bus); /* it must not get the answer */
		return true;
	}
	return true;
}

/*
 * Publishes the messages in p[0..len) until one is not whole, or waits, or enough is done for this pass. Returns how
 * many bytes were used.
 */
static size_t
run(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len, bool is_end,
    size_t *scanned)
{
	uint64_t max = bus->limits.max_message;
	struct frame frame;
	size_t at = 0;

	for (int n = 0; at < len && s->state == SESSION_OPEN; n++) {
		if (s->clogged && !s->hurried) { /* who does not read its messages is not read from */
			session_set_state(s, bus, SESSION_WAITING, &bus->throttled);
			break;
		}
		if (n == MESSAGES_PER_PASS && !s->hurried) {
			session_set_state(s, bus, SESSION_READY, &bus->ready);
			break;
		}
		switch (frame_split(plan->framing, p + at, len - at, is_end, max, scanned, &frame)) {
		case FRAME_OK:
			if (!publish(bus, s, plan, frame.payload))
				return at;
			at += frame.used;
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
	return session_is_live(s) ? at : len;
}

/* Publishes what can be published of what is kept. */
static void
run_kept(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	struct feed *feed = feed_of(s);
	bool has_ended = feed->has_ended;

	if (plan->is_packets) {
		if (publish(bus, s, plan, (struct slice){ feed->bytes.data, feed->bytes.len }))
			drop(s);
		return;
	}
	buf_consume(&feed->bytes, run(bus, s, plan, feed->bytes.data, feed->bytes.len, has_ended, &feed->scanned));
	if (feed->bytes.len > 0)
		return;
	drop(s);
	if (has_ended && s->state == SESSION_OPEN)
		session_finish(s, bus);
}

static void
hold(struct bus *bus, struct session *s)
{
	bool was_live = session_is_live(s);

	if (feed_of(s) || s->kept > 0)
		session_hold(s, bus);
	bus->stats.refused += was_live && !session_is_live(s);
}

void
feed_begin(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	s->reply_mode = REPLY_OFF; /* it would not understand what commands reply */
	if (!plan->deliver)
		return;
	router_set_encoding(bus, s, plan->encoding);
	if (!access_list_admits(&access_find(bus->rules, plan->channel)->subscribe, &s->identity))
		refuse_channel(bus, s, plan, "subscribe to");
	else if (router_subscribe(bus, s, SUBSCRIPTION_CHANNEL, plan->channel) != 0)
		feed_refuse(bus, s, plan,
		            "cannot be subscribed: out of memory, or its user has too many subscriptions");
}

void
feed_received(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len)
{
	struct feed *feed = feed_of(s);
	size_t scanned = 0, used;

	s->active_s = bus->uptime_s;
	if (!feed) {
		used = run(bus, s, plan, p, len, false, &scanned);
		if (used < len)
			keep(bus, s, plan, (struct slice){ p + used, len - used }, scanned);
	} else if (buf_append(&feed->bytes, p, len) == 0) {
		run_kept(bus, s, plan);
	} else {
		refuse_no_memory(bus, s, plan, feed->bytes.len + len);
	}
	hold(bus, s);
}

void
feed_packet(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice packet)
{
	s->active_s = bus->uptime_s;
	if (packet.len > bus->limits.max_message)
		feed_refuse(bus, s, plan, "a message is over max_message (%llu bytes)",
		            (unsigned long long)bus->limits.max_message);
	else if (!publish(bus, s, plan, packet))
		keep(bus, s, plan, packet, 0);
	hold(bus, s);
}

void
feed_ended(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	struct feed *feed = feed_of(s);

	assert(s->state == SESSION_OPEN && (!feed || !plan->is_packets));
	if (!feed) {
		if (plan->ack && plan->framing == FRAMING_WHOLE && !plan->is_packets)
			answer(bus, s, NULL, "ERR nothing was sent\n");
		session_finish(s, bus);
		return;
	}
	feed->has_ended = true;
	run_kept(bus, s, plan);
	hold(bus, s);
}

void
feed_resume(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	assert(s->state == SESSION_READY);
	session_set_state(s, bus, SESSION_OPEN, NULL);
	if (feed_of(s))
		run_kept(bus, s, plan);
	hold(bus, s);
}

void
feed_hurry(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	s->hurried = true;
	session_resume(s, bus);
	if (s->state == SESSION_READY)
		feed_resume(bus, s, plan);
}

void
feed_stop(struct bus *bus, struct session *s, const struct feed_plan *plan)
{
	if (session_is_live(s) && feed_of(s))
		feed_refuse(bus, s, plan, "has not sent the end of a message");
	if (session_is_live(s))
		session_finish(s, bus);
}
