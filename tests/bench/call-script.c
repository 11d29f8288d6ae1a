#include "call-script.h"

#include <stdio.h>
#include <string.h>

/* Copies the text up to a carriage return, or the blank behind it. */
static void
call_script_copy(char to[CALL_WORD_MAX], const char *from, const char *end)
{
	size_t n = 0;

	while (n < CALL_WORD_MAX - 1 && from + n < end && from[n] != '\r' && from[n] != ' ')
		n++;
	memcpy(to, from, n);
	to[n] = '\0';
}

/*
 * A frame of so many lines: notes its length if it is whole, and returns where each of its lines begins. Returns false
 * if it is not whole.
 */
static bool
call_script_cut(const char *data, size_t len, unsigned int lines, const char *begins[], struct call_frame *frame)
{
	const char *p = data, *end = data + len;

	for (unsigned int i = 0; i < lines; i++) {
		begins[i] = p;
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p++)
			return false;
	}
	frame->len = (size_t)(p - data);
	return true;
}

/* A frame that says nothing here: one line. */
static void
call_script_skip(const char *data, size_t len, struct call_frame *frame)
{
	const char *begin;

	frame->is_error = data[0] == '-';
	call_script_cut(data, len, 1, &begin, frame);
}

static void
call_script_bulk(struct buf *b, const char *text)
{
	protocol_print(b, "$%zu\r\n%s\r\n", strlen(text), text);
}

/* udsd */

static void
udsd_serve(struct exchange *x)
{
	protocol_print(&x->request, "*3\r\n$4\r\nUDSD\r\n$5\r\nSERVE\r\n$1\r\ns\r\n");
	protocol_print(&x->answer, ":1\r\n");
}

static void
udsd_next(struct buf *b)
{
	protocol_print(b, "*2\r\n$4\r\nUDSD\r\n$4\r\nNEXT\r\n");
}

static void
udsd_call(unsigned int caller, unsigned int nth, const char *payload, struct buf *b)
{
	(void)caller;
	(void)nth;
	protocol_print(b, "*4\r\n$4\r\nUDSD\r\n$4\r\nCALL\r\n$1\r\ns\r\n");
	call_script_bulk(b, payload);
}

static void
udsd_answer(const char *token, const char *payload, struct buf *b)
{
	protocol_print(b, "*5\r\n$4\r\nUDSD\r\n$6\r\nANSWER\r\n");
	call_script_bulk(b, token);
	call_script_bulk(b, payload);
	call_script_bulk(b, "NEXT");
}

/* *6, :ID, $1, s, :MILLISECONDS, :UID, :PID, $LENGTH, PAYLOAD */
static void
udsd_read_request(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *lines[9];

	if (data[0] != '*') {
		call_script_skip(data, len, ret_frame);
	} else if (call_script_cut(data, len, 9, lines, ret_frame)) {
		call_script_copy(ret_frame->token, lines[1] + 1, data + len);
		call_script_copy(ret_frame->payload, lines[8], data + len);
	}
}

static void
udsd_read_answer(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *lines[2];

	if (data[0] != '$')
		call_script_skip(data, len, ret_frame);
	else if (call_script_cut(data, len, 2, lines, ret_frame))
		call_script_copy(ret_frame->payload, lines[1], data + len);
}

const struct call_script call_script_udsd = {
	.serve = udsd_serve,
	.next = udsd_next,
	.asks_ahead = true,
	.call = udsd_call,
	.answer = udsd_answer,
	.read_request = udsd_read_request,
	.read_answer = udsd_read_answer,
};

/* Redis: a request is an element of a list, and names the list for its answer. */

static void
redis_next(struct buf *b)
{
	protocol_print(b, "*3\r\n$5\r\nBRPOP\r\n$1\r\ns\r\n$1\r\n0\r\n");
}

