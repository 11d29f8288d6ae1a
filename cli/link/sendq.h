/*
 * The queue of what is to be sent and of what was sent but not yet answered for: frames in order, kept in
 * blocks of 64 KiB (a larger frame has a block of its own). Two positions go through it: up to `answered`
 * frames are done with and forgotten; up to `sent` their bytes were written. After the loss of a
 * connection `sent` goes back to `answered`, and all that is left is written again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "protocol.h"

/* The most bytes of one frame. */
#define SENDQ_FRAME_MAX ((size_t)1024 * 1024 * 1024)

struct sendq_block;

struct sendq {
	TAILQ_HEAD(sendq_blocks, sendq_block) blocks, spare;
	unsigned int n_spare;
	uint32_t answered;              /* frames of the first block that are done with */
	struct sendq_block *sent_block; /* NULL only while there is no block */
	size_t sent_offset;             /* bytes of sent_block that were written */
	uint64_t frames, bytes;         /* queued: not answered */
	uint64_t sent_bytes;            /* of `bytes`: written */
};

void sendq_init(struct sendq *q);
void sendq_deinit(struct sendq *q);

/* Room for a frame of at most `size` bytes. sendq_commit() makes it a frame, and must be the next call. */
void *sendq_reserve(struct sendq *q, size_t size);

/*
 * Queues the first `size` bytes of the room as a frame, at least one. With `open` it is a part of a line
 * whose next part is the next frame: sendq_drop_read() drops them together.
 */
void sendq_commit(struct sendq *q, size_t size, bool open);

/* No more parts come for the line that the last frame began. */
void sendq_close_line(struct sendq *q);

/* Fills iov with up to `max` runs of bytes to be written next; returns how many. */
int sendq_peek(struct sendq *q, struct iovec *iov, int max);

/* The first n bytes of what sendq_peek() gave were written. */
void sendq_sent(struct sendq *q, size_t n);

/*
 * Forgets the first n frames. Returns false, with some of them gone, when there were not as many that
 * were written to their last byte.
 */
bool sendq_answered(struct sendq *q, size_t n);

/* Forgets the first frame, which must exist, written or not. */
void sendq_drop_first(struct sendq *q);

/*
 * Of the bytes written at most `unread` were not read by the other side: forgets the frames before those,
 * by whole lines.
 */
void sendq_drop_read(struct sendq *q, uint64_t unread);

/* The connection is gone: what was written and not answered is to be written again. */
void sendq_rewind(struct sendq *q);

/* How many of the queued frames were written to their last byte. */
uint64_t sendq_sent_frames(const struct sendq *q);

/* The bytes of the first frame, which must exist. */
struct slice sendq_first(const struct sendq *q);

/* Whether the first frame, which must exist, was written to its last byte. */
bool sendq_first_is_sent(const struct sendq *q);

static inline bool
sendq_has_unsent(const struct sendq *q)
{
	return q->sent_bytes < q->bytes;
}
