/*
 * What udsctl tells people: lines on stderr that begin with its name. Bytes that a peer chose may stand
 * in them; control characters are replaced.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void say_init(bool verbose);

/* Errors and results: always written. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on the last line is kept here instead of written, without its beginning; size 0: written again. */
void say_capture(char *text, size_t size);

/* What a person in front of a terminal should know: written to a terminal, or with --verbose. */
void say_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Written with --verbose. */
void say_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether stderr is a terminal that can clear a line. */
bool say_is_on_terminal(void);

/*
 * On such a terminal, a line in place of the last such line, cut to its width; nothing while the program is
 * in the background. Elsewhere a line like any other.
 */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves the progress line where it is, or takes it away. */
void say_progress_end(bool stays);

/* Flushes standard output; returns whether all of it got out. */
bool say_try_flush(void);

/* Likewise; says so where that fails. */
bool say_flushed(void);

/* Likewise: the exit status that it makes of status. That nobody reads the rest any more is no failure. */
int say_end(int status);
