/*
 * Whole commands run straight from the buffer of the read, which all sessions share. Only what is left over is stored
 * in s->leftover: while that exists, new input goes there first, so that the order stays.
 */
#include "requests.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "input-quota.h"
#include "leftover.h"
#include "reply.h"
#include "sessions.h"

/*
 * What is read beyond a large command into the shared buffer has to be copied if it begins another large one. So only
 * PEEK_SIZE bytes are read there, enough to see the header of the next command, which costs a further read. That pays
 * for commands of at least PEEK_MIN bytes.
 */
#define PEEK_SIZE ((size_t)4096)
#define PEEK_MIN ((size_t)32 * 1024)

static void
requests_drop(struct bus *bus, struct session *s)
{
	bus->flow.chunks.released += s->leftover->bytes.cap;
	leftover_free(s->leftover);
	s->leftover = NULL;
}

/* Runs the parsed command. Returns whether it is done; otherwise it waits. Inline: a call would cost as much. */
static inline bool __attribute__((always_inline)) requests_run_command(struct bus *bus, struct session *s)
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
requests_refuse(struct bus *bus, struct session *s)
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
requests_run(struct bus *bus, struct session *s, struct resp_progress *progress, const uint8_t *p, size_t len,
             bool *ret_more)
{
	size_t at = 0, argc = progress->argc;

	*ret_more = false;
	while (at < len && s->client.state == CLIENT_OPEN) {
		if (client_is_stalled(&s->client)) { /* a client that does not read is not read from */
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
			else if (!requests_run_command(bus, s))
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
			requests_refuse(bus, s);
			break;
		case RESP_REQUEST_NOMEM:
			flow_out_of_memory(&bus->flow, &s->client);
			break;
		}
	}
	return s->client.state >= CLIENT_CLOSING ? len : at;
}

