/*
 * The parser of replies: it returns the same values however reads split the bytes, its values are consistent, and they
 * come back when they are written and read again. The first byte of the input chooses the limit of a string; the rest
 * is a stream (stream.h).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "resp-encode.h"
#include "resp-reply.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t limits[] = { 0, 3, 16, 1024, 65536, (size_t)16 << 20, (size_t)512 << 20, SIZE_MAX / 2 };

struct reading {
	struct resp_reply reply;
	struct buf found;
	size_t at, need;
	bool failed;
};

static bool
fuzz_reply_is_aggregate(enum resp_type type)
{
	return strchr("*%~>|", (int)type) != NULL;
}

/* Checks the value at i and all values inside it; returns the index after them. */
static size_t
fuzz_reply_check_value(const struct resp_reply *r, size_t i, size_t depth)
{
	const struct resp_node *node = &r->nodes[i];
	size_t next = i + 1;

	assert(i < r->count);
	if (!fuzz_reply_is_aggregate(node->type)) {
		assert(node->elements == 0 && node->end == i + 1);
		return node->end;
	}
	assert(depth <= RESP_REPLY_DEPTH_MAX || node->elements == 0);
	assert(node->text.len == 0);
	assert(node->elements % 2 == 0 || (node->type != RESP_MAP && node->type != RESP_ATTRIBUTE));
	for (size_t n = 0; n < node->elements; n++) {
		while (next < r->count && r->nodes[next].type == RESP_ATTRIBUTE)
			next = fuzz_reply_check_value(r, next, depth + 1);
		next = fuzz_reply_check_value(r, next, depth + 1);
	}
	assert(node->end == next);
	return next;
}

static void
fuzz_reply_put(struct buf *out, const void *data, size_t len)
{
	assert(buf_append(out, data, len) == 0);
}

static void
fuzz_reply_put_header(struct buf *out, enum resp_type type, size_t n)
{
	char header[RESP_HEADER_MAX];

	fuzz_reply_put(out, header, resp_put_header(header, (char)type, n));
}

/* Writes one value without the values inside it. */
static void
fuzz_reply_put_node(struct buf *out, const struct resp_node *node)
{
	char number[32];

	switch (node->type) {
	case RESP_BULK:
	case RESP_BULK_ERROR:
		fuzz_reply_put_header(out, node->type, node->text.len);
		fuzz_reply_put(out, node->text.p, node->text.len);
		fuzz_reply_put(out, "\r\n", 2);
		return;
	case RESP_VERBATIM:
		fuzz_reply_put_header(out, node->type, node->text.len + 4);
		fuzz_reply_put(out, "txt:", 4);
		fuzz_reply_put(out, node->text.p, node->text.len);
		fuzz_reply_put(out, "\r\n", 2);
		return;
	case RESP_ARRAY:
	case RESP_SET:
	case RESP_PUSH:
		fuzz_reply_put_header(out, node->type, node->elements);
		return;
	case RESP_MAP:
	case RESP_ATTRIBUTE:
		fuzz_reply_put_header(out, node->type, node->elements / 2);
		return;
	case RESP_INTEGER:
		assert(snprintf(number, sizeof(number), "%lld", (long long)node->integer) == (int)node->text.len);
		assert(memcmp(number, node->text.p, node->text.len) == 0);
		break;
	case RESP_BOOLEAN:
		assert(node->integer == (node->text.p[0] == 't'));
		break;
	case RESP_NULL:
		assert(node->text.len == 0);
		break;
	case RESP_SIMPLE:
	case RESP_ERROR:
	case RESP_DOUBLE:
	case RESP_BIG_NUMBER:
		break;
	}
	fuzz_reply_put(out, &(char){ (char)node->type }, 1);
	fuzz_reply_put(out, node->text.p, node->text.len);
	fuzz_reply_put(out, "\r\n", 2);
}

