/*
 * What is left over of a session's input after a read: the beginning of an unfinished command, or commands that must
 * wait. It exists only while there are such bytes, so an idle client costs no buffer. Knows neither clients nor
 * commands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "buf.h"
#include "chunk.h"
#include "resp-request.h"

struct leftover {
	struct buf bytes;
	size_t need; /* length of bytes at which the unfinished first command gets further; 0: it is whole */
	struct resp_progress progress; /* of the first command */
	/*
	 * NULL, or the large last argument of the first command: "$LEN\r\n", payload, CRLF, tail_size bytes when it is
	 * complete. The first head_len of bytes are the command before it; commands that wait may follow.
	 */
	struct chunk *tail;
	size_t tail_size, head_len;
};

/* Takes NULL. */
void leftover_free(struct leftover *leftover);

/* Memory of it, in bytes. Takes NULL. */
size_t leftover_size(const struct leftover *leftover);

/*
 * Sets what the unfinished first command needs, after the parser has asked for more, as `request` says. Returns 0 or
 * -ENOMEM.
 */
int leftover_set_need(struct leftover *leftover, struct chunk_pool *pool, const struct resp_request *request);

/* Whether its first command is whole, or the parser can get further with it. */
static inline bool
leftover_is_ready(const struct leftover *leftover)
{
	return leftover->tail ? leftover->tail->len == leftover->tail_size : leftover->bytes.len >= leftover->need;
}

/*
 * Finds room for what the unfinished first command needs, but for at most `size` bytes of what is not its tail. Returns
 * 1 if all of it has room, 0 if only a part, or -ENOMEM. leftover_received() adds the bytes that were read there.
 */
int leftover_room(struct leftover *leftover, size_t size, struct iovec *ret_room);
void leftover_received(struct leftover *leftover, size_t len);

/*
 * Copies at most as many bytes as the first command needs: of a line, up to its end. Returns the number of bytes, or
 * -ENOMEM.
 */
ssize_t leftover_append(struct leftover *leftover, const uint8_t *p, size_t len);

/* Removes the first command, which has a tail and is done. */
void leftover_end_tail(struct leftover *leftover);
