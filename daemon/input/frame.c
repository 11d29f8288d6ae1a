#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define LENGTH_SIZE ((size_t)4)

/* In bytes; most lines are shorter. */
#define LINE_STEP 512

static enum frame_status
frame_finish(const uint8_t *p, size_t len, size_t used, uint64_t max, struct frame *ret_frame)
{
	if (len > max)
		return FRAME_TOO_LONG;
	*ret_frame = (struct frame){ { p, len }, used };
	return FRAME_OK;
}

/*
 * The first LF or NUL, or NULL. One is looked for only a little further than the other: streams have one of them, and
 * may be long.
 */
static const uint8_t *
frame_find_line_end(const uint8_t *p, const uint8_t *end)
{
	for (size_t n; p < end; p += n) {
		const uint8_t *lf, *nul;

		n = end - p < LINE_STEP ? (size_t)(end - p) : LINE_STEP;
		lf = memchr(p, '\n', n);
		nul = memchr(p, '\0', lf ? (size_t)(lf - p) : n);
		if (lf || nul)
			return nul ? nul : lf;
	}
	return NULL;
}

static enum frame_status
frame_split_line(const uint8_t *p, size_t len, bool is_end, uint64_t max, size_t *scanned, struct frame *ret_frame)
{
	const uint8_t *end = frame_find_line_end(p + *scanned, p + len);
	size_t line_len = end ? (size_t)(end - p) : len, used = end ? line_len + 1 : len;

	*scanned = 0;
	if (end || is_end) {
		if (end && *end == '\n' && line_len > 0 &&
		    end[-1] == '\r') /* a CR belongs to the line end only there */
			line_len--;
		return frame_finish(p, line_len, used, max, ret_frame);
	}
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
