#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define LENGTH_SIZE ((size_t)4)

static enum frame_status
frame_finish(const uint8_t *p, size_t len, size_t used, uint64_t max, struct frame *ret_frame)
{
	if (len > max)
		return FRAME_TOO_LONG;
	*ret_frame = (struct frame){ { p, len }, used };
	return FRAME_OK;
}

static enum frame_status
frame_split_line(const uint8_t *p, size_t len, bool is_end, uint64_t max, size_t *scanned, struct frame *ret_frame)
{
	const uint8_t *lf = memchr(p + *scanned, '\n', len - *scanned);
	size_t end = lf ? (size_t)(lf - p) : len;

	*scanned = 0;
	if (lf || is_end) /* a CR belongs to the line end only before an LF */
		return frame_finish(p, lf && end > 0 && p[end - 1] == '\r' ? end - 1 : end, lf ? end + 1 : end, max,
		                    ret_frame);
	if (len - (p[len - 1] == '\r') > max)
		return FRAME_TOO_LONG;
	*scanned = len;
	return FRAME_MORE;
}

static enum frame_status
frame_split_length(const uint8_t *p, size_t len, bool is_end, uint64_t max, struct frame *ret_frame)
{
	uint32_t size;

	if (len >= LENGTH_SIZE) {
		memcpy(&size, p, LENGTH_SIZE);
		size = ntohl(size);
		if (size > max)
			return FRAME_TOO_LONG;
		if (len - LENGTH_SIZE >= size)
			return frame_finish(p + LENGTH_SIZE, size, LENGTH_SIZE + size, max, ret_frame);
	}
	return is_end ? FRAME_CUT : FRAME_MORE;
}

enum frame_status
frame_split(enum framing framing, const uint8_t *p, size_t len, bool is_end, uint64_t max, size_t *scanned,
            struct frame *ret_frame)
{
	assert(len > 0 && *scanned <= len);
	switch (framing) {
	case FRAMING_LINE:
		return frame_split_line(p, len, is_end, max, scanned, ret_frame);
	case FRAMING_LENGTH:
		return frame_split_length(p, len, is_end, max, ret_frame);
	case FRAMING_WHOLE:
		if (is_end || len > max)
			return frame_finish(p, len, len, max, ret_frame);
		return FRAME_MORE;
	}
	return FRAME_CUT;
}
