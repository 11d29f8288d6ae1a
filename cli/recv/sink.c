/*
 * A message goes either to standard output, or to a file, or into the queue of a handler, never to two of them. The
 * file takes everything at once; the others say when to stop reading: output when more than OUTPUT_HIGH bytes wait, the
 * handler when its queue is full. Unread messages then fill
 * the socket, the daemon's queue of this receiver grows, and in the end publishers wait.
 *
 * The fast path is for payloads printed as they are. Messages that follow one another are mostly of one channel, and
 * then their frames begin with the same bytes, up to the length of the payload. sink_take() remembers this prefix, and
 * sink_take_run() compares it in one piece instead of parsing; it reads the length and copies the payload. Without a
 * prefix (no message yet, a format, JSON, a command) sink_take_run() takes nothing.
 */
#include "sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "format.h"
#include "handler.h"
#include "human.h"
#include "into.h"
#include "memory.h"
#include "message.h"
#include "output.h"
#include "printable.h"
#include "recv-options.h"
#include "say.h"

/* Default of --queue-bytes. */
#define QUEUE_BYTES ((uint64_t)16 * 1024 * 1024)
/* If a large message made the line buffer grow beyond this, the flush frees it. */
#define LINE_MAX_KEPT ((size_t)1024 * 1024)

struct sink {
	struct output *output;   /* NULL with --exec or --into */
	struct into *file;       /* NULL without --into; belongs to the caller */
	struct handler *handler; /* NULL without --exec */
	struct format *format;   /* NULL without --format */
	bool json;
	bool plain; /* payloads go to `output` as they are */
	bool clean; /* to a terminal: control characters are replaced */
	bool ends;  /* the delimiter follows each message */
	bool stop_on_error;
	char delimiter;
	struct buf prefix;    /* of the last message's frame: up to the "$" before its payload; for sink_take_run() */
	struct buf line;      /* the last message in its format */
	struct timespec time; /* when the input at hand was read; unused if plain */
	uint64_t messages;
};

int
sink_new(struct loop *loop, const struct recv_options *o, sink_cb *moved, void *arg, struct sink **ret_sink)
{
	const struct {
		bool is_given;
		const char *text;
	} conflicts[] = {
		{ o->format && o->common.json, "--format and --json cannot be combined" },
		{ !o->exec && o->jobs, "--jobs needs --exec" },
		{ !o->exec && o->stop_on_error, "--stop-on-error needs --exec" },
		{ !o->exec && o->stop_timeout, "--stop-timeout needs --exec" },
		{ !o->exec && o->queue_bytes, "--queue-bytes needs --exec" },
		{ o->exec && o->into, "--exec and --into cannot be combined" },
	};
	struct handler_options commands = {
		.command = o->exec,
		.jobs = o->jobs ? o->jobs : 1,
		.queue_bytes = o->queue_bytes ? o->queue_bytes : QUEUE_BYTES,
		.stop_on_error = o->stop_on_error,
	};
	char error[FORMAT_ERROR_MAX];
	struct format *format = NULL;
	struct sink *s;

	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		if (conflicts[i].is_given) {
			say("recv: %s", conflicts[i].text);
			return EX_USAGE;
		}
	}
	if (o->format && format_parse(o->format, error, &format) < 0) {
		say("recv: --format: %s", error);
		return EX_USAGE;
	}
	s = memory_alloc(sizeof(*s));
	s->format = format;
	s->json = o->common.json;
	s->clean = !o->exec && !o->into && !o->raw && isatty(STDOUT_FILENO) == 1;
	s->plain = !o->exec && !o->format && !o->common.json && !s->clean;
	s->stop_on_error = o->stop_on_error;
	s->ends = format ? !format_is_bare(format) : s->json || !o->exec || !o->raw;
	s->delimiter = o->null ? '\0' : '\n';
	if (o->exec)
		s->handler = handler_new(loop, &commands, moved, arg);
	else if (!o->into)
		s->output = output_new(loop, STDOUT_FILENO, moved, arg);
	*ret_sink = s;
	return 0;
}

void
sink_free(struct sink *s)
{
	if (!s)
		return;
	output_free(s->output);
	handler_free(s->handler);
	format_free(s->format);
	buf_deinit(&s->prefix);
	buf_deinit(&s->line);
	free(s);
}

static void
sink_end_line(struct sink *s)
{
	if (s->ends)
		memory_check(buf_append(&s->line, &s->delimiter, 1));
}

