#include "input.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "memory.h"

#define READ_BLOCK ((size_t)256 * 1024)

enum input_state { INPUT_READING, INPUT_AT_END, INPUT_STOPPED, INPUT_BROKEN };

struct input {
	int fd;
	enum input_split split;
	enum input_state state;
	bool at_end; /* of the input itself */
	int error;
	struct buf buf;
	size_t start;     /* of what is not handed out yet, in buf */
	size_t searched;  /* bytes from start in which there is no delimiter */
	size_t piece_run; /* bytes of the open line that were handed out */
	struct event *event;
	input_cb *cb;
	void *arg;
};

static void
fail(struct input *in, int error)
{
	in->state = INPUT_BROKEN;
	in->error = error;
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct input *in = arg;
	ssize_t n;

	(void)what;
	buf_consume(&in->buf, in->start);
	in->start = 0;
	memory_check(buf_reserve(&in->buf, READ_BLOCK));
	n = read(fd, in->buf.data + in->buf.len, in->buf.cap - in->buf.len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		in->buf.len += (size_t)n;
	else if (n == 0)
		in->state = INPUT_AT_END, in->at_end = true;
	else
		fail(in, errno);
	if (in->state != INPUT_READING)
		event_del(in->event);
	in->cb(in->arg);
}

struct input *
input_new(struct loop *loop, int fd, enum input_split split, input_cb *cb, void *arg)
{
	struct input *in = memory_alloc(sizeof(*in));

	in->fd = fd;
	in->split = split;
	in->cb = cb;
	in->arg = arg;
	in->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, read_cb, in);
	memory_check(in->event ? 0 : -1);
	return in;
}

void
input_free(struct input *in)
{
	if (!in)
		return;
	event_free(in->event);
	buf_deinit(&in->buf);
	free(in);
}

static enum input_status
nothing(const struct input *in)
{
	switch (in->state) {
	case INPUT_READING:
		return INPUT_MORE;
	case INPUT_BROKEN:
		return INPUT_FAILED;
	case INPUT_AT_END:
	case INPUT_STOPPED:
		break;
	}
	return INPUT_END;
}

/* Hands out n bytes; `skip` more are the delimiter. */
static enum input_status
take(struct input *in, size_t n, size_t skip, struct slice *ret_slice)
{
	*ret_slice = (struct slice){ in->buf.data + in->start, n };
	in->start += n + skip;
	in->searched = 0;
	return INPUT_OK;
}

enum input_status
input_next(struct input *in, struct slice *ret_message)
{
	size_t left = in->buf.len - in->start;
	const uint8_t *p = in->buf.data + in->start, *end = NULL;

	if (left > in->searched && in->split != INPUT_WHOLE)
		end = memchr(p + in->searched, in->split == INPUT_NULS ? '\0' : '\n', left - in->searched);
	if (end)
		return take(in, (size_t)(end - p), 1, ret_message);
	in->searched = left;
	if (in->state == INPUT_AT_END && in->split == INPUT_WHOLE) {
		in->state = INPUT_STOPPED;
		return take(in, left, 0, ret_message);
	}
	if (in->state == INPUT_AT_END && left > 0)
		return take(in, left, 0, ret_message);
	if (left > INPUT_MESSAGE_MAX && in->state == INPUT_READING) {
		event_del(in->event);
		fail(in, EMSGSIZE);
	}
	return nothing(in);
}

enum input_status
input_next_piece(struct input *in, size_t max, struct slice *ret_piece, bool *ret_open)
{
	size_t left = in->buf.len - in->start, limit = max - in->piece_run, n;
	const uint8_t *p = in->buf.data + in->start, *newline;

	if (left == 0)
		return nothing(in);
	n = left < limit ? left : limit;
	newline = memchr(p, '\n', n);
	if (newline)
		n = (size_t)(newline - p) + 1;
	*ret_open = !newline && n < limit;
	in->piece_run = *ret_open ? in->piece_run + n : 0;
	return take(in, n, 0, ret_piece);
}

void
input_want(struct input *in, bool want)
{
	if (in->state != INPUT_READING || want == !!event_pending(in->event, EV_READ, NULL))
		return;
	if (want)
		event_add(in->event, NULL);
	else
		event_del(in->event);
}

void
input_stop(struct input *in)
{
	if (in->state != INPUT_READING)
		return;
	event_del(in->event);
	in->state = INPUT_STOPPED;
}

bool
input_is_at_end(const struct input *in)
{
	return in->at_end;
}

int
input_error(const struct input *in)
{
	return in->error;
}