static void
redis_call(unsigned int caller, unsigned int nth, const char *payload, struct buf *b)
{
	char element[2 * CALL_WORD_MAX];

	snprintf(element, sizeof(element), "r%u.%u %s", caller, nth, payload);
	protocol_print(b, "*3\r\n$5\r\nLPUSH\r\n$1\r\ns\r\n");
	call_script_bulk(b, element);
}

static void
redis_fetch(unsigned int caller, unsigned int nth, struct buf *b)
{
	char list[CALL_WORD_MAX];

	snprintf(list, sizeof(list), "r%u.%u", caller, nth);
	protocol_print(b, "*3\r\n$5\r\nBLPOP\r\n");
	call_script_bulk(b, list);
	call_script_bulk(b, "0");
}

static void
redis_answer(const char *token, const char *payload, struct buf *b)
{
	protocol_print(b, "*3\r\n$5\r\nLPUSH\r\n");
	call_script_bulk(b, token);
	call_script_bulk(b, payload);
	redis_next(b);
}

/* *2, $LENGTH, LIST, $LENGTH, ELEMENT; or the answer to LPUSH */
static const char *
redis_read(const char *data, size_t len, struct call_frame *frame)
{
	const char *lines[5];

	if (data[0] != '*')
		call_script_skip(data, len, frame);
	else if (call_script_cut(data, len, 5, lines, frame))
		return lines[4];
	return NULL;
}

static void
redis_read_request(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *element = redis_read(data, len, ret_frame);

	if (!element)
		return;
	call_script_copy(ret_frame->token, element, data + len);
	call_script_copy(ret_frame->payload, element + strlen(ret_frame->token) + 1, data + len);
}

static void
redis_read_answer(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *element = redis_read(data, len, ret_frame);

	if (element)
		call_script_copy(ret_frame->payload, element, data + len);
}

const struct call_script call_script_redis = {
	.next = redis_next,
	.call = redis_call,
	.fetch = redis_fetch,
	.answer = redis_answer,
	.read_request = redis_read_request,
	.read_answer = redis_read_answer,
};

/* NATS: workers are a queue group. */

static void
nats_serve(struct exchange *x)
{
	protocol_print(&x->request, "SUB s w 1\r\nPING\r\n");
	protocol_print(&x->answer, "PONG\r\n");
}

static void
nats_attend(unsigned int caller, struct exchange *x)
{
	protocol_print(&x->request, "SUB r%u.* 1\r\nPING\r\n", caller);
	protocol_print(&x->answer, "PONG\r\n");
}

static void
nats_call(unsigned int caller, unsigned int nth, const char *payload, struct buf *b)
{
	protocol_print(b, "PUB s r%u.%u %zu\r\n%s\r\n", caller, nth, strlen(payload), payload);
}

static void
nats_answer(const char *token, const char *payload, struct buf *b)
{
	protocol_print(b, "PUB %s %zu\r\n%s\r\n", token, strlen(payload), payload);
}

/* "MSG s 1 REPLY LENGTH", PAYLOAD; "MSG REPLY 1 LENGTH", PAYLOAD; or the server's PING */
static void
nats_read_request(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *lines[2];

	if (data[0] != 'M') {
		call_script_skip(data, len, ret_frame);
	} else if (call_script_cut(data, len, 2, lines, ret_frame)) {
		call_script_copy(ret_frame->token, lines[0] + strlen("MSG s 1 "), data + len);
		call_script_copy(ret_frame->payload, lines[1], data + len);
	}
}

static void
nats_read_answer(const char *data, size_t len, struct call_frame *ret_frame)
{
	const char *lines[2];

	if (data[0] != 'M')
		call_script_skip(data, len, ret_frame);
	else if (call_script_cut(data, len, 2, lines, ret_frame))
		call_script_copy(ret_frame->payload, lines[1], data + len);
}

const struct call_script call_script_nats = {
	.serve = nats_serve,
	.attend = nats_attend,
	.call = nats_call,
	.answer = nats_answer,
	.read_request = nats_read_request,
	.read_answer = nats_read_answer,
};
