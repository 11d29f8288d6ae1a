/*
 * buf holds what was read; before `start` it was handed out.
 *
 * Peeking. What is read stays in the file or pipe until input_consume(), which takes exactly the messages that are safe
 * elsewhere. So the file or pipe always begins with a message: a process that reads on after
 * this one has died, however it died, finds no half ones. The beginning of an unfinished line is in buf and in the pipe
 * at the same time. Since a pipe with bytes in it always polls readable, a timer looks whether the line has gone on. A
 * line for which even the largest pipe has no room has to be taken before it is whole.
 */
#include "input.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "peek.h"
#include "timer.h"

#define READ_BLOCK ((size_t)256 * 1024)

/* How often to look whether the line in the pipe has gone on, in ms. */
#define LOOK_MS 50

enum input_state { INPUT_READING, INPUT_AT_END, INPUT_STOPPED, INPUT_BROKEN };

struct input {
	struct loop *loop;
	struct input_file *files; /* n_files of them */
	size_t file, n_files;     /* file: index of the one being read */
	size_t consumed;          /* index of the file with the first message that is not consumed */
	struct buf sizes;         /* a size_t for each message handed out and not consumed: its bytes there */
	enum input_split split;
	enum input_state state;
	bool at_end; /* of the last file */
	int error;
	bool peeks;       /* where the file allows it */
	struct peek peek; /* the file being read, if so */
	size_t taken;     /* bytes from start that were consumed before they were handed out */
	bool wanted;
	uint64_t handed; /* messages handed out */
	uint64_t bytes;  /* read */
	bool whole;      /* INPUT_WHOLE: the message of this file was handed out */
	struct buf buf;
	size_t start;     /* in buf: of what is not handed out yet */
	size_t searched;  /* bytes from start without a delimiter */
	size_t piece_run; /* bytes of the open line that were handed out */
	struct event *event;
	struct timer look; /* whether the rest has grown */
	input_cb *cb;
	void *arg;
};

static void
input_fail(struct input *in, int error)
{
	in->state = INPUT_BROKEN;
	in->error = error;
}

static void
input_look_cb(void *arg)
{
	struct input *in = arg;

	if (in->state == INPUT_READING && in->wanted)
		event_add(in->event, NULL);
}

static void
input_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct input *in = arg;
	size_t known;
	ssize_t n;

	(void)what;
	buf_consume(&in->buf, in->start);
	in->start = 0;
	memory_check(buf_reserve(&in->buf, READ_BLOCK));
	known = in->buf.len - in->taken;
	n = peek_read(&in->peek, fd, in->buf.data + in->buf.len, READ_BLOCK, known);
	if (n == -EAGAIN && known > 0 && in->peek.kind == PEEK_PIPE) {
		event_del(in->event);
		timer_set(&in->look, LOOK_MS);
	} else if (n == -ENOBUFS) {
		peek_take(&in->peek, fd, known);
		in->taken += known;
	}
	if (n == -EINTR || n == -EAGAIN || n == -ENOBUFS)
		return;
	if (n > 0)
		in->buf.len += (size_t)n, in->bytes += (size_t)n;
	else if (n == 0)
		in->state = INPUT_AT_END, in->at_end = in->file + 1 == in->n_files;
	else
		input_fail(in, (int)-n);
	if (in->state != INPUT_READING)
		event_del(in->event);
	in->cb(in->arg);
}

static void
input_begin_file(struct input *in)
{
	struct input_file *f = &in->files[in->file];

	f->before = in->handed;
	in->whole = false;
	in->taken = 0;
	in->state = INPUT_READING;
	if (in->peeks)
		peek_begin(&in->peek, f->fd);
	/* A message that is a whole file cannot stay in a pipe. */
	if (in->split == INPUT_WHOLE && in->peek.kind == PEEK_PIPE)
		in->peek.kind = PEEK_NONE;
	if (in->event)
		event_free(in->event);
	in->event = event_new(loop_base(in->loop), f->fd, EV_READ | EV_PERSIST, input_read_cb, in);
	memory_check(in->event ? 0 : -1);
}

struct input *
input_new(struct loop *loop, struct input_file *files, size_t n, enum input_split split, input_cb *cb, void *arg)
{
	struct input *in = memory_alloc(sizeof(*in));

	in->loop = loop;
	in->files = files;
	in->n_files = n;
	in->split = split;
	in->cb = cb;
	in->arg = arg;
	peek_init(&in->peek);
	timer_init(&in->look, loop, input_look_cb, in);
	input_begin_file(in);
	return in;
}

