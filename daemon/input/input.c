/*
 * Whole commands run straight from the buffer of the read, which all sessions share. s->in exists only while bytes are
 * left over: the beginning of an unfinished command, or commands that must wait. So an idle client costs no buffer.
 *
 * While s->in exists, its bytes begin with the first command that is not done, and new input goes behind them, so that
 * the order stays. If that command is unfinished, `need` is the length at which the parser can get further. No more
 * than that, or the rest of a line, is added, because what follows the command can run from the shared buffer again.
 * `progress` spares the parser from reading the beginning twice.
 *
 * A large last argument, nearly always the payload of a PUBLISH, is read into a chunk of its own, the tail, which
 * receivers then share: a large message is not copied between the socket of its publisher and those of its receivers.
 * Until it is complete, nothing runs; then in->bytes are the command before it, parsed again to collect the arguments.
 */
#include "input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "chunk.h"
#include "dispatch.h"
#include "input-quota.h"
#include "reply.h"
#include "resp-encode.h"
#include "resp-request.h"
#include "sessions.h"

/* Memory of a tail at first; it grows with the bytes that come, not with the length that a client announces. */
#define TAIL_FIRST ((size_t)256 * 1024)

/*
 * What is read beyond a large command into the shared buffer has to be copied if it begins another large one. So only
 * PEEK_SIZE bytes are read there, enough to see the header of the next command, which costs a further read. That pays
 * for commands of at least PEEK_MIN bytes.
 */
#define PEEK_SIZE ((size_t)4096)
#define PEEK_MIN ((size_t)32 * 1024)

struct input {
	struct buf bytes;
	size_t need; /* length of bytes at which the unfinished first command gets further; 0: it is whole */
	struct resp_progress progress; /* of the first command */
	/*
	 * NULL, or the large last argument of the first command: "$LEN\r\n", payload, CRLF, tail_size bytes when it is
	 * complete. The first head_len of bytes are the command before it; commands that wait may follow.
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
	/* Of the tail, what was not written to yet is not in memory either. */
	return in ? buf_memory(&in->bytes) + (in->tail ? in->tail->len : 0) : 0;
}

static void
input_drop(struct bus *bus, struct session *s)
{
	bus->flow.chunks.released += s->in->bytes.cap;
	input_free(s->in);
	s->in = NULL;
}

/* Moves what has come of the last argument to a tail. */
static int
input_begin_tail(struct bus *bus, struct input *in)
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
	buf_shrink(&in->bytes);
	in->tail = tail;
	in->tail_size = size;
	return 0;
}

/* Sets what the unfinished first command needs, after the parser has asked for more. Returns 0 or -ENOMEM. */
static int
input_set_need(struct bus *bus, struct input *in)
{
	in->need = sessions_of(bus)->request.need;
	if (sessions_of(bus)->request.tail_offset > 0 && sessions_of(bus)->request.tail_len >= BATCH_LARGE)
		return input_begin_tail(bus, in);
	return 0;
}

