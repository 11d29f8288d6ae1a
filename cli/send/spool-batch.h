/* A batch of a spool in memory: it is filled message by message and written, or read and taken out again. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "protocol.h"
#include "spool-file.h"

/* A message of the spool. */
struct spool_message {
	struct slice channel, way, text;
	uint64_t number; /* in the file */
	uint64_t sum;    /* of the batch that it was written in */
};

struct batch {
	struct buf bytes; /* with its header; empty: none */
	size_t at;        /* of the next message in it; while it is filled, of the first */
	uint32_t left;    /* messages from there on */
	uint64_t number;  /* of the next message */
	uint16_t channel_len, way_len;
};

/* Begins a batch where there is none, and adds a message. */
void batch_add(struct batch *b, struct slice channel, struct slice way, struct slice text);

/* Bytes of the first `count` messages of the batch that is being filled, with its header. */
uint64_t batch_size(const struct batch *b, uint32_t count);

/* The first `count` messages, `size` bytes with the header, were written: removes them. */
void batch_remove(struct batch *b, uint32_t count, uint64_t size);

/* The bytes were read, or written, with this header: the message with this number, or the last one, comes out first. */
void batch_open(struct batch *b, const struct spool_batch *header, uint64_t number);

/* Takes out the next message, which must exist. Valid as long as the batch. */
void batch_take(struct batch *b, struct spool_message *ret_message);