/* Runs the commands in s->leftover, of which the first is whole or got the bytes that it needed. */
static void
requests_run_saved(struct bus *bus, struct session *s)
{
	struct leftover *leftover = s->leftover;
	bool is_unfinished;
	size_t used =
	    requests_run(bus, s, &leftover->progress, leftover->bytes.data, leftover->bytes.len, &is_unfinished);

	buf_consume(&leftover->bytes, used);
	buf_shrink(&leftover->bytes);
	leftover->need = 0;
	if (leftover->bytes.len == 0)
		requests_drop(bus, s);
	else if (is_unfinished && leftover_set_need(leftover, &bus->flow.chunks, &sessions_of(bus)->request) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

/* Runs the first command with its tail, which is complete. */
static void
requests_run_tail(struct bus *bus, struct session *s)
{
	struct leftover *leftover = s->leftover;
	enum resp_request_status status;
	uint8_t *end = leftover->tail->data + leftover->tail_size - 2;
	bool is_done;

	leftover->progress = (struct resp_progress){ 0 }; /* parse from the start, to collect the arguments */
	status = resp_request_parse(&sessions_of(bus)->request, &leftover->progress, leftover->bytes.data,
	                            leftover->head_len, bus->flow.limits.max_message);
	if (status == RESP_REQUEST_NOMEM) {
		flow_out_of_memory(&bus->flow, &s->client);
		return;
	}
	if (status == RESP_REQUEST_ERROR) { /* a reload has lowered max_message */
		requests_refuse(bus, s);
		return;
	}
	assert(status == RESP_REQUEST_MORE);
	memcpy(end, "\r\n", 2); /* the parser accepts any two bytes, but receivers do not */
	resp_request_add_tail(&sessions_of(bus)->request, end - sessions_of(bus)->request.tail_len);
	sessions_of(bus)->tail = leftover->tail;
	is_done = requests_run_command(bus, s);
	sessions_of(bus)->tail = NULL;
	if (!is_done)
		return;
	if (leftover->tail_size >= PEEK_MIN)
		s->sends_large = true;
	leftover_end_tail(leftover);
	if (leftover->bytes.len == 0)
		requests_drop(bus, s);
}

/* Runs what can run of s->leftover. Returns false if it needs more bytes. */
static bool
requests_advance(struct bus *bus, struct session *s)
{
	struct leftover *leftover = s->leftover;

	if (!leftover_is_ready(leftover))
		return false;
	if (leftover->tail)
		requests_run_tail(bus, s);
	else
		requests_run_saved(bus, s);
	return true;
}

/* Saves bytes that cannot be handled now. progress: of the unfinished command at their start; NULL: it is whole. */
static int
requests_save(struct bus *bus, struct session *s, const uint8_t *p, size_t len, const struct resp_progress *progress)
{
	if (!s->leftover && !(s->leftover = calloc(1, sizeof(*s->leftover))))
		return -ENOMEM;
	if (buf_append(&s->leftover->bytes, p, len) < 0)
		return -ENOMEM;
	if (!progress)
		return 0;
	s->leftover->progress = *progress;
	return leftover_set_need(s->leftover, &bus->flow.chunks, &sessions_of(bus)->request);
}

/* Handles bytes of the shared buffer, of which the first go to an unfinished command. */
static void
requests_handle(struct bus *bus, struct session *s, const uint8_t *p, size_t len)
{
	struct resp_progress progress = { 0 };
	bool is_unfinished = false;

	while (len > 0 && s->client.state == CLIENT_OPEN && !is_unfinished) {
		ssize_t n;

		if (!s->leftover) {
			n = (ssize_t)requests_run(bus, s, &progress, p, len, &is_unfinished);
		} else {
			n = leftover_append(s->leftover, p, len);
			if (n >= 0)
				requests_advance(bus, s);
			else
				flow_out_of_memory(&bus->flow, &s->client);
		}
		if (n > 0)
			p += n, len -= (size_t)n;
	}
	if (len > 0 && client_is_live(&s->client) &&
	    requests_save(bus, s, p, len, is_unfinished ? &progress : NULL) < 0)
		flow_out_of_memory(&bus->flow, &s->client);
}

static void
requests_charge(struct bus *bus, struct session *s)
{
	if (s->leftover || s->in_transaction || s->has_job || s->kept > 0)
		input_quota_charge(bus, s, leftover_size(s->leftover));
}

int
requests_room(struct session *s, uint8_t *buffer, size_t size, struct iovec iov[2])
{
	struct leftover *leftover = s->leftover;
	int is_all;

	if (s->sends_large && size > PEEK_SIZE)
		size = PEEK_SIZE;
	iov[0] = iov[1] = (struct iovec){ buffer, size };
	if (!leftover)
		return 1;
	is_all = leftover_room(leftover, size, &iov[0]);
	return is_all < 0 ? is_all : 1 + is_all;
}

bool
requests_received(struct bus *bus, struct session *s, const struct iovec iov[2], int n, size_t len)
{
	size_t first = len < iov[0].iov_len ? len : iov[0].iov_len;
	bool has_tail;

	s->sends_large = false;
	if (!s->leftover) {
		requests_handle(bus, s, iov[0].iov_base, len);
	} else {
		leftover_received(s->leftover, first);
		requests_advance(bus, s);
		requests_handle(bus, s, iov[1].iov_base, len - first);
	}
	requests_charge(bus, s);
	has_tail = s->leftover && s->leftover->tail && s->leftover->tail_size >= PEEK_MIN;
	s->sends_large = s->sends_large || has_tail;
	return has_tail && len == iov[0].iov_len + (n > 1 ? iov[1].iov_len : 0);
}

void
requests_resume(struct bus *bus, struct session *s)
{
	assert(s->client.state == CLIENT_READY);
	flow_set_state(&bus->flow, &s->client, CLIENT_OPEN, NULL);
	if (s->has_job)
		dispatch_continue(bus, s);
	while (s->client.state == CLIENT_OPEN && s->leftover && requests_advance(bus, s))
		;
	requests_charge(bus, s);
}
