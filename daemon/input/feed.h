/*
 * Input of a session whose client does not speak RESP: bytes or packets in, messages to one channel out. Unless such a
 * client gets acknowledgements, the protocol has no way to report an error to it, so an error closes it, with a line in
 * the log, and is counted. What it has sent is published even if it has gone since.
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

/* The protocol of all clients of one listener. */
struct feed_plan {
	enum framing framing; /* of streams */
	bool is_packets;      /* each packet is a message */
	bool is_shared;       /* the session stands for many senders: an error does not close it */
	bool ack;             /* each message is answered by a line: the number of receivers, or the error */
	bool deliver;         /* the client receives the channel too */
	enum encoding encoding;
	struct slice channel; /* at most PROTOCOL_NAME_MAX */
};

/* Takes NULL. */
void feed_free(struct feed *feed);

/* Memory of unhandled input, in bytes. Takes NULL. */
size_t feed_size(const struct feed *feed);

/* Prepares a new session. Closes it if it is to receive the channel and has no right to. */
void feed_begin(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Handles bytes, or one packet, of a session in state OPEN. Its state may be any afterwards. */
void feed_received(struct bus *bus, struct session *s, const struct feed_plan *plan, const uint8_t *p, size_t len);
void feed_packet(struct bus *bus, struct session *s, const struct feed_plan *plan, struct slice packet);

/* Handles the end of the stream: publishes the last message, then finishes the session. */
void feed_ended(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Handles input that an earlier pass has left; the session is in state READY. */
void feed_resume(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Publishes what waits, even if receivers are clogged. From then on, no message of the session waits. */
void feed_hurry(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Call when no more is read: drops an unfinished message, with a line in the log, and finishes the session. */
void feed_stop(struct bus *bus, struct session *s, const struct feed_plan *plan);

/* Reports that a message was not published, and closes the session unless it is shared. */
void feed_refuse(struct bus *bus, struct session *s, const struct feed_plan *plan, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
