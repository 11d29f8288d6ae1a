#include "input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "chunk.h"
#include "dispatch.h"
#include "feed.h"
#include "lifetime.h"
#include "reply.h"
#include "resp-encode.h"
#include "resp-request.h"
#include "sessions.h"

/* Commands of one session in one pass; more wait for the next one. */
#define COMMANDS_PER_PASS 8192

/* As much of a large payload gets its memory before its bytes come. */
#define TAIL_FIRST ((size_t)256 * 1024)

/*
 * How much is read of what follows a large command, and is copied: enough to see whether it is another one. It costs a
 * read for each of them, which pays from so many bytes on.
 */
#define PEEK_SIZE ((size_t)4096)
#define PEEK_MIN ((size_t)32 * 1024)

struct input {
	struct buf bytes;
	size_t need; /* bytes that must be there before the first command can get further; 0: it is whole */
	struct resp_progress progress; /* of the first command */
	/*
	 * The last argument of the first command, when that is large: "$LEN\r\n", payload, CRLF. bytes then holds
	 * head_len bytes of the command before it, and after these what follows the command.
	 */
	struct chunk *tail;
	size_t tail_size, head_len;
};

void
input_free(struct input *in)
{
	if (!in)
		return;
	buf_deinit(&in->bytes);
	chunk_unref(in->tail);
	free(in);
}

size_t
input_size(const struct input *in)
{
	return in ? in->bytes.len + (in->tail ? in->tail->len : 0) : 0;
}

static void
drop(struct session *s)
{
	input_free(s->in);
	s->in = NULL;
}

/* The first command lacks only the rest of its last argument, which is large: that goes to a chunk of its own. */
static int
begin_tail(struct bus *bus, struct input *in)
{
	size_t head = sessions_of(bus)->request.tail_offset, size = resp_bulk_size(sessions_of(bus)->request.tail_len);
	size_t come = in->bytes.len - head;
	size_t first = come + RESP_HEADER_MAX > TAIL_FIRST ? come + RESP_HEADER_MAX : TAIL_FIRST;
	struct chunk *tail = chunk_new(&bus->flow.chunks, size < first ? size : first);

	if (!tail)
		return -ENOMEM;
	tail->len = (uint32_t)resp_put_header((char *)tail->data, '$', sessions_of(bus)->request.tail_len);
	memcpy(tail->data + tail->len, in->bytes.data + head, come);
	tail->len += (uint32_t)come;
	in->bytes.len = in->head_len = head;
	in->tail = tail;
	in->tail_size = size;
	return 0;
}

/* Remembers where the unfinished first command stands, after the parser asked for more. */
static int
note_need(struct bus *bus, struct input *in)
{
	in->need = sessions_of(bus)->request.need;
	if (sessions_of(bus)->request.tail_offset > 0 && sessions_of(bus)->request.tail_len >= RUN_LARGE)
		return begin_tail(bus, in);
	return 0;
}

/*
 * Runs the command in sessions_of(bus)->request. Returns whether it is done with; otherwise it waits. A call would cost
 * as much as what it does.
 */
static inline bool __attribute__((always_inline)) run_command(struct bus *bus, struct session *s)
{
	enum command_result result = dispatch(bus, s, sessions_of(bus)->request.argv, sessions_of(bus)->request.argc);

	switch (result) {
	case COMMAND_DONE:
		s->client.active_s = bus->flow.uptime_s;
		return true;
	case COMMAND_WAIT:
		assert(s->client.state == CLIENT_WAITING);
		bus->flow.stats.waits++;
		return false;
	}
	return true;
}

static void
violation(struct bus *bus, struct session *s)
{
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "protocol error: %s (max_message is %llu)",
	         sessions_of(bus)->request.error, (unsigned long long)bus->flow.limits.max_message);
	reply_error(bus, s, "ERR Protocol error: %s", sessions_of(bus)->request.error);
	bus_finish(bus, &s->client);
}

/*
 * Runs the commands in p[0..len) until one is not whole, or waits, or enough is done for this pass. progress is
 * the first command's, and that of the last one in the end. Returns how many bytes were used; *ret_more: the
 * rest begins with an unfinished command, which sessions_of(bus)->request is about.
 */
