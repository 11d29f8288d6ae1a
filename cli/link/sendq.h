/*
 * The queue of a verb that must not lose anything: frames in order, from the first that is not answered (or not read by
 * the other side) to the last that waits to be written. Two positions move through it: `answered`, before which frames
 * are forgotten, and `sent`, before which bytes are written. When the connection is lost, `sent` goes back to
 * `answered` and everything left is written again: at least once, in order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "protocol.h"

/* The longest frame, in bytes. */
#define SENDQ_FRAME_MAX ((size_t)1024 * 1024 * 1024)

struct sendq_block;

struct sendq {
	TAILQ_HEAD(sendq_blocks, sendq_block) blocks, spare;
	unsigned int n_spare;
	uint32_t answered;              /* frames of the first block */
	struct sendq_block *sent_block; /* NULL only while there is no block */
	size_t sent_offset;             /* bytes of sent_block that are written */
	uint64_t frames, bytes;         /* not answered */
	uint64_t sent_bytes;            /* of `bytes`: written */
};

void sendq_init(struct sendq *q);
void sendq_deinit(struct sendq *q);

/* Room for a frame of at most `size` bytes. sendq_commit() must be the next call; it makes it a frame. */
void *sendq_reserve(struct sendq *q, size_t size);

/*
 * Queues the first `size` bytes of the room, at least one, as a frame. open: the frame is a part of a line that goes on
 * in the next frame; sendq_drop_read() drops lines as a whole.
 */
void sendq_commit(struct sendq *q, size_t size, bool open);

/* Ends the line of the last frame. */
void sendq_close_line(struct sendq *q);

/* Sets up to `max` entries of iov to the bytes to be written next; returns how many entries. */
int sendq_peek(struct sendq *q, struct iovec *iov, int max);

/* The next n bytes, of those that sendq_peek() gave, are written. */
void sendq_sent(struct sendq *q, size_t n);

/*
 * Removes the first n frames. Returns false, with some of them removed, if fewer frames are completely written: an
 * answer to what was not asked.
 */
bool sendq_answered(struct sendq *q, size_t n);

/* Removes the first frame, which must exist, written or not. */
void sendq_drop_first(struct sendq *q);

/*
 * The other side has not read at most `unread` of the bytes written: removes the lines before those.
 */
void sendq_drop_read(struct sendq *q, uint64_t unread);

/* The connection is lost: what is written but not answered will be written again. */
void sendq_rewind(struct sendq *q);

/* How many of the queued frames are completely written. */
uint64_t sendq_sent_frames(const struct sendq *q);

/* The bytes of the first frame, which must exist. */
struct slice sendq_first(const struct sendq *q);

/* Whether the first frame, which must exist, is completely written. */
bool sendq_first_is_sent(const struct sendq *q);

static inline bool
sendq_has_unsent(const struct sendq *q)
{
	return q->sent_bytes < q->bytes;
}
