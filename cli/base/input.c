/*
 * In buf, what is before start was handed out; the last `kept` bytes, all that the last read brought, are
 * still in the file. So nothing more is read before they are taken.
 *
 * The beginning of a line whose end has not come is not taken but left in the pipe for a while (`rest` bytes, which are
 * not in buf): else, were this process to end now, the end of the line would be taken for a line.
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

#define READ_BLOCK ((size_t)256 * 1024)

/* How often it is looked whether the line in the pipe has gone on, in ms, and how many times. */
#define REST_MS 50
#define REST_LOOKS 200

enum input_state { INPUT_READING, INPUT_AT_END, INPUT_STOPPED, INPUT_BROKEN };

/* How to read without taking. */
enum input_keeping { INPUT_TAKES, INPUT_KEEPS_PIPE, INPUT_KEEPS_FILE };

struct input {
	struct loop *loop;
	struct input_file standard; /* where no files were given */
	struct input_file *files;
	size_t file, n_files; /* of them, the one that is read */
	enum input_split split;
	enum input_state state;
	bool at_end; /* of the last file */
	int error;
	bool keep;
	enum input_keeping keeping; /* for the file that is read */
	int copy[2];                /* pipe for copies of what is in a pipe, or -1 */
	size_t kept, rest;
	unsigned int looks; /* at the same rest */
	bool take_all;      /* no rest is left this time */
	bool wanted;
	uint64_t handed; /* messages */
	uint64_t bytes;  /* read */
	bool whole;      /* INPUT_WHOLE: the file's message was handed out */
	struct buf buf;
	size_t start;     /* of what is not handed out yet, in buf */
	size_t searched;  /* bytes from start in which there is no delimiter */
	size_t piece_run; /* bytes of the open line that were handed out */
	struct event *event, *look;
	input_cb *cb;
	void *arg;
};

static void
fail(struct input *in, int error)
{
	in->state = INPUT_BROKEN;
	in->error = error;
}

/* As read(2). */
static ssize_t
read_some(struct input *in, int fd, void *p, size_t size)
{
	ssize_t n = 0;

	switch (in->keeping) {
	case INPUT_TAKES:
		return read(fd, p, size);
	case INPUT_KEEPS_PIPE:
		n = tee(fd, in->copy[1], size, SPLICE_F_NONBLOCK);
		n = n > 0 ? read(in->copy[0], p, (size_t)n) : n;
		break;
	case INPUT_KEEPS_FILE:
		n = pread(fd, p, size, lseek(fd, 0, SEEK_CUR));
		break;
	}
	in->kept = n > 0 ? (size_t)n : 0;
	return n;
}

static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct input *in = arg;

	(void)fd, (void)what;
	if (in->state == INPUT_READING && in->wanted)
		event_add(in->event, NULL);
}

/* Whether a read has brought nothing but the rest that was left, and it is worth to wait for more. */
static bool
must_wait(struct input *in, int fd, size_t n)
{
	static const struct timeval soon = { .tv_usec = REST_MS * 1000 };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (in->rest == 0 || n != in->rest) {
		in->looks = 0;
		return false;
	}
	if (in->looks++ == REST_LOOKS || (poll(&pfd, 1, 0) > 0 && pfd.revents & POLLHUP)) {
		in->take_all = true;
		return false;
	}
	in->kept = 0;
	event_del(in->event);
	event_add(in->look, &soon);
	return true;
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
	n = read_some(in, fd, in->buf.data + in->buf.len, in->buf.cap - in->buf.len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && must_wait(in, fd, (size_t)n))
		return;
	in->rest = 0;
	if (n > 0)
		in->buf.len += (size_t)n, in->bytes += (size_t)n;
	else if (n == 0)
		in->state = INPUT_AT_END, in->at_end = in->file + 1 == in->n_files;
	else
		fail(in, errno);
	if (in->state != INPUT_READING)
		event_del(in->event);
	in->cb(in->arg);
}