static size_t
run_commands(struct bus *bus, struct session *s, struct resp_progress *progress, const uint8_t *p, size_t len,
             bool *ret_more)
{
	size_t at = 0;

	*ret_more = false;
	for (int n = 0; at < len && s->client.state == CLIENT_OPEN; n++) {
		if (s->client.clogged) { /* who does not read its replies is not read from */
			flow_set_state(&bus->flow, &s->client, CLIENT_WAITING, &bus->flow.throttled);
			break;
		}
		if (n == COMMANDS_PER_PASS) {
			flow_set_state(&bus->flow, &s->client, CLIENT_READY, &bus->flow.ready);
			break;
		}
		switch (resp_request_parse(&sessions_of(bus)->request, progress, p + at, len - at,
		                           bus->flow.limits.max_message)) {
		case RESP_REQUEST_OK:
			if (sessions_of(bus)->request.argc == 0)
				session_next_reply(s);
			else if (!run_command(bus, s))
				return at;
			at += sessions_of(bus)->request.used;
			if (sessions_of(bus)->request.used >= PEEK_MIN)
				s->sends_large = true;
			break;
		case RESP_REQUEST_MORE:
			*ret_more = true;
			return at;
		case RESP_REQUEST_ERROR:
			violation(bus, s);
			break;
		case RESP_REQUEST_NOMEM:
			flow_out_of_memory(&bus->flow, &s->client);
			break;
		}
	}
	return s->client.state >= CLIENT_CLOSING ? len : at;
}

