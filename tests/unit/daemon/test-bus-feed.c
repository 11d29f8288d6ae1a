/* Clients that do not speak RESP among those that do: what they send and receive, and in which form. */
#include "hub.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define S(text) slice_of(text)

#define PLAN(...)                                                                                                      \
	{                                                                                                              \
		.channel = { (const uint8_t *)"news", 4 }, __VA_ARGS__                                                 \
	}

static const struct feed_plan line = PLAN(.framing = FRAMING_LINE);
static const struct feed_plan chat = PLAN(.framing = FRAMING_LINE, .deliver = true, .encoding = ENCODING_LINE);
static const struct feed_plan length = PLAN(.framing = FRAMING_LENGTH, .deliver = true, .encoding = ENCODING_LENGTH);
static const struct feed_plan whole = PLAN(.framing = FRAMING_WHOLE, .ack = true);

static const struct feed_plan packets = PLAN(.framing = FRAMING_WHOLE, .is_packets = true);

/* Below, at and above the length of a large message. */
static const size_t sizes[] = { 0, 1, 2, 100, 4095, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100000, 3 };
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void
put_frame(struct buf *b, struct slice payload)
{
	uint32_t size = htonl((uint32_t)payload.len);

	assert_int_equal(buf_append(b, &size, sizeof(size)), 0);
	assert_int_equal(buf_append(b, payload.p, payload.len), 0);
}

static void
put_line(struct buf *b, struct slice payload)
{
	assert_int_equal(buf_append(b, payload.p, payload.len), 0);
	put_text(b, "\n");
}

static struct peer *
receiver(struct hub *hub, const char *commands)
{
	struct peer *peer = peer_new(hub, 1000);

	peer_say(peer, commands);
	hub_settle(hub);
	peer->got.len = 0;
	return peer;
}

/* Receivers with any mixture of encodings, by name and by pattern, get the same messages. */
static void
every_encoding(struct hub *hub)
{
	for (unsigned int who = 1; who < 32; who++) {
		struct peer *peers[5] = {
			who & 1 ? receiver(hub, "SUBSCRIBE news\r\n") : NULL,
			who & 2 ? receiver(hub, "HELLO 3\r\nSUBSCRIBE news\r\n") : NULL,
			who & 4 ? peer_new_feed(hub, 1001, &chat) : NULL,
			who & 8 ? peer_new_feed(hub, 1002, &length) : NULL,
			who & 16 ? receiver(hub, "HELLO 3\r\nPSUBSCRIBE n*\r\n") : NULL,
		};
		struct peer *publisher = peer_new(hub, 2);
		struct buf e[5] = { 0 };

		for (size_t i = 0; i < N_SIZES; i++) {
			uint8_t *data = make_payload(sizes[i]);
			struct slice payload = { data, sizes[i] };

			peer_publish(publisher, "news", payload);
			put_message(&e[0], false, NULL, S("news"), payload);
			put_message(&e[1], true, NULL, S("news"), payload);
			put_line(&e[2], payload);
			put_frame(&e[3], payload);
			put_message(&e[4], true, "n*", S("news"), payload);
			free(data);
		}
		hub_settle(hub);
		for (size_t i = 0; i < 5; i++) {
			if (peers[i]) {
				peer_expect_buf(peers[i], &e[i]);
				peer_break(peers[i]);
			}
			buf_deinit(&e[i]);
		}
		peer_break(publisher);
	}
}

/* All get what one writes, including itself. */
static void
what_is_sent(struct hub *hub)
{
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n"), *other = peer_new_feed(hub, 1, &chat);
	struct peer *writer = peer_new_feed(hub, 2, &length);
	struct buf sent = { 0 }, got = { 0 }, lines = { 0 };

	for (size_t i = 0; i < N_SIZES; i++) {
		uint8_t *data = make_payload(sizes[i]);
		struct slice payload = { data, sizes[i] };

		put_frame(&sent, payload);
		put_line(&lines, payload);
		put_message(&got, false, NULL, S("news"), payload);
		free(data);
	}
	peer_send(writer, sent.data, sent.len);
	hub_settle(hub);
	peer_expect_buf(writer, &sent);
	peer_expect_buf(bus, &got);
	peer_expect_buf(other, &lines);
	peer_say(other, "one\r\n\ntwo");
	peer_end(other);
	hub_settle(hub);
	put_message(&got, false, NULL, S("news"), S("one"));
	put_message(&got, false, NULL, S("news"), S(""));
	put_message(&got, false, NULL, S("news"), S("two"));
	peer_expect_buf(bus, &got);
	assert_true(other->is_closed);
	assert_int_equal(hub->bus.flow.stats.refused, 0);
}

static void
acknowledged(struct hub *hub)
{
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n"), *writer = peer_new_feed(hub, 2, &whole);
	struct buf got = { 0 };

	peer_set_full(bus, true);
	peer_say(writer, "all\nof it");
	peer_end(writer);
	hub_settle(hub);
	peer_expect_text(writer, "");
	peer_set_full(bus, false);
	hub_settle(hub);
	peer_expect_text(writer, "1\n");
	assert_true(writer->is_closed);
	put_message(&got, false, NULL, S("news"), S("all\nof it"));
	peer_expect_buf(bus, &got);
	writer = peer_new_feed(hub, 2, &whole);
	peer_end(writer);
	hub_settle(hub);
	peer_expect_text(writer, "ERR nothing was sent\n");
}