size_t
sink_take_run(struct sink *s, const uint8_t *bytes, size_t len, uint64_t max, size_t *ret_need)
{
	const uint8_t *prefix = s->prefix.data, *p = bytes, *end = bytes + len, *q;
	size_t prefix_len = s->prefix.len, size;
	uint8_t *out, *o;
	uint64_t n = 0;

	*ret_need = 0;
	if (prefix_len == 0)
		return 0;
	o = out = output_reserve(s->output, len);
	while (n < max && (size_t)(end - p) > prefix_len && memcmp(p, prefix, prefix_len) == 0) {
		size = 0;
		for (q = p + prefix_len; q < end && (unsigned int)(*q - '0') < 10 && size < SINK_PAYLOAD_MAX; q++)
			size = size * 10 + (size_t)(*q - '0');
		if (end - q < 2 || q[0] != '\r' || q[1] != '\n' || size > SINK_PAYLOAD_MAX)
			break;
		q += 2;
		if ((size_t)(end - q) < size + 2) {
			*ret_need = (size_t)(q - p) + size + 2;
			break;
		}
		if (q[size] != '\r' || q[size + 1] != '\n')
			break;
		memcpy(o, q, size);
		o += size;
		*o++ = (uint8_t)s->delimiter;
		p = q + size + 2;
		n++;
	}
	output_commit(s->output, (size_t)(o - out));
	s->messages += n;
	return (size_t)(p - bytes);
}

static void
sink_append(struct sink *s, struct slice bytes)
{
	if (s->file)
		into_append(s->file, bytes.p, bytes.len);
	else
		output_append(s->output, bytes.p, bytes.len);
}

/* Notes how the frame begins whose payload this is. */
static void
sink_note_prefix(struct sink *s, const uint8_t *frame, struct slice payload)
{
	const uint8_t *p = payload.p - 2;

	while (*p != '$') /* from the CR behind the length of the payload */
		p--;
	s->prefix.len = 0;
	memory_check(buf_append(&s->prefix, frame, (size_t)(p - frame) + 1));
}

void
sink_take(struct sink *s, const uint8_t *frame, const struct message *message)
{
	struct message m = *message;

	m.number = ++s->messages;
	if (!m.id.p)
		m.time = s->time;
	if (s->plain) {
		sink_append(s, m.payload);
		sink_append(s, (struct slice){ (const uint8_t *)&s->delimiter, 1 });
		if (frame)
			sink_note_prefix(s, frame, m.payload);
		return;
	}
	s->line.len = 0;
	if (s->format)
		format_put(s->format, &m, s->clean, &s->line);
	else if (s->json)
		message_put_json(&m, &s->line);
	else
		message_put_text(m.payload, s->clean, &s->line);
	sink_end_line(s);
	if (s->handler)
		handler_take(s->handler, &m, (struct slice){ s->line.data, s->line.len });
	else
		sink_append(s, (struct slice){ s->line.data, s->line.len });
}

uint64_t
sink_taken(const struct sink *s)
{
	if (s->handler)
		return s->messages;
	return s->file ? into_appended(s->file) : output_written(s->output) + output_pending(s->output);
}

uint64_t
sink_handled(const struct sink *s)
{
	if (s->handler)
		return handler_handled(s->handler);
	return s->file ? into_synced(s->file) : output_written(s->output);
}

void
sink_set_file(struct sink *s, struct into *file)
{
	s->file = file;
}

void
sink_report_missed(struct sink *s, uint64_t missed, struct slice channel)
{
	if (s->json && s->output) {
		s->line.len = 0;
		message_put_missed_json(missed, channel, &s->time, &s->line);
		sink_end_line(s);
		output_append(s->output, s->line.data, s->line.len);
		return;
	}
	sink_flush(s); /* on a terminal the line then stands where the messages are missing */
	if (channel.len == 1 && channel.p[0] == '*')
		say("missed %" PRIu64 " message%s of other channels", missed, human_s(missed));
	else
		say("missed %" PRIu64 " message%s of '%.*s'", missed, human_s(missed), (int)channel.len,
		    (const char *)channel.p);
}

void
sink_set_time(struct sink *s)
{
	if (!s->plain)
		clock_gettime(CLOCK_REALTIME, &s->time);
}

void
sink_flush(struct sink *s)
{
	if (s->output)
		output_flush(s->output);
	if (s->line.cap > LINE_MAX_KEPT)
		buf_deinit(&s->line);
}

void
sink_stop(struct sink *s)
{
	if (s->handler)
		handler_stop(s->handler);
}

bool
sink_is_full(const struct sink *s)
{
	return s->handler ? handler_is_full(s->handler) : s->output && output_pending(s->output) > OUTPUT_HIGH;
}

bool
sink_is_idle(const struct sink *s)
{
	return s->handler ? handler_is_idle(s->handler) : !s->output || output_pending(s->output) == 0;
}

bool
sink_has_failed(const struct sink *s)
{
	return s->stop_on_error && s->handler && handler_counts(s->handler).failed > 0;
}

uint64_t
sink_messages(const struct sink *s)
{
	return s->messages;
}

struct handler_counts
sink_commands(const struct sink *s)
{
	return s->handler ? handler_counts(s->handler) : (struct handler_counts){ 0 };
}
