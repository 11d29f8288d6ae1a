/*
 * The parser of requests: it returns the same commands however reads split the bytes, with its state of an unfinished
 * request (struct resp_progress) and from scratch. The first byte of the input chooses the limit of an argument; the
 * rest is a stream (stream.h).
 */
#include <string.h>

#include "buf.h"
#include "resp-request.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = { 0, 1, 16, 1024, 65536, (size_t)16 << 20, (size_t)512 << 20, (size_t)1 << 30 };

/* A long run of newlines is as many requests, and would take too long. */
#define REQUESTS_MAX 100

/* The position in a stream that is being read, and the commands so far. */
struct reading {
	struct resp_request request, scratch;
	struct resp_progress progress;
	struct buf found;
	size_t at;   /* first byte after the last request */
	size_t need; /* counted from there; 0: unknown */
	size_t n;    /* requests so far */
	bool failed;
};

static void
fuzz_request_note(struct buf *found, const void *data, size_t len)
{
	assert(buf_append(found, data, len) == 0);
}

static void
fuzz_request_note_command(struct buf *found, const struct resp_request *r)
{
	fuzz_request_note(found, &r->argc, sizeof(r->argc));
	fuzz_request_note(found, &r->used, sizeof(r->used));
	for (size_t i = 0; i < r->argc; i++) {
		fuzz_request_note(found, &r->argv[i].len, sizeof(r->argv[i].len));
		fuzz_request_note(found, r->argv[i].p, r->argv[i].len);
	}
}

static void
fuzz_request_check_same(const struct resp_request *a, const struct resp_request *b)
{
	assert(a->argc == b->argc);
	for (size_t i = 0; i < a->argc; i++) {
		assert(a->argv[i].len == b->argv[i].len);
		assert(a->argv[i].len == 0 || memcmp(a->argv[i].p, b->argv[i].p, a->argv[i].len) == 0);
	}
}

/* A large last argument may be in memory of its own: the two parts must give the same command as the whole. */
static void
fuzz_request_check_tail(const struct resp_request *whole, size_t head_len, size_t tail_len, const uint8_t *data,
                        size_t max_bulk)
{
	struct resp_request r = { 0 };
	struct resp_progress progress = { 0 };
	uint8_t *head = exact_copy(data, head_len), *tail = exact_copy(data + head_len, tail_len);

	assert(resp_request_parse(&r, &progress, head, head_len, max_bulk) == RESP_REQUEST_MORE);
	assert(r.tail_offset == head_len && r.tail_len == tail_len);
	resp_request_add_tail(&r, tail);
	fuzz_request_check_same(&r, whole);
	resp_request_deinit(&r);
	free(head);
	free(tail);
}

/* Parses the len bytes at data from scratch, and compares the result with that of the parser that kept its state. */
static void
reading_check_from_scratch(struct reading *reading, enum resp_request_status status, const uint8_t *data, size_t len,
                           size_t max_bulk)
{
	const struct resp_request *incremental = &reading->request;
	struct resp_request *r = &reading->scratch;
	struct resp_progress progress = { 0 };

	assert(resp_request_parse(r, &progress, data, len, max_bulk) == status);
	if (status == RESP_REQUEST_OK) {
		assert(r->used == incremental->used);
		fuzz_request_check_same(r, incremental);
	} else if (status == RESP_REQUEST_MORE) {
		assert(r->need == incremental->need);
		assert(r->tail_offset == incremental->tail_offset);
		assert(r->tail_offset == 0 || r->tail_len == incremental->tail_len);
	} else {
		assert(strcmp(r->error, incremental->error) == 0);
	}
}

/* Parses one request from data[0..len), the start of which may have been parsed before. Returns whether it is complete.
 */
static bool
reading_step(struct reading *reading, const uint8_t *data, size_t len, size_t max_bulk)
{
	struct resp_request *r = &reading->request;
	size_t tail_offset = reading->need > 0 ? r->tail_offset : 0, tail_len = r->tail_len;
	enum resp_request_status status;

	if (len < reading->need) {
		reading_check_from_scratch(reading, RESP_REQUEST_MORE, data, len, max_bulk);
		return false;
	}
	status = resp_request_parse(r, &reading->progress, data, len, max_bulk);
	assert(status != RESP_REQUEST_NOMEM);
	reading_check_from_scratch(reading, status, data, len, max_bulk);
	if (status == RESP_REQUEST_OK) {
		assert(r->used > 0 && r->used <= len);
		assert(reading->progress.at == 0 && reading->progress.argc == 0 && reading->progress.count == 0);
		fuzz_request_note_command(&reading->found, r);
		if (tail_offset > 0)
			fuzz_request_check_tail(r, tail_offset, tail_len, data, max_bulk);
		reading->at += r->used;
		reading->need = 0;
		reading->n++;
	} else if (status == RESP_REQUEST_MORE) {
		assert(r->need > len);
		assert(r->tail_offset <= len);
		reading->need = r->need;
	} else {
		assert(r->error[0]);
		fuzz_request_note(&reading->found, r->error, strlen(r->error));
		reading->need = 0;
		reading->failed = true;
	}
	return status == RESP_REQUEST_OK;
}

/* Reads the stream in the given pieces. The caller frees .found. */
static struct reading
reading_of(const struct stream_of_pieces *stream, const size_t *ends, size_t n, size_t max_bulk)
{
	struct reading reading = { 0 };

	for (size_t i = 0; i < n && !reading.failed && reading.n < REQUESTS_MAX; i++) {
		size_t from = reading.at;
		uint8_t *copy = exact_copy(stream->data + from, ends[i] - from);

		while (!reading.failed && reading.at < ends[i] && reading.n < REQUESTS_MAX)
			if (!reading_step(&reading, copy + (reading.at - from), ends[i] - reading.at, max_bulk))
				break;
		free(copy);
	}
	resp_request_deinit(&reading.request);
	resp_request_deinit(&reading.scratch);
	return reading;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream_of_pieces stream;
	struct reading whole, pieces;
	size_t max_bulk;

	if (size == 0)
		return 0;
	max_bulk = limits[data[0] % (sizeof(limits) / sizeof(limits[0]))];
	stream = stream_from(data + 1, size - 1);
	whole = reading_of(&stream, &stream.len, 1, max_bulk);
	pieces = reading_of(&stream, stream.ends, stream.n, max_bulk);
	assert(whole.failed == pieces.failed && whole.at == pieces.at && whole.need == pieces.need);
	assert(whole.found.len == pieces.found.len);
	assert(whole.found.len == 0 || memcmp(whole.found.data, pieces.found.data, whole.found.len) == 0);
	buf_deinit(&whole.found);
	buf_deinit(&pieces.found);
	return 0;
}