static void
too_long(struct hub *hub)
{
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n"), *writers[3];
	static char much[1100];

	memset(much, 'x', sizeof(much));
	hub->bus.flow.limits.max_message = 1024;
	writers[0] = peer_new_feed(hub, 2, &line);
	writers[1] = peer_new_feed(hub, 2, &length);
	writers[2] = peer_new_feed(hub, 2, &whole);
	for (size_t i = 0; i < 3; i++)
		peer_send(writers[i], much, sizeof(much));
	hub_settle(hub);
	for (size_t i = 0; i < 3; i++)
		assert_true(writers[i]->is_closed);
	assert_int_equal(hub->bus.flow.stats.refused, 3);
	peer_expect_text(writers[2], "ERR a message is over max_message (1024 bytes)\n");
	peer_expect_text(bus, "");
}

/* While a receiver is clogged, writers are not read from, and lose nothing, even if they end meanwhile. */
static void
held_up(struct hub *hub)
{
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n");
	struct peer *writer = peer_new_feed(hub, 2, &line), *other = peer_new_feed(hub, 3, &line);
	struct buf got = { 0 };
	char text[16];

	hub->bus.flow.limits.queue_limit = 4096;
	peer_set_full(bus, true);
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "line %d\n", i);
		peer_say(writer, text);
	}
	peer_end(writer);
	hub_settle(hub);
	assert_int_equal(writer->session.client.state, CLIENT_WAITING);
	peer_say(other, "last words");
	peer_end(other);
	hub_settle(hub);
	assert_int_equal(other->session.client.state, CLIENT_WAITING);
	peer_set_full(bus, false);
	hub_settle(hub);
	assert_true(writer->is_closed && other->is_closed);
	assert_int_equal(hub->bus.flow.stats.messages, 2001);
	assert_null(memmem(bus->got.data, bus->got.len, "line 2000", 9));
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "line %d", i);
		put_message(&got, false, NULL, S("news"), slice_of(text));
	}
	if (memmem(bus->got.data, bus->got.len, "last words", 10))
		put_message(&got, false, NULL, S("news"), S("last words"));
	assert_int_equal(bus->got.len, got.len);
	buf_deinit(&got);
	bus->got.len = 0;
}

/* When the daemon stops, whole messages are published, whoever is clogged. */
static void
hurried(struct hub *hub)
{
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n"), *writer = peer_new_feed(hub, 2, &line);

	hub->bus.flow.limits.queue_limit = 4096;
	peer_set_full(bus, true);
	for (int i = 0; i < 1000; i++)
		peer_say(writer, "some line\n");
	peer_say(writer, "unfinished");
	while (hub_read(writer))
		hub_end_pass(hub);
	feed_hurry(&hub->bus, &writer->session, &line);
	while (hub_read(writer))
		;
	feed_stop(&hub->bus, &writer->session, &line);
	hub_end_pass(hub);
	assert_true(writer->is_closed);
	assert_int_equal(hub->bus.flow.stats.messages, 1000);
	assert_int_equal(hub->bus.flow.stats.refused, 1);
	peer_set_full(bus, false);
	bus->got.len = 0;
}

/* An empty packet that has to wait is a message like any other, and is counted as one. */
static void
empty_packet_that_waits(struct hub *hub)
{
	static const char end[] = " receivers=1 channel=4 payload=0\nnews\n\r\n";
	struct peer *bus = receiver(hub, "SUBSCRIBE news\r\n"), *tap = receiver(hub, "UDSD MONITOR\r\n");
	struct peer *writer = peer_new_feed(hub, 2, &packets), *publisher = peer_new(hub, 3);
	uint8_t *data = make_payload(20000);
	struct buf expected = { 0 };

	hub->bus.flow.limits.queue_limit = 10000;
	peer_set_full(bus, true);
	peer_publish(publisher, "news", (struct slice){ data, 20000 });
	hub_settle(hub);
	tap->got.len = 0;
	feed_packet(&hub->bus, &writer->session, &packets, (struct slice){ data, 0 });
	assert_int_equal(writer->session.client.state, CLIENT_WAITING);
	peer_set_full(bus, false);
	hub_settle(hub);
	put_message(&expected, false, NULL, S("news"), (struct slice){ data, 20000 });
	put_message(&expected, false, NULL, S("news"), S(""));
	peer_expect_buf(bus, &expected);
	assert_true(tap->got.len > strlen(end));
	assert_memory_equal(tap->got.data + tap->got.len - strlen(end), end, strlen(end));
	tap->got.len = publisher->got.len = 0;
	free(data);
}

int
main(void)
{
	static const struct conversation conversations[] = {
		{ "every encoding", every_encoding },
		{ "what is sent", what_is_sent },
		{ "acknowledged", acknowledged },
		{ "too long", too_long },
		{ "held up", held_up },
		{ "hurried", hurried },
		{ "empty packet that waits", empty_packet_that_waits },
	};

	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