/* Runs what is in the session's own input, which begins with a whole command or one that got more bytes. */
static void
run_kept(struct bus *bus, struct session *s)
{
	struct input *in = s->in;
	bool is_unfinished;
	size_t used = run_commands(bus, s, &in->progress, in->bytes.data, in->bytes.len, &is_unfinished);

	buf_consume(&in->bytes, used);
	in->need = 0;
	if (in->bytes.len == 0)
		drop(s);
	else if (is_unfinished && note_need(bus, in) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

/* Runs the first command with its large last argument, all of which has come. */
static void
run_tail(struct bus *bus, struct session *s)
{
	struct input *in = s->in;
	enum resp_request_status status;
	uint8_t *end = in->tail->data + in->tail_size - 2;
	bool is_done;

	in->progress = (struct resp_progress){ 0 }; /* so that the arguments are collected */
	status = resp_request_parse(&sessions_of(bus)->request, &in->progress, in->bytes.data, in->head_len,
	                            bus->flow.limits.max_message);
	if (status == RESP_REQUEST_NOMEM) {
		flow_out_of_memory(&bus->flow, &s->client);
		return;
	}
	if (status == RESP_REQUEST_ERROR) { /* max_message was lowered since */
		violation(bus, s);
		return;
	}
	assert(status == RESP_REQUEST_MORE);
	memcpy(end, "\r\n", 2); /* the parser does not look at it, but receivers would */
	resp_request_add_tail(&sessions_of(bus)->request, end - sessions_of(bus)->request.tail_len);
	sessions_of(bus)->tail = in->tail;
	is_done = run_command(bus, s);
	sessions_of(bus)->tail = NULL;
	if (!is_done)
		return;
	if (in->tail_size >= PEEK_MIN)
		s->sends_large = true;
	chunk_unref(in->tail);
	in->tail = NULL;
	in->progress = (struct resp_progress){ 0 };
	buf_consume(&in->bytes, in->head_len);
	in->need = 0;
	if (in->bytes.len == 0)
		drop(s);
}

/* Runs what can be run of the session's own input. Returns false if it needs more bytes. */
static bool
advance(struct bus *bus, struct session *s)
{
	struct input *in = s->in;

	if (in->tail ? in->tail->len < in->tail_size : in->bytes.len < in->need)
		return false;
	if (in->tail)
		run_tail(bus, s);
	else
		run_kept(bus, s);
	return true;
}

/* Makes room for up to `size` more bytes of a large argument. Returns how many there is room for, or -ENOMEM. */
static ssize_t
tail_room(struct input *in, size_t size)
{
	size_t left = in->tail_size - in->tail->len, cap = in->tail->cap;
	struct chunk *tail;

	if (cap == in->tail->len && left > 0) {
		cap = 2 * cap < in->tail_size ? 2 * cap : in->tail_size;
		tail = chunk_grow(in->tail, cap);
		if (!tail)
			return -ENOMEM;
		in->tail = tail;
	}
	if (size > left)
		size = left;
	return (ssize_t)(cap - in->tail->len < size ? cap - in->tail->len : size);
}

/* Moves to the session's own input as many bytes as its first command needs. Returns how many, or -ENOMEM. */
static ssize_t
take(struct input *in, const uint8_t *p, size_t len)
{
	ssize_t n;

	if (in->tail) {
		n = tail_room(in, len);
		if (n > 0) {
			memcpy(in->tail->data + in->tail->len, p, (size_t)n);
			in->tail->len += (uint32_t)n;
		}
		return n;
	}
	if (len > in->need - in->bytes.len)
		len = in->need - in->bytes.len;
	return buf_append(&in->bytes, p, len) < 0 ? -ENOMEM : (ssize_t)len;
}

/* Keeps what cannot be handled now. progress: of the unfinished command it begins with, if it does; else NULL. */
static int
keep(struct bus *bus, struct session *s, const uint8_t *p, size_t len, const struct resp_progress *progress)
{
	if (!s->in && !(s->in = calloc(1, sizeof(*s->in))))
		return -ENOMEM;
	if (buf_append(&s->in->bytes, p, len) < 0)
		return -ENOMEM;
	if (!progress)
		return 0;
	s->in->progress = *progress;
	return note_need(bus, s->in);
}

static void
feed(struct bus *bus, struct session *s, const uint8_t *p, size_t len)
{
	struct resp_progress progress = { 0 };
	bool is_unfinished = false;

	while (len > 0 && s->client.state == CLIENT_OPEN && !is_unfinished) {
		ssize_t n;

		if (!s->in) {
			n = (ssize_t)run_commands(bus, s, &progress, p, len, &is_unfinished);
		} else {
			n = take(s->in, p, len);
			if (n >= 0)
				advance(bus, s);
			else
				flow_out_of_memory(&bus->flow, &s->client);
		}
		if (n > 0)
			p += n, len -= (size_t)n;
	}
	if (len > 0 && client_is_live(&s->client) && keep(bus, s, p, len, is_unfinished ? &progress : NULL) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

static void
hold(struct bus *bus, struct session *s)
{
	if (s->in || s->in_transaction || s->kept > 0)
		session_charge_input(bus, s, input_size(s->in));
}

int
input_room(struct session *s, uint8_t *buffer, size_t size, struct iovec iov[2])
{
	struct input *in = s->in;
	size_t want;
	ssize_t n;

	if (s->sends_large && size > PEEK_SIZE)
		size = PEEK_SIZE;
	iov[0] = iov[1] = (struct iovec){ buffer, size };
	if (!in)
		return 1;
	if (in->tail) {
		n = tail_room(in, in->tail_size);
		if (n < 0)
			return (int)n;
		iov[0] = (struct iovec){ in->tail->data + in->tail->len, (size_t)n };
		return in->tail->len + (size_t)n == in->tail_size ? 2 : 1;
	}
	assert(in->need > in->bytes.len);
	want = in->need - in->bytes.len;
	if (want > size)
		want = size;
	if (buf_reserve(&in->bytes, want) < 0)
		return -ENOMEM;
	iov[0] = (struct iovec){ in->bytes.data + in->bytes.len, want };
	return want == in->need - in->bytes.len ? 2 : 1;
}

bool
input_received(struct bus *bus, struct session *s, const struct iovec iov[2], int n, size_t len)
{
	size_t first = len < iov[0].iov_len ? len : iov[0].iov_len;
	bool has_tail;

	s->sends_large = false;
	if (!s->in) {
		feed(bus, s, iov[0].iov_base, len);
	} else {
		if (s->in->tail)
			s->in->tail->len += (uint32_t)first;
		else
			s->in->bytes.len += first;
		advance(bus, s);
		feed(bus, s, iov[1].iov_base, len - first);
	}
	hold(bus, s);
	has_tail = s->in && s->in->tail && s->in->tail_size >= PEEK_MIN;
	s->sends_large = s->sends_large || has_tail;
	return has_tail && len == iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0);
}

void
input_resume(struct bus *bus, struct session *s)
{
	assert(s->client.state == CLIENT_READY);
	flow_set_state(&bus->flow, &s->client, CLIENT_OPEN, NULL);
	while (s->client.state == CLIENT_OPEN && s->in && advance(bus, s))
		;
	hold(bus, s);
}
