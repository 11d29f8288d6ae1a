/*
 * buf holds what was read; before `start` it was handed out.
 *
 * Peeking. What is read stays in the pipe (tee(2)) or file (pread(2)) until input_consume(); the last `peeked` bytes
 * of buf are those. The next read would bring them again, so nothing is read before they are consumed.
 *
 * The beginning of a line whose end has not come is not consumed but left in the pipe for a while: `rest` bytes, which
 * are then not in buf either. Otherwise, if this process ended now, its successor would take the end of the line for a
 * line. Since a pipe with bytes in it always polls readable, a timer looks whether the line has gone on.
 */
#include "input.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "memory.h"
#include "timer.h"

#define READ_BLOCK ((size_t)256 * 1024)

/* How often to look whether the line in the pipe has gone on, in ms, and how many times before it is consumed. */
#define REST_MS 50
#define REST_LOOKS 200

enum input_state { INPUT_READING, INPUT_AT_END, INPUT_STOPPED, INPUT_BROKEN };

/* How to read without consuming. */
enum input_peek { INPUT_PEEK_NONE, INPUT_PEEK_PIPE, INPUT_PEEK_FILE };

struct input {
	struct loop *loop;
	struct input_file *files; /* n_files of them */
	size_t file, n_files;     /* file: index of the one being read */
	enum input_split split;
	enum input_state state;
	bool at_end; /* of the last file */
	int error;
	bool peeks;           /* where the file allows it */
	enum input_peek peek; /* how, for the file being read */
	int copy[2];          /* pipe for tee(2), or -1 */
	size_t peeked, rest;
	unsigned int looks; /* at the same rest, so far */
	bool consume_all;   /* no rest is left this time */
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

/* As read(2), but leaves the bytes where they are if it can. */
static ssize_t
input_read(struct input *in, int fd, void *p, size_t size)
{
	ssize_t n = 0;

	switch (in->peek) {
	case INPUT_PEEK_NONE:
		return read(fd, p, size);
	case INPUT_PEEK_PIPE:
		n = tee(fd, in->copy[1], size, SPLICE_F_NONBLOCK);
		n = n > 0 ? read(in->copy[0], p, (size_t)n) : n;
		break;
	case INPUT_PEEK_FILE:
		n = pread(fd, p, size, lseek(fd, 0, SEEK_CUR));
		break;
	}
	in->peeked = n > 0 ? (size_t)n : 0;
	return n;
}

static void
input_look_cb(void *arg)
{
	struct input *in = arg;

	if (in->state == INPUT_READING && in->wanted)
		event_add(in->event, NULL);
}

/* Whether a read has brought only the rest that was left, and more of the line may come. */
static bool
input_must_wait(struct input *in, int fd, size_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (in->rest == 0 || n != in->rest) {
		in->looks = 0;
		return false;
	}
	if (in->looks++ == REST_LOOKS || (poll(&pfd, 1, 0) > 0 && pfd.revents & POLLHUP)) {
		in->consume_all = true;
		return false;
	}
	in->peeked = 0;
	event_del(in->event);
	timer_set(&in->look, REST_MS);
	return true;
}

static void
input_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct input *in = arg;
	ssize_t n;

	(void)what;
	buf_consume(&in->buf, in->start);
	in->start = 0;
	memory_check(buf_reserve(&in->buf, READ_BLOCK));
	n = input_read(in, fd, in->buf.data + in->buf.len, in->buf.cap - in->buf.len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && input_must_wait(in, fd, (size_t)n))
		return;
	in->rest = 0;
	if (n > 0)
		in->buf.len += (size_t)n, in->bytes += (size_t)n;
	else if (n == 0)
		in->state = INPUT_AT_END, in->at_end = in->file + 1 == in->n_files;
	else
		input_fail(in, errno);
	if (in->state != INPUT_READING)
		event_del(in->event);
	in->cb(in->arg);
}

static enum input_peek
input_peek_for(struct input *in, int fd)
{
	struct stat st;

	if (!in->peeks || fstat(fd, &st) < 0)
		return INPUT_PEEK_NONE;
	if (S_ISREG(st.st_mode))
		return INPUT_PEEK_FILE;
	if (!S_ISFIFO(st.st_mode) || (in->copy[0] < 0 && pipe2(in->copy, O_CLOEXEC) < 0))
		return INPUT_PEEK_NONE;
	(void)fcntl(in->copy[1], F_SETPIPE_SZ, fcntl(fd, F_GETPIPE_SZ));
	return INPUT_PEEK_PIPE;
}

static void
input_begin_file(struct input *in)
{
	struct input_file *f = &in->files[in->file];

	f->before = in->handed;
	in->whole = in->consume_all = false;
	in->rest = in->looks = 0;
	in->state = INPUT_READING;
	in->peek = input_peek_for(in, f->fd);
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
	in->copy[0] = in->copy[1] = -1;
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
	if (in->copy[0] >= 0) {
		close(in->copy[0]);
		close(in->copy[1]);
	}
	free(in);
}

void
input_enable_peek(struct input *in)
{
	in->peeks = true;
	in->peek = input_peek_for(in, in->files[in->file].fd);
}

/* Decides how much of what was read stays in the pipe, to be read again. */
static void
input_leave_rest(struct input *in, int fd)
{
	size_t left = in->buf.len - in->start;

	if (in->consume_all || in->split == INPUT_WHOLE || in->state != INPUT_READING || left > in->peeked ||
	    left > (size_t)fcntl(fd, F_GETPIPE_SZ) / 2) {
		in->consume_all = false;
		return;
	}
	in->rest = left;
	in->peeked -= left;
	in->bytes -= left;
	in->buf.len -= left;
	in->searched = 0;
}

void
input_consume(struct input *in)
{
	int fd = in->files[in->file].fd;
	ssize_t n;

	if (in->peek == INPUT_PEEK_PIPE && in->peeked > 0)
		input_leave_rest(in, fd);
	if (in->peek == INPUT_PEEK_FILE)
		lseek(fd, (off_t)in->peeked, SEEK_CUR);
	while (in->peek == INPUT_PEEK_PIPE && in->peeked > 0) {
		/* The bytes are there, so this does not block; they go where the next read will overwrite them. */
		memory_check(buf_reserve(&in->buf, in->peeked));
		n = read(fd, in->buf.data + in->buf.len, in->peeked);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		in->peeked -= (size_t)n;
	}
	in->peeked = 0;
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
	*ret_slice = (struct slice){ in->buf.data + in->start, n };
	in->start += n + skip;
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