static void
fuzz_reply_check_same(const struct resp_reply *a, const struct resp_reply *b)
{
	assert(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct resp_node *x = &a->nodes[i], *y = &b->nodes[i];

		assert(x->type == y->type && x->integer == y->integer);
		assert(x->elements == y->elements && x->end == y->end && x->text.len == y->text.len);
		assert(x->text.len == 0 || memcmp(x->text.p, y->text.p, x->text.len) == 0);
	}
}

/* Writes the reply in the canonical form of each type, and expects to read the same values. */
static void
fuzz_reply_check_round_trip(const struct resp_reply *r, struct buf *out)
{
	struct resp_reply again = { 0 };
	uint8_t *copy;

	for (size_t i = 0; i < r->count; i++)
		fuzz_reply_put_node(out, &r->nodes[i]);
	copy = exact_copy(out->data, out->len);
	assert(resp_reply_parse(&again, copy, out->len, SIZE_MAX / 2) == RESP_REPLY_OK);
	assert(again.used == out->len);
	fuzz_reply_check_same(r, &again);
	resp_reply_deinit(&again);
	free(copy);
}

/* An array of strings is a command: resp_put_command() must write the same bytes. */
static void
fuzz_reply_check_command(const struct resp_reply *r, const struct buf *written)
{
	struct slice argv[64];
	size_t n = r->nodes[0].elements;
	char *command;

	if (r->nodes[0].type != RESP_ARRAY || n > sizeof(argv) / sizeof(argv[0]) || r->count != n + 1)
		return;
	for (size_t i = 0; i < n; i++) {
		if (r->nodes[i + 1].type != RESP_BULK)
			return;
		argv[i] = r->nodes[i + 1].text;
	}
	command = malloc(resp_command_size(argv, n));
	assert(command);
	assert(resp_put_command(command, argv, n) == written->len);
	assert(memcmp(command, written->data, written->len) == 0);
	free(command);
}

static void
reading_note(struct reading *reading)
{
	struct resp_reply *r = &reading->reply;
	struct buf out = { 0 };
	size_t i = 0;

	assert(r->count > 0);
	while (i < r->count && r->nodes[i].type == RESP_ATTRIBUTE)
		i = fuzz_reply_check_value(r, i, 1);
	assert(fuzz_reply_check_value(r, i, 1) == r->count);
	fuzz_reply_check_round_trip(r, &out);
	fuzz_reply_check_command(r, &out);
	fuzz_reply_put(&reading->found, &r->used, sizeof(r->used));
	fuzz_reply_put(&reading->found, out.data, out.len);
	buf_deinit(&out);
}

/* Parses one reply from data[0..len), the start of which may have been parsed before. Returns whether it is complete.
 */
static bool
reading_step(struct reading *reading, const uint8_t *data, size_t len, size_t max_bulk)
{
	struct resp_reply *r = &reading->reply;
	enum resp_reply_status status = resp_reply_parse(r, data, len, max_bulk);

	assert(status != RESP_REPLY_NOMEM);
	assert(status != RESP_REPLY_OK || len >= reading->need);
	if (status == RESP_REPLY_OK) {
		assert(r->used > 0 && r->used <= len);
		reading_note(reading);
		reading->at += r->used;
		reading->need = 0;
	} else if (status == RESP_REPLY_MORE) {
		assert(r->need > len && r->need >= reading->need);
		reading->need = r->need;
	} else {
		assert(r->error[0]);
		fuzz_reply_put(&reading->found, r->error, strlen(r->error));
		reading->need = 0;
		reading->failed = true;
	}
	return status == RESP_REPLY_OK;
}

static struct reading
reading_of(const struct stream_of_pieces *stream, const size_t *ends, size_t n, size_t max_bulk)
{
	struct reading reading = { 0 };

	for (size_t i = 0; i < n && !reading.failed; i++) {
		size_t from = reading.at;
		uint8_t *copy = exact_copy(stream->data + from, ends[i] - from);

		while (!reading.failed && reading.at < ends[i])
			if (!reading_step(&reading, copy + (reading.at - from), ends[i] - reading.at, max_bulk))
				break;
		free(copy);
	}
	resp_reply_deinit(&reading.reply);
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
