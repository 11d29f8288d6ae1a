/*
 * Each line is one write(2), so that lines of several programs in one terminal or log do not mix. While stderr takes
 * nothing, lines wait in order; a progress line is left out.
 */
#include "say.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buf.h"
#include "memory.h"
#include "nowait.h"
#include "printable.h"

#define LINE_MAX_BYTES 2048
#define PREFIX "udsctl: "
#define CLEAR "\r\033[K"

#define WAITING_MAX ((size_t)1024 * 1024)

static struct {
	struct nowait err;
	bool verbose;
	bool terminal;
	bool progress; /* the last line on the terminal is a progress line */
	char *captured;
	size_t captured_size; /* 0: lines are written */
	struct buf waiting;   /* lines that standard error has not taken */
	uint64_t lost;        /* lines that found no room there */
	bool hurried;
	say_wait_cb *wait_cb;
	void *wait_arg;
} speaker = { .err = NOWAIT_INIT(STDERR_FILENO) };

void
say_init(void)
{
	nowait_init(&speaker.err, STDERR_FILENO);
	speaker.terminal = isatty(STDERR_FILENO) == 1;
}

void
say_set_verbose(bool verbose)
{
	speaker.verbose = verbose;
}

bool
say_is_on_terminal(void)
{
	const char *type = getenv("TERM");

	return speaker.terminal && type && *type && strcmp(type, "dumb") != 0;
}

/* Writes the text in one piece, or lets it wait behind those before it, where no more than so many bytes wait. */
static void
say_put(const char *text, size_t len, size_t waiting_max)
{
	ssize_t n = speaker.waiting.len > 0 ? -EAGAIN : nowait_write(&speaker.err, text, len);
	size_t rest = n >= 0 ? len - (size_t)n : n == -EAGAIN ? len : 0; /* nobody could be told of another error */

	if (rest == 0 || (waiting_max == 0 && n <= 0))
		return;
	if (waiting_max > 0 && speaker.waiting.len + rest > waiting_max) {
		speaker.lost++;
		return;
	}
	memory_check(buf_append(&speaker.waiting, text + len - rest, rest));
	if (speaker.wait_cb)
		speaker.wait_cb(speaker.wait_arg);
}

/* `clear` comes before the line, `end` behind it; prefix and text are cut to `width` bytes. */
static void __attribute__((format(printf, 4, 0)))
say_write(const char *clear, const char *end, size_t width, const char *format, va_list ap)
{
	char line[LINE_MAX_BYTES], text[LINE_MAX_BYTES - 16];
	int room = width > strlen(PREFIX) ? (int)(width - strlen(PREFIX)) : 0, n;

	if (vsnprintf(text, sizeof(text), format, ap) < 0)
		*text = '\0';
	text[printable_clean(text, strlen(text), NULL)] = '\0';
	n = snprintf(line, sizeof(line), "%s" PREFIX "%.*s%s", clear, room, text, end);
	say_put(line, (size_t)n, *end == '\n' ? WAITING_MAX : 0);
}

static void __attribute__((format(printf, 1, 0))) say_line(const char *format, va_list ap)
{
	if (speaker.captured_size > 0) {
		vsnprintf(speaker.captured, speaker.captured_size, format, ap);
		speaker.captured[printable_clean(speaker.captured, strlen(speaker.captured), NULL)] = '\0';
		return;
	}
	say_write(speaker.progress ? CLEAR : "", "\n", LINE_MAX_BYTES, format, ap);
	speaker.progress = false;
}

void
say_capture(char *text, size_t size)
{
	speaker.captured = text;
	speaker.captured_size = size;
}

bool
say_at(enum say_level level, const char *format, ...)
{
	va_list ap;

	if (level == SAY_VERBOSE && !speaker.verbose)
		return false;
	if (level == SAY_NOTICE && !speaker.verbose && !speaker.terminal)
		return false;
	va_start(ap, format);
	say_line(format, ap);
	va_end(ap);
	return true;
}

void
say_in_use(const char *what, const char *path, pid_t pid)
{
	if (pid > 0)
		say("%s '%s' is in use by process %d", what, path, (int)pid);
	else
		say("%s '%s' is in use by another process", what, path);
}

void
say_progress(const char *format, ...)
{
	struct winsize w = { 0 };
	va_list ap;

	va_start(ap, format);
	if (!say_is_on_terminal()) {
		say_line(format, ap);
	} else if (tcgetpgrp(STDERR_FILENO) == getpgrp()) {
		(void)ioctl(STDERR_FILENO, TIOCGWINSZ, &w);
		/* One column less: some terminals wrap a line that is as long as they are wide. */
		say_write(CLEAR, "", w.ws_col > 1 ? w.ws_col - 1 : 79, format, ap);
		speaker.progress = true;
	}
	va_end(ap);
}

void
say_progress_end(bool stays)
{
	const char *end = stays ? "\n" : CLEAR;

	if (speaker.progress)
		say_put(end, strlen(end), WAITING_MAX);
	speaker.progress = false;
}

void
say_bytes(const void *p, size_t len)
{
	say_put(p, len, SIZE_MAX);
}

bool
say_is_waiting(void)
{
	return speaker.waiting.len > 0;
}

bool
say_is_full(void)
{
	return speaker.waiting.len > WAITING_MAX / 2;
}

void
say_on_wait(say_wait_cb *cb, void *arg)
{
	speaker.wait_cb = cb;
	speaker.wait_arg = arg;
	if (cb && speaker.waiting.len > 0)
		cb(arg);
}

int
say_fd(void)
{
	return speaker.err.fd;
}

bool
say_flush(void)
{
	struct buf *b = &speaker.waiting;
	uint64_t lost = speaker.lost;
	ssize_t n = 0;
	size_t at = 0;

	for (; at < b->len && n >= 0; at += n > 0 ? (size_t)n : 0) {
		const uint8_t *newline = memchr(b->data + at, '\n', b->len - at);
		size_t end = newline ? (size_t)(newline - b->data) + 1 : b->len;

		n = nowait_write(&speaker.err, b->data + at, end - at);
	}
	buf_consume(b, n < 0 && n != -EAGAIN ? b->len : at);
	if (b->len > 0)
		return false;
	speaker.lost = 0;
	if (lost > 0)
		say("%" PRIu64 " line%s lost: standard error took no more", lost, lost == 1 ? " was" : "s were");
	return b->len == 0;
}

void
say_hurry(void)
{
	speaker.hurried = true;
}

bool
say_may_wait(void)
{
	return !speaker.hurried;
}

void
say_end(void)
{
	while (!say_flush() && say_may_wait())
		(void)poll(&(struct pollfd){ .fd = speaker.err.fd, .events = POLLOUT }, 1, -1);
	buf_deinit(&speaker.waiting);
}
