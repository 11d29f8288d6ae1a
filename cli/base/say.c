/* Each line is one write(2), so that lines of several programs in one terminal or log do not mix. */
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

#include "printable.h"

#define LINE_MAX_BYTES 2048
#define PREFIX "udsctl: "
#define CLEAR "\r\033[K"

static struct {
	bool verbose;
	bool terminal;
	bool progress;    /* the last line on the terminal is a progress line */
	int output_error; /* errno of the first failed write to standard output */
	char *captured;
	size_t captured_size; /* 0: lines are written */
} speaker;

void
say_init(bool verbose)
{
	speaker.verbose = verbose;
	speaker.terminal = isatty(STDERR_FILENO) == 1;
}

bool
say_is_on_terminal(void)
{
	const char *type = getenv("TERM");

	return speaker.terminal && type && *type && strcmp(type, "dumb") != 0;
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
	(void)!write(STDERR_FILENO, line, (size_t)n);
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
		(void)!write(STDERR_FILENO, end, strlen(end));
	speaker.progress = false;
}

bool
say_try_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	/* stdio drops what it could not write, and the next flush succeeds: so remember the error. */
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
