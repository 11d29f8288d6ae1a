#include "answer.h"

#include <assert.h>
#include <string.h>

#include "reply.h"
#include "resp-encode.h"

/* What is reserved for a header that is known later: those of fewer than ten elements, the most frequent ones. */
#define ANSWER_HOLE ((size_t)4)

void
answer_begin(struct answer *answer, struct bus *bus, struct session *s)
{
	*answer = (struct answer){ bus, s, chunk_new(&bus->flow.chunks, CHUNK_ROOM) };
	bus->flow.work.done += WORK_LOOKUP;
}

size_t
answer_bytes(const struct answer *answer)
{
	return answer->out ? answer->out->len : 0;
}

bool
answer_is_too_long(const struct answer *answer)
{
	return answer_bytes(answer) > answer->bus->flow.limits.queue_limit;
}

static char *__attribute__((noinline)) answer_grow(struct answer *answer, size_t len)
{
	struct chunk *out = answer->out, *larger = NULL;

	if (!out)
		return NULL;
	if (out->len + len <= UINT32_MAX / 4)
		larger = chunk_grow(out, 2 * (size_t)out->cap + len);
	if (!larger)
		chunk_unref(out);
	answer->out = larger;
	return larger ? (char *)larger->data + larger->len : NULL;
}

/* Returns space for len bytes, or NULL. What was written is added to out->len by the caller. */
static inline char *
answer_reserve(struct answer *answer, size_t len)
{
	struct chunk *out = answer->out;

	if (!out || out->cap - out->len < len)
		return answer_grow(answer, len);
	return (char *)out->data + out->len;
}

static void
answer_header(struct answer *answer, char type, uint64_t value)
{
	char *p = answer_reserve(answer, RESP_HEADER_MAX);

	answer->bus->flow.work.done += WORK_VISIT;
	if (p)
		answer->out->len += (uint32_t)resp_put_header(p, type, value);
}

static void
answer_raw(struct answer *answer, const char *data, size_t len)
{
	char *p = answer_reserve(answer, len);

	answer->bus->flow.work.done += WORK_VISIT;
	if (!p)
		return;
	memcpy(p, data, len);
	answer->out->len += (uint32_t)len;
}

void
answer_array(struct answer *answer, size_t n)
{
	answer_header(answer, '*', n);
}

void
answer_map(struct answer *answer, size_t n)
{
	bool is_resp3 = client_is_resp3(&answer->s->client);

	answer_header(answer, is_resp3 ? '%' : '*', is_resp3 ? n : 2 * n);
}

void
answer_integer(struct answer *answer, int64_t value)
{
	if (value >= 0) {
		answer_header(answer, ':', (uint64_t)value);
	} else {
		char text[RESP_HEADER_MAX + 1] = ":";
		size_t len = resp_put_header(text + 1, '-', -(uint64_t)value);

		answer_raw(answer, text, len + 1);
	}
}

static inline void
answer_put_bulk(struct answer *answer, struct slice data)
{
	char *p = answer_reserve(answer, data.len + RESP_HEADER_MAX + 2), *end;

	answer->bus->flow.work.done += 2 * WORK_VISIT + WORK_BYTES(data.len);
	if (!p)
		return;
	end = p + resp_put_header(p, '$', data.len);
	end = (char *)slice_put((uint8_t *)end, data);
	memcpy(end, "\r\n", 2);
	answer->out->len += (uint32_t)(end + 2 - p);
}

void
answer_bulk(struct answer *answer, struct slice data)
{
	answer_put_bulk(answer, data);
}

void
answer_text(struct answer *answer, const char *text)
{
	answer_bulk(answer, slice_of(text));
}

void
answer_null(struct answer *answer)
{
	if (client_is_resp3(&answer->s->client))
		answer_raw(answer, "_\r\n", 3);
	else
		answer_raw(answer, "$-1\r\n", 5);
}

void
answer_null_array(struct answer *answer)
{
	if (client_is_resp3(&answer->s->client))
		answer_raw(answer, "_\r\n", 3);
	else
		answer_raw(answer, "*-1\r\n", 5);
}

void
answer_id(struct answer *answer, struct stream_id id)
{
	char text[STREAM_ID_TEXT];
	size_t len = stream_id_format_next(text, id, &sessions_of(answer->bus)->id_memo);

	assert(len < sizeof(text)); /* which keeps the compiler from a warning about longer ones */
	answer_put_bulk(answer, (struct slice){ (const uint8_t *)text, len });
	answer->bus->flow.work.done += 2 * WORK_VISIT;
}

void
answer_fields(struct answer *answer, struct stream_entry *entry)
{
	answer_header(answer, '*', 2 * entry->n_fields);
	for (size_t i = 0; i < 2 * entry->n_fields; i++)
		answer_put_bulk(answer, stream_entry_next(entry));
}

void
answer_entry(struct answer *answer, struct stream_entry *entry)
{
	answer_header(answer, '*', 2);
	answer_id(answer, entry->id);
	answer_fields(answer, entry);
}

size_t
answer_open(struct answer *answer)
{
	size_t hole = answer_bytes(answer);

	if (answer_reserve(answer, ANSWER_HOLE))
		answer->out->len += ANSWER_HOLE;
	return hole;
}

/* Writes the header into the hole; if it is longer, what follows is moved. */
static void
answer_close(struct answer *answer, size_t hole, char type, uint64_t n)
{
	char header[RESP_HEADER_MAX];
	size_t len = resp_put_header(header, type, n), more = len - ANSWER_HOLE, rest;

	if (!answer_reserve(answer, more))
		return;
	if (more > 0) {
		rest = answer->out->len - hole - ANSWER_HOLE;
		memmove(answer->out->data + hole + len, answer->out->data + hole + ANSWER_HOLE, rest);
		answer->bus->flow.work.done += WORK_BYTES(rest) / 2;
		answer->out->len += (uint32_t)more;
	}
	memcpy(answer->out->data + hole, header, len);
}

void
answer_close_array(struct answer *answer, size_t hole, size_t n)
{
	answer_close(answer, hole, '*', n);
}

void
answer_close_map(struct answer *answer, size_t hole, size_t n)
{
	bool is_resp3 = client_is_resp3(&answer->s->client);

	answer_close(answer, hole, is_resp3 ? '%' : '*', is_resp3 ? n : 2 * n);
}

void
answer_send(struct answer *answer)
{
	struct chunk *out = answer->out;

	if (!out)
		flow_out_of_memory(&answer->bus->flow, &answer->s->client);
	else if (out->len > 0)
		reply_chunk(answer->bus, answer->s, out, 0, out->len);
	answer_drop(answer);
}

void
answer_drop(struct answer *answer)
{
	chunk_unref(answer->out);
	answer->out = NULL;
}