void
input_free(struct input *in)
{
	if (!in)
		return;
	event_free(in->event);
	timer_deinit(&in->look);
	buf_deinit(&in->buf);
	buf_deinit(&in->sizes);
	peek_deinit(&in->peek);
	free(in);
}

void
input_enable_peek(struct input *in)
{
	in->peeks = true;
	input_begin_file(in);
}

void
input_consume(struct input *in, uint64_t n)
{
	uint64_t number = in->handed - in->sizes.len / sizeof(size_t); /* of messages consumed */
	size_t bytes = 0, size;

	for (uint64_t i = 0; i < n; i++, number++) {
		while (in->consumed < in->file && in->files[in->consumed + 1].before <= number) {
			peek_take(&in->peek, in->files[in->consumed++].fd, bytes);
			bytes = 0;
		}
		memcpy(&size, in->sizes.data + i * sizeof(size), sizeof(size));
		bytes += size;
	}
	peek_take(&in->peek, in->files[in->consumed].fd, bytes);
	buf_consume(&in->sizes, n * sizeof(size));
}

/* What to return where nothing is there to hand out. */
static enum input_status
input_nothing(const struct input *in)
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

/* Hands out n bytes and skips the delimiter of `skip` bytes behind them. */
static enum input_status
input_hand_out(struct input *in, size_t n, size_t skip, struct slice *ret_slice)
{
	size_t taken = n + skip < in->taken ? n + skip : in->taken, left;

	*ret_slice = (struct slice){ in->buf.data + in->start, n };
	in->start += n + skip;
	in->taken -= taken;
	left = in->peek.kind == PEEK_NONE ? 0 : n + skip - taken;
	if (in->peeks)
		memory_check(buf_append(&in->sizes, &left, sizeof(left)));
	in->searched = 0;
	in->handed++;
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
		return input_hand_out(in, (size_t)(end - p), 1, ret_message);
	in->searched = left;
	if (in->state == INPUT_AT_END && in->split == INPUT_WHOLE && !in->whole) {
		in->whole = true;
		return input_hand_out(in, left, 0, ret_message);
	}
	if (in->state == INPUT_AT_END && left > 0)
		return input_hand_out(in, left, 0, ret_message);
	if (in->state == INPUT_AT_END && !in->at_end) {
		in->file++;
		input_begin_file(in);
	}
	if (left > INPUT_MESSAGE_MAX && in->state == INPUT_READING) {
		event_del(in->event);
		input_fail(in, EMSGSIZE);
	}
	return input_nothing(in);
}

enum input_status
input_next_piece(struct input *in, size_t max, struct slice *ret_piece, bool *ret_open)
{
	size_t left = in->buf.len - in->start, limit = max - in->piece_run, n;
	const uint8_t *p = in->buf.data + in->start, *newline;

	if (left == 0)
		return input_nothing(in);
	n = left < limit ? left : limit;
	newline = memchr(p, '\n', n);
	if (newline)
		n = (size_t)(newline - p) + 1;
	*ret_open = !newline && n < limit;
	in->piece_run = *ret_open ? in->piece_run + n : 0;
	return input_hand_out(in, n, 0, ret_piece);
}

void
input_want(struct input *in, bool want)
{
	if (in->state != INPUT_READING)
		return;
	in->wanted = want;
	if (!want) {
		event_del(in->event);
		timer_stop(&in->look);
	} else if (!event_pending(in->event, EV_READ, NULL) && !timer_is_set(&in->look)) {
		event_add(in->event, NULL);
	}
}

void
input_stop(struct input *in)
{
	if (in->state != INPUT_READING)
		return;
	event_del(in->event);
	in->state = INPUT_STOPPED;
}

size_t
input_lost(const struct input *in)
{
	return in->state == INPUT_STOPPED ? in->taken : 0;
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

uint64_t
input_handed(const struct input *in)
{
	return in->handed;
}

uint64_t
input_handed_bytes(const struct input *in)
{
	return in->bytes - (in->buf.len - in->start);
}

const char *
input_name(const struct input *in)
{
	return in->files[in->file].name;
}

const char *
input_locate(const struct input *in, uint64_t number, uint64_t *ret_number)
{
	size_t i = in->file;

	while (i > 0 && in->files[i].before >= number)
		i--;
	*ret_number = number - in->files[i].before;
	return in->files[i].name;
}
