/*
 * `bytes` begin with the first command that is not done, and new input goes behind them, so that the order stays. If
 * that command is unfinished, `need` is the length at which the parser can get further. No more than that, or the rest
 * of a line, is added, because what follows the command can run from the shared buffer again. `progress` spares the
 * parser from reading the beginning twice.
 *
 * A large last argument, nearly always the payload of a PUBLISH, is read into a chunk of its own, the tail, which
 * receivers then share: a large message is not copied between the socket of its publisher and those of its receivers.
 * Until it is complete, nothing runs; then `bytes` are the command before it, parsed again to collect the arguments.
 */
#include "leftover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "resp-encode.h"

/* Memory of a tail at first; it grows with the bytes that come, not with the length that a client announces. */
#define TAIL_FIRST ((size_t)256 * 1024)

void
leftover_free(struct leftover *leftover)
{
	if (!leftover)
		return;
	buf_deinit(&leftover->bytes);
	chunk_unref(leftover->tail);
	free(leftover);
}

size_t
leftover_size(const struct leftover *leftover)
{
	/* Of the tail, what was not written to yet is not in memory either. */
	return leftover ? buf_memory(&leftover->bytes) + (leftover->tail ? leftover->tail->len : 0) : 0;
}

/* Moves what has come of the last argument to a tail. */
static int
leftover_begin_tail(struct leftover *leftover, struct chunk_pool *pool, const struct resp_request *request)
{
	size_t head = request->tail_offset, size = resp_bulk_size(request->tail_len);
	size_t come = leftover->bytes.len - head;
	size_t first = come + RESP_HEADER_MAX > TAIL_FIRST ? come + RESP_HEADER_MAX : TAIL_FIRST;
	struct chunk *tail = chunk_new(pool, size < first ? size : first);

	if (!tail)
		return -ENOMEM;
	tail->len = (uint32_t)resp_put_header((char *)tail->data, '$', request->tail_len);
	memcpy(tail->data + tail->len, leftover->bytes.data + head, come);
	tail->len += (uint32_t)come;
	leftover->bytes.len = leftover->head_len = head;
	buf_shrink(&leftover->bytes);
	leftover->tail = tail;
	leftover->tail_size = size;
	return 0;
}

int
leftover_set_need(struct leftover *leftover, struct chunk_pool *pool, const struct resp_request *request)
{
	leftover->need = request->need;
	if (request->tail_offset > 0 && request->tail_len >= BATCH_LARGE)
		return leftover_begin_tail(leftover, pool, request);
	return 0;
}

/* Makes room for up to `size` more bytes of the tail. Returns the number of bytes that fit, or -ENOMEM. */
static ssize_t
leftover_tail_room(struct leftover *leftover, size_t size)
{
	size_t left = leftover->tail_size - leftover->tail->len, cap = leftover->tail->cap;
	struct chunk *tail;

	if (cap == leftover->tail->len && left > 0) {
		cap = 2 * cap < leftover->tail_size ? 2 * cap : leftover->tail_size;
		tail = chunk_grow(leftover->tail, cap);
		if (!tail)
			return -ENOMEM;
		leftover->tail = tail;
	}
	if (size > left)
		size = left;
	return (ssize_t)(cap - leftover->tail->len < size ? cap - leftover->tail->len : size);
}

ssize_t
leftover_append(struct leftover *leftover, const uint8_t *p, size_t len)
{
	bool is_line = leftover->need == leftover->bytes.len + 1;
	const uint8_t *newline;
	ssize_t n;

	if (leftover->tail) {
		n = leftover_tail_room(leftover, len);
		if (n > 0) {
			memcpy(leftover->tail->data + leftover->tail->len, p, (size_t)n);
			leftover->tail->len += (uint32_t)n;
		}
		return n;
	}
	if (is_line && len > PROTOCOL_LINE_MAX)
		len = PROTOCOL_LINE_MAX;
	if (is_line && (newline = memchr(p, '\n', len)))
		len = (size_t)(newline - p) + 1;
	if (!is_line && len > leftover->need - leftover->bytes.len)
		len = leftover->need - leftover->bytes.len;
	return buf_append(&leftover->bytes, p, len) < 0 ? -ENOMEM : (ssize_t)len;
}

int
leftover_room(struct leftover *leftover, size_t size, struct iovec *ret_room)
{
	size_t want = leftover->need - leftover->bytes.len;
	ssize_t n;

	if (leftover->tail) {
		n = leftover_tail_room(leftover, leftover->tail_size);
		if (n < 0)
			return (int)n;
		*ret_room = (struct iovec){ leftover->tail->data + leftover->tail->len, (size_t)n };
		return leftover->tail->len + (size_t)n == leftover->tail_size;
	}
	assert(leftover->need > leftover->bytes.len);
	if (size > want)
		size = want;
	if (buf_reserve(&leftover->bytes, size) < 0)
		return -ENOMEM;
	*ret_room = (struct iovec){ leftover->bytes.data + leftover->bytes.len, size };
	return size == want;
}

void
leftover_received(struct leftover *leftover, size_t len)
{
	if (leftover->tail)
		leftover->tail->len += (uint32_t)len;
	else
		leftover->bytes.len += len;
}

void
leftover_end_tail(struct leftover *leftover)
{
	chunk_unref(leftover->tail);
	leftover->tail = NULL;
	leftover->progress = (struct resp_progress){ 0 };
	buf_consume(&leftover->bytes, leftover->head_len);
	leftover->need = 0;
}
