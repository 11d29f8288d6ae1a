#include "reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "resp-encode.h"
#include "sessions.h"

/* What replies of the command that runs wait for. */
static inline struct barrier *
reply_hold_of(struct bus *bus)
{
	return sessions_of(bus)->hold;
}

static inline void __attribute__((always_inline))
reply_header(struct bus *bus, struct session *s, char type, uint64_t value, struct barrier *barrier)
{
	char *p = reply_reserve(bus, s, RESP_HEADER_MAX);

	if (p)
		reply_commit(bus, s, resp_put_header(p, type, value), barrier);
}

void
reply_hold(struct bus *bus, struct barrier *barrier)
{
	struct sessions *sessions = sessions_of(bus);

	assert(!barrier || !sessions->hold || barrier == sessions->hold);
	sessions->hold = barrier;
}

static void
reply_raw_held(struct bus *bus, struct session *s, const void *data, size_t len)
{
	char *p = reply_reserve(bus, s, len);

	if (!p)
		return;
	memcpy(p, data, len);
	reply_commit(bus, s, len, reply_hold_of(bus));
}

void
reply_shared(struct bus *bus, struct session *s, struct chunk *chunk, size_t offset, size_t len)
{
	if (s->client.state == CLIENT_DEAD || session_is_muted(s))
		return;
	if (bus->batch.messages > 0 && client_is_subscribed(&s->client))
		batch_close(&bus->batch);
	output_queue(&bus->flow, &s->client, chunk, offset, len, reply_hold_of(bus), 0);
}

void
reply_chunk(struct bus *bus, struct session *s, struct chunk *chunk, size_t offset, size_t len)
{
	if (len >= OUTQ_COPY_MAX)
		reply_shared(bus, s, chunk, offset, len);
	else
		reply_raw_held(bus, s, chunk->data + offset, len); /* not worth a chunk of its own */
}

void
reply_status(struct bus *bus, struct session *s, const char *text)
{
	size_t len = strlen(text);
	char *p = reply_reserve(bus, s, len + 3);

	bus->flow.work.done += 2 * WORK_VISIT;

	if (!p)
		return;
	p[0] = '+';
	memcpy(p + 1, text, len);
	memcpy(p + 1 + len, "\r\n", 2);
	reply_commit(bus, s, len + 3, reply_hold_of(bus));
}

void
reply_error(struct bus *bus, struct session *s, const char *format, ...)
{
	char text[1024];
	size_t len;
	va_list ap;

	text[0] = '-';
	va_start(ap, format);
	len = 1 + (size_t)vsnprintf(text + 1, sizeof(text) - 3, format, ap);
	va_end(ap);
	if (len > sizeof(text) - 3)
		len = sizeof(text) - 3;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\r' || text[i] == '\n')
			text[i] = ' ';
	memcpy(text + len, "\r\n", 2);
	bus->flow.work.done += WORK_ERROR;
	sessions_count_error(bus, text + 1);
	reply_raw_held(bus, s, text, len + 2);
}

void
reply_integer(struct bus *bus, struct session *s, uint64_t value)
{
	bus->flow.work.done += WORK_VISIT;
	reply_header(bus, s, ':', value, reply_hold_of(bus));
}

void
reply_integer_behind(struct bus *bus, struct session *s, uint64_t value, struct barrier *barrier)
{
	reply_header(bus, s, ':', value, barrier);
}

void
reply_bulk(struct bus *bus, struct session *s, struct slice data)
{
	char *p = reply_reserve(bus, s, data.len + RESP_HEADER_MAX + 2);

	bus->flow.work.done += 2 * WORK_VISIT + WORK_BYTES(data.len);

	if (p)
		reply_commit(bus, s, resp_put_bulk(p, data.p, data.len), reply_hold_of(bus));
}

void
reply_text(struct bus *bus, struct session *s, const char *text)
{
	reply_bulk(bus, s, slice_of(text));
}

void
reply_format(struct bus *bus, struct session *s, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reply_text(bus, s, text);
}

void
reply_pair(struct bus *bus, struct session *s, const char *key, const char *value)
{
	reply_text(bus, s, key);
	reply_text(bus, s, value);
}

void
reply_pair_integer(struct bus *bus, struct session *s, const char *key, int64_t value)
{
	reply_text(bus, s, key);
	reply_integer_signed(bus, s, value);
}

void
reply_verbatim(struct bus *bus, struct session *s, struct slice text)
{
	if (!client_is_resp3(&s->client)) {
		reply_bulk(bus, s, text);
		return;
	}
	reply_header(bus, s, '=', text.len + 4, reply_hold_of(bus));
	reply_literal(bus, s, "txt:");
	reply_raw(bus, s, text.p, text.len);
	reply_literal(bus, s, "\r\n");
}

void
reply_null(struct bus *bus, struct session *s)
{
	if (client_is_resp3(&s->client))
		reply_raw_held(bus, s, "_\r\n", 3);
	else
		reply_raw_held(bus, s, "$-1\r\n", 5);
}

void
reply_null_array(struct bus *bus, struct session *s)
{
	if (client_is_resp3(&s->client))
		reply_raw_held(bus, s, "_\r\n", 3);
	else
		reply_raw_held(bus, s, "*-1\r\n", 5);
}

void
reply_array(struct bus *bus, struct session *s, size_t n)
{
	bus->flow.work.done += WORK_VISIT;
	reply_header(bus, s, '*', n, reply_hold_of(bus));
}

void
reply_map(struct bus *bus, struct session *s, size_t n)
{
	reply_header(bus, s, client_is_resp3(&s->client) ? '%' : '*', client_is_resp3(&s->client) ? n : 2 * n,
	             reply_hold_of(bus));
}

void
reply_set(struct bus *bus, struct session *s, size_t n)
{
	reply_header(bus, s, client_is_resp3(&s->client) ? '~' : '*', n, reply_hold_of(bus));
}

void
reply_integer_signed(struct bus *bus, struct session *s, int64_t value)
{
	char text[32];

	reply_raw_held(bus, s, text, (size_t)snprintf(text, sizeof(text), ":%lld\r\n", (long long)value));
}

void
reply_confirmation(struct bus *bus, struct session *s, const char *what, const struct slice *name, uint64_t count)
{
	uint8_t mode = s->reply_mode;

	s->reply_mode = REPLY_ON; /* CLIENT REPLY covers replies only */
	reply_header(bus, s, client_is_resp3(&s->client) ? '>' : '*', 3, NULL);
	reply_text(bus, s, what);
	if (name)
		reply_bulk(bus, s, *name);
	else
		reply_null(bus, s);
	reply_integer(bus, s, count);
	s->reply_mode = mode;
}
