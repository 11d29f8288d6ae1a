/* Each line is one write(2), so that lines of several programs on one terminal or log stay whole. */
#include "say.h"

#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define PREFIX "udsctl: "
#define CLEAR "\r\033[K"

static struct {
	bool verbose;
	bool terminal;
	bool progress;    /* a progress line stands on the terminal */
	int output_error; /* the first of standard output */
	char *captured;
	size_t captured_size; /* 0: lines are written */
} speaker;

void
say_init(bool verbose)
{
	speaker.verbose = verbose;
	speaker.terminal = isatty(STDERR_FILENO) == 1;
}

static void
replace_controls(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

bool
say_is_on_terminal(void)
{
	const char *type = getenv("TERM");

	return speaker.terminal && type && *type && strcmp(type, "dumb") != 0;
}

/* Of the terminal; a line as long as that would wrap on some. */
static size_t
terminal_width(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
}

static void __attribute__((format(printf, 4, 0)))
write_line(const char *start, const char *end, size_t width, const char *format, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t from = strlen(start) + strlen(PREFIX), room = sizeof(line) - from - 2, len;
	int n;

	memcpy(line, start, strlen(start));
	memcpy(line + strlen(start), PREFIX, strlen(PREFIX));
	n = vsnprintf(line + from, room, format, ap);
	len = n < 0 ? 0 : (size_t)n >= room ? room - 1 : (size_t)n;
	if (len + strlen(PREFIX) > width)
		len = width > strlen(PREFIX) ? width - strlen(PREFIX) : 0;
	replace_controls(line + from, len);
	memcpy(line + from + len, end, strlen(end));
	(void)!write(STDERR_FILENO, line, from + len + strlen(end));
}

static void __attribute__((format(printf, 1, 0))) say_line(const char *format, va_list ap)
{
	if (speaker.captured_size > 0) {
		vsnprintf(speaker.captured, speaker.captured_size, format, ap);
		replace_controls(speaker.captured, strlen(speaker.captured));
		return;
	}
	write_line(speaker.progress ? CLEAR : "", "\n", LINE_MAX_BYTES, format, ap);
	speaker.progress = false;
}

void
say_capture(char *text, size_t size)
{
	speaker.captured = text;
	speaker.captured_size = size;
}

void
say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say_line(format, ap);
	va_end(ap);
}

void
say_notice(const char *format, ...)
{
	va_list ap;

	if (!speaker.verbose && !speaker.terminal)
		return;
	va_start(ap, format);
	say_line(format, ap);
	va_end(ap);
}

void
say_verbose(const char *format, ...)
{
	va_list ap;

	if (!speaker.verbose)
		return;
	va_start(ap, format);
	say_line(format, ap);
	va_end(ap);
}

void
say_progress(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (!say_is_on_terminal()) {
		say_line(format, ap);
	} else if (tcgetpgrp(STDERR_FILENO) == getpgrp()) {
		write_line(CLEAR, "", terminal_width(), format, ap);
		speaker.progress = true;
	}
	va_end(ap);
}

void
say_progress_end(bool stays)
{
	const char *end = stays ? "\n" : CLEAR;

	if (speaker.progress)
		(void)!write(STDERR_FILENO, end, strlen(end));
	speaker.progress = false;
}

bool
say_try_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	/* What could not be written is gone, and the next flush knows of nothing. */
	if (speaker.output_error == 0)
		speaker.output_error = errno;
	return false;
}

bool
say_flushed(void)
{
	if (say_try_flush())
		return true;
	say("writing standard output: %s", strerror(speaker.output_error));
	return false;
}

int
say_end(int status)
{
	if (say_try_flush() || speaker.output_error == EPIPE)
		return status;
	return status != 0 || say_flushed() ? status : EX_IOERR;
}