/* Runs the parsed command. Returns whether it is done; otherwise it waits. Inline: a call would cost as much. */
static inline bool __attribute__((always_inline)) input_run_command(struct bus *bus, struct session *s)
{
	enum command_result result = dispatch(bus, s, sessions_of(bus)->request.argv, sessions_of(bus)->request.argc);

	switch (result) {
	case COMMAND_MORE:
		dispatch_keep(bus, s, sessions_of(bus)->request.argv, sessions_of(bus)->request.argc);
		return true;
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
input_refuse(struct bus *bus, struct session *s)
{
	flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "protocol error: %s (max_message is %llu)",
	         sessions_of(bus)->request.error, (unsigned long long)bus->flow.limits.max_message);
	reply_error(bus, s, "ERR Protocol error: %s", sessions_of(bus)->request.error);
	bus_finish(bus, &s->client);
}

/*
 * Runs the commands in p[0..len) until one is unfinished or must wait, or the session has had its share of this pass.
 * progress: of the first command, afterwards of the last one. Returns the number of bytes used; all of them if the
 * session is closed. *ret_more: the rest begins with an unfinished command, which sessions.request describes.
 */
static size_t
input_run(struct bus *bus, struct session *s, struct resp_progress *progress, const uint8_t *p, size_t len,
          bool *ret_more)
{
	size_t at = 0, argc = progress->argc;

	*ret_more = false;
	while (at < len && s->client.state == CLIENT_OPEN) {
		if (s->client.clogged) { /* a client that does not read is not read from */
			flow_set_state(&bus->flow, &s->client, CLIENT_WAITING, &bus->flow.throttled);
			break;
		}
		if (work_is_turn_over(&bus->flow.work)) {
			flow_make_ready(&bus->flow, &s->client);
			break;
		}
		switch (resp_request_parse(&sessions_of(bus)->request, progress, p + at, len - at,
		                           bus->flow.limits.max_message)) {
		case RESP_REQUEST_OK:
			if (sessions_of(bus)->request.argc == 0)
				session_next_reply(s);
			else if (!input_run_command(bus, s))
				return at;
			at += sessions_of(bus)->request.used;
			bus->flow.work.done += WORK_COMMAND; /* its bytes have been charged when they were read */
			if (sessions_of(bus)->request.used >= PEEK_MIN)
				s->sends_large = true;
			break;
		case RESP_REQUEST_MORE:
			bus->flow.work.done += (1 + progress->argc - (at == 0 ? argc : 0)) * WORK_ARGUMENT;
			*ret_more = true;
			return at;
		case RESP_REQUEST_ERROR:
			input_refuse(bus, s);
			break;
		case RESP_REQUEST_NOMEM:
			flow_out_of_memory(&bus->flow, &s->client);
			break;
		}
	}
	return s->client.state >= CLIENT_CLOSING ? len : at;
}

/* Runs the commands in s->in, of which the first is whole or got the bytes that it needed. */
static void
input_run_saved(struct bus *bus, struct session *s)
{
	struct input *in = s->in;
	bool is_unfinished;
	size_t used = input_run(bus, s, &in->progress, in->bytes.data, in->bytes.len, &is_unfinished);

	buf_consume(&in->bytes, used);
	buf_shrink(&in->bytes);
	in->need = 0;
	if (in->bytes.len == 0)
		input_drop(bus, s);
	else if (is_unfinished && input_set_need(bus, in) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

/* Runs the first command with its tail, which is complete. */
static void
input_run_tail(struct bus *bus, struct session *s)
{
	struct input *in = s->in;
	enum resp_request_status status;
	uint8_t *end = in->tail->data + in->tail_size - 2;
	bool is_done;

	in->progress = (struct resp_progress){ 0 }; /* parse from the start, to collect the arguments */
	status = resp_request_parse(&sessions_of(bus)->request, &in->progress, in->bytes.data, in->head_len,
	                            bus->flow.limits.max_message);
	if (status == RESP_REQUEST_NOMEM) {
		flow_out_of_memory(&bus->flow, &s->client);
		return;
	}
	if (status == RESP_REQUEST_ERROR) { /* a reload has lowered max_message */
		input_refuse(bus, s);
		return;
	}
	assert(status == RESP_REQUEST_MORE);
	memcpy(end, "\r\n", 2); /* the parser accepts any two bytes, but receivers do not */
	resp_request_add_tail(&sessions_of(bus)->request, end - sessions_of(bus)->request.tail_len);
	sessions_of(bus)->tail = in->tail;
	is_done = input_run_command(bus, s);
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
		input_drop(bus, s);
}

/* Runs what can run of s->in. Returns false if it needs more bytes. */
static bool
input_advance(struct bus *bus, struct session *s)
{
	struct input *in = s->in;

	if (in->tail ? in->tail->len < in->tail_size : in->bytes.len < in->need)
		return false;
	if (in->tail)
		input_run_tail(bus, s);
	else
		input_run_saved(bus, s);
	return true;
}

/* Makes room for up to `size` more bytes of the tail. Returns the number of bytes that fit, or -ENOMEM. */
static ssize_t
input_tail_room(struct input *in, size_t size)
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

/*
 * Copies to `in` at most as many bytes as its first command needs: of a line, up to its end. Returns the number of
 * bytes, or -ENOMEM.
 */
static ssize_t
input_append(struct input *in, const uint8_t *p, size_t len)
{
	bool is_line = in->need == in->bytes.len + 1;
	const uint8_t *newline;
	ssize_t n;

	if (in->tail) {
		n = input_tail_room(in, len);
		if (n > 0) {
			memcpy(in->tail->data + in->tail->len, p, (size_t)n);
			in->tail->len += (uint32_t)n;
		}
		return n;
	}
	if (is_line && len > PROTOCOL_LINE_MAX)
		len = PROTOCOL_LINE_MAX;
	if (is_line && (newline = memchr(p, '\n', len)))
		len = (size_t)(newline - p) + 1;
	if (!is_line && len > in->need - in->bytes.len)
		len = in->need - in->bytes.len;
	return buf_append(&in->bytes, p, len) < 0 ? -ENOMEM : (ssize_t)len;
}

/* Saves bytes that cannot be handled now. progress: of the unfinished command at their start; NULL: it is whole. */
static int
input_save(struct bus *bus, struct session *s, const uint8_t *p, size_t len, const struct resp_progress *progress)
{
	if (!s->in && !(s->in = calloc(1, sizeof(*s->in))))
		return -ENOMEM;
	if (buf_append(&s->in->bytes, p, len) < 0)
		return -ENOMEM;
	if (!progress)
		return 0;
	s->in->progress = *progress;
	return input_set_need(bus, s->in);
}

/* Handles bytes of the shared buffer, of which the first go to an unfinished command. */
static void
input_handle(struct bus *bus, struct session *s, const uint8_t *p, size_t len)
{
	struct resp_progress progress = { 0 };
	bool is_unfinished = false;

	while (len > 0 && s->client.state == CLIENT_OPEN && !is_unfinished) {
		ssize_t n;

		if (!s->in) {
			n = (ssize_t)input_run(bus, s, &progress, p, len, &is_unfinished);
		} else {
			n = input_append(s->in, p, len);
			if (n >= 0)
				input_advance(bus, s);
			else
				flow_out_of_memory(&bus->flow, &s->client);
		}
		if (n > 0)
			p += n, len -= (size_t)n;
	}
	if (len > 0 && client_is_live(&s->client) && input_save(bus, s, p, len, is_unfinished ? &progress : NULL) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

static void
input_charge(struct bus *bus, struct session *s)
{
	if (s->in || s->in_transaction || s->has_job || s->kept > 0)
		input_quota_charge(bus, s, input_size(s->in));
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
		n = input_tail_room(in, in->tail_size);
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
		input_handle(bus, s, iov[0].iov_base, len);
	} else {
		if (s->in->tail)
			s->in->tail->len += (uint32_t)first;
		else
			s->in->bytes.len += first;
		input_advance(bus, s);
		input_handle(bus, s, iov[1].iov_base, len - first);
	}
	input_charge(bus, s);
	has_tail = s->in && s->in->tail && s->in->tail_size >= PEEK_MIN;
	s->sends_large = s->sends_large || has_tail;
	return has_tail && len == iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0);
}

void
input_resume(struct bus *bus, struct session *s)
{
	assert(s->client.state == CLIENT_READY);
	flow_set_state(&bus->flow, &s->client, CLIENT_OPEN, NULL);
	if (s->has_job)
		dispatch_continue(bus, s);
	while (s->client.state == CLIENT_OPEN && s->in && input_advance(bus, s))
		;
	input_charge(bus, s);
}
