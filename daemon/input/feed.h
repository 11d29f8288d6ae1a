/*
 * Input of a session whose client does not speak RESP: bytes or packets in, messages of one channel out. Such a client
 * cannot be told that something is wrong, unless it gets acknowledgements: it is closed, that is logged and counted.
 * What it has sent is published even if it has gone since.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoding.h"
#include "frame.h"

struct bus;
struct feed;
struct session;

/* What the clients of one listener have in common. */
struct feed_plan {
	enum framing framing; /* of a stream */
	bool is_packets;      /* each packet is a message */
	bool is_shared; /* the session stands for many senders: it stays when something is wrong with one message */
	bool ack;       /* each message is answered by a line: to how many it went, or what is wrong */
	bool deliver;   /* the session is subscribed to the channel */
	enum encoding encoding;
	struct slice channel; /* at most PROTOCOL_NAME_MAX */
};

/* Takes NULL. */
void feed_free(struct feed *feed);

/* Bytes of input that are kept. Takes NULL. */
size_t feed_size(const struct feed *feed);

/* A new session gets ready. It may be closed if it is to receive the channel and may not. */
void feed_begin(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Handles bytes, or one packet, of a session in state OPEN. It may be in any state afterwards. */
void feed_received(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len);
void feed_packet(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice packet);

/* Nothing follows: the last message is published, then the session is finished. */
void feed_ended(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Handles what is left over from an earlier pass; the session is in state READY. */
void feed_resume(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Publishes what waits, now, even if receivers are clogged. From then on, nothing of the session waits. */
void feed_hurry(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* No more is read: what is there of an unfinished message is lost, and the session is finished. */
void feed_stop(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* A message is not published: says so, and closes the session unless it is shared. */
void feed_refuse(struct bus *bus, struct session *s, const struct feed_plan *plan, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
