/*
 * Messages as commands. The command for a message is the same, byte for byte, whenever it is made: for an entry of a
 * stream it names the producer and the identifier, so the daemon knows whether it has the message already.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"
#include "way.h"

struct sendq;

struct item {
	struct slice channel, text;
	const struct way *way;
	uint64_t way_serial; /* another one: another way or producer */
	/* Where there is no key, the message is known by these; with a key by its number. */
	struct slice producer;
	uint64_t number; /* from 0 on, one more for each message of the producer */
	uint64_t sum;    /* for messages that might get the number of another one; or 0 */
};

/* What the last command began with. Zero-initialised is empty. */
struct frame {
	struct buf head, middle;        /* before and behind the identifier */
	size_t channel_at, channel_len; /* within the head */
	uint64_t way_serial, block;
};

void frame_deinit(struct frame *f);

/* Queues the command for the message. */
void frame_push(struct frame *f, struct sendq *q, const struct item *item);

bool frame_is_publish(struct slice command);

/* The length of the message in a command. */
uint64_t frame_message_size(struct slice command);
