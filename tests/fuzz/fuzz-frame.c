/*
 * The framings of clients that do not speak RESP: a stream must become the same messages however reads split it, and
 * the messages of a plain model of the three framings. The first byte of the input chooses the framing and the largest
 * message.
 */
#include <stdbool.h>

#include "frame.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = { 1, 4, 100, 5000 };

/* The first message of p[0..len), which is the whole rest of the stream. */
static enum frame_status
fuzz_frame_model(enum framing framing, const uint8_t *p, size_t len, size_t max, struct slice *ret_payload,
                 size_t *ret_used)
{
	size_t n = 0, used = 0;

	switch (framing) {
	case FRAMING_LINE:
		while (n < len && p[n] != '\n' && p[n] != '\0')
			n++;
		used = n < len ? n + 1 : n;
		if (n < len && p[n] == '\n' && n > 0 && p[n - 1] == '\r')
			n--;
		break;
	case FRAMING_LENGTH:
		if (len < 4)
			return FRAME_CUT;
		n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		if (n <= max && len - 4 < n)
			return FRAME_CUT;
		p += 4;
		used = 4 + n;
		break;
	case FRAMING_WHOLE:
		n = used = len;
		break;
	}
	*ret_payload = (struct slice){ p, n };
	*ret_used = used;
	return n > max ? FRAME_TOO_LONG : FRAME_OK;
}

/* Splits the pieces as they arrive, and compares each message with the model's. */
static void
fuzz_frame_check(enum framing framing, size_t max, const struct stream_of_pieces *stream)
{
	size_t at = 0, scanned = 0, used;
	struct slice payload;
	struct frame frame;

	for (size_t i = 0; i < stream->n; i++) {
		bool is_end = i + 1 == stream->n;

		while (at < stream->ends[i]) {
			size_t len = stream->ends[i] - at;
			uint8_t *exact = exact_copy(stream->data + at, len);
			enum frame_status status, expected;

			status = frame_split(framing, exact, len, is_end, max, &scanned, &frame);
			if (status != FRAME_MORE) {
				expected = fuzz_frame_model(framing, stream->data + at, stream->len - at, max, &payload,
				                            &used);
				assert(status == expected);
			}
			if (status == FRAME_OK) {
				assert(frame.used == used && frame.used <= len && scanned == 0);
				assert(frame.payload.len == payload.len);
				assert(memcmp(frame.payload.p, payload.p, payload.len) == 0);
				at += used;
			}
			free(exact);
			if (status == FRAME_TOO_LONG || status == FRAME_CUT)
				return;
			assert(!is_end || status == FRAME_OK);
			assert(scanned <= stream->ends[i] - at);
			if (status == FRAME_MORE)
				break;
		}
	}
	assert(at == stream->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream_of_pieces stream;

	if (size == 0)
		return 0;
	stream = stream_from(data + 1, size - 1);
	fuzz_frame_check((enum framing)(data[0] % 3), limits[data[0] / 3 % 4], &stream);
	return 0;
}