static enum input_keeping
keeping(struct input *in, int fd)
{
	struct stat st;

	if (!in->keep || fstat(fd, &st) < 0)
		return INPUT_TAKES;
	if (S_ISREG(st.st_mode))
		return INPUT_KEEPS_FILE;
	if (!S_ISFIFO(st.st_mode) || (in->copy[0] < 0 && pipe2(in->copy, O_CLOEXEC) < 0))
		return INPUT_TAKES;
	(void)fcntl(in->copy[1], F_SETPIPE_SZ, fcntl(fd, F_GETPIPE_SZ));
	return INPUT_KEEPS_PIPE;
}

static void
begin_file(struct input *in)
{
	struct input_file *f = &in->files[in->file];

	f->before = in->handed;
	in->whole = in->take_all = false;
	in->rest = in->looks = 0;
	in->state = INPUT_READING;
	in->keeping = keeping(in, f->fd);
	if (in->event)
		event_free(in->event);
	in->event = event_new(loop_base(in->loop), f->fd, EV_READ | EV_PERSIST, read_cb, in);
	if (!in->look)
		in->look = event_new(loop_base(in->loop), -1, 0, look_cb, in);
	memory_check(in->event && in->look ? 0 : -1);
}

struct input *
input_new_files(struct loop *loop, struct input_file *files, size_t n, enum input_split split, input_cb *cb, void *arg)
{
	struct input *in = memory_alloc(sizeof(*in));

	in->loop = loop;
	in->files = files;
	in->n_files = n;
	in->split = split;
	in->cb = cb;
	in->arg = arg;
	in->copy[0] = in->copy[1] = -1;
	begin_file(in);
	return in;
}

struct input *
input_new(struct loop *loop, int fd, enum input_split split, input_cb *cb, void *arg)
{
	struct input_file standard = { .fd = fd };
	struct input *in = input_new_files(loop, &standard, 1, split, cb, arg);

	in->standard = standard;
	in->files = &in->standard;
	return in;
}

void
input_free(struct input *in)
{
	if (!in)
		return;
	event_free(in->event);
	event_free(in->look);
	buf_deinit(&in->buf);
	if (in->copy[0] >= 0) {
		close(in->copy[0]);
		close(in->copy[1]);
	}
	free(in);
}

void
input_keep(struct input *in)
{
	in->keep = true;
	in->keeping = keeping(in, in->files[in->file].fd);
}

/* What is left in the pipe of what was read; it is read again. */
static void
leave_rest(struct input *in, int fd)
{
	size_t left = in->buf.len - in->start;

	if (in->take_all || in->split == INPUT_WHOLE || in->state != INPUT_READING || left > in->kept ||
	    left > (size_t)fcntl(fd, F_GETPIPE_SZ) / 2) {
		in->take_all = false;
		return;
	}
	in->rest = left;
	in->kept -= left;
	in->bytes -= left;
	in->buf.len -= left;
	in->searched = 0;
}

void
input_taken(struct input *in)
{
	int fd = in->files[in->file].fd;
	ssize_t n;

	if (in->keeping == INPUT_KEEPS_PIPE && in->kept > 0)
		leave_rest(in, fd);

	if (in->keeping == INPUT_KEEPS_FILE)
		lseek(fd, (off_t)in->kept, SEEK_CUR);
	while (in->keeping == INPUT_KEEPS_PIPE && in->kept > 0) {
		/* They are there, so this does not wait; the place is that of the next read. */
		memory_check(buf_reserve(&in->buf, in->kept));
		n = read(fd, in->buf.data + in->buf.len, in->kept);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		in->kept -= (size_t)n;
	}
	in->kept = 0;
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
		return take(in, (size_t)(end - p), 1, ret_message);
	in->searched = left;
	if (in->state == INPUT_AT_END && in->split == INPUT_WHOLE && !in->whole) {
		in->whole = true;
		return take(in, left, 0, ret_message);
	}
	if (in->state == INPUT_AT_END && left > 0)
		return take(in, left, 0, ret_message);
	if (in->state == INPUT_AT_END && !in->at_end) {
		in->file++;
		begin_file(in);
	}
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
	if (in->state != INPUT_READING)
		return;
	in->wanted = want;
	if (!want) {
		event_del(in->event);
		event_del(in->look);
	} else if (!event_pending(in->event, EV_READ, NULL) && !event_pending(in->look, EV_TIMEOUT, NULL)) {
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
