#include "errors.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

/* After so many ms it is tried again whether standard error takes something. */
#define ERRORS_AGAIN ((uint64_t)20)
/* What a pipe that is ready for writing takes without blocking (PIPE_BUF). */
#define ERRORS_PIECE 4096
/* So many pieces are read at the end of a command, at most: more than a pipe has. */
#define ERRORS_PIECES 64

static void
errors_end_line(struct errors *e)
{
	e->line[e->line_len] = '\0';
	if (e->line_len > 0)
		memcpy(e->last, e->line, e->line_len + 1);
	e->line_len = 0;
}

/* Whether standard error of udsctl takes a piece now, or nobody reads it any more. */
static bool
errors_may_write(void)
{
	return poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) != 0;
}

/* Reads a piece, and passes it on. Returns whether there may be more at once. */
static bool
errors_read(struct errors *e, bool passes_on)
{
	char piece[ERRORS_PIECE];
	ssize_t n;

	if (e->pipe.fd < 0)
		return false;
	n = read(e->pipe.fd, piece, sizeof(piece));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		pipe_end_close(&e->pipe);
		return false;
	}
	if (passes_on)
		(void)!write(STDERR_FILENO, piece, (size_t)n);
	for (const char *p = piece; p < piece + n; p++) {
		if (*p == '\n')
			errors_end_line(e);
		else if (e->line_len + 1 < sizeof(e->line) && *p != '\r' && *p != '\0')
			e->line[e->line_len++] = *p;
	}
	return true;
}

static void
errors_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct errors *e = arg;

	(void)fd;
	(void)what;
	if (errors_may_write()) {
		errors_read(e, true);
		return;
	}
	event_del(e->pipe.event);
	timer_set(&e->again, ERRORS_AGAIN);
}

static void
errors_again_cb(void *arg)
{
	struct errors *e = arg;

	if (e->pipe.event)
		event_add(e->pipe.event, NULL);
}

void
errors_init(struct errors *e, struct loop *loop)
{
	e->pipe.fd = -1;
	timer_init(&e->again, loop, errors_again_cb, e);
}

void
errors_deinit(struct errors *e)
{
	pipe_end_close(&e->pipe);
	timer_deinit(&e->again);
}

int
errors_open(struct errors *e, struct loop *loop, int *ret_fd)
{
	errors_forget(e);
	return pipe_end_open(&e->pipe, loop, false, errors_read_cb, e, ret_fd);
}

void
errors_finish(struct errors *e)
{
	for (unsigned int i = 0; i < ERRORS_PIECES && errors_read(e, errors_may_write()); i++)
		;
	errors_end_line(e);
}

void
errors_forget(struct errors *e)
{
	e->last[0] = '\0';
	e->line_len = 0;
}
