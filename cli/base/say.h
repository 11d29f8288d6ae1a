/*
 * Messages to people: lines on stderr that begin with "udsctl: ". They may contain bytes that a peer chose; control
 * characters become "?".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void say_init(bool verbose);

/* Errors and results: always written. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on lines are not written; the last one is in `text`, without "udsctl: ". size 0: lines are written again. */
void say_capture(char *text, size_t size);

/* For a person in front of a terminal: written to a terminal, or with --verbose. */
void say_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Written with --verbose. */
void say_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether stderr is a terminal that can clear a line. */
bool say_is_on_terminal(void);

/*
 * On such a terminal: a line that takes the place of the last such line, cut to the width of the terminal; nothing
 * while the program is in the background. Elsewhere a line like any other.
 */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the progress line, or removes it. */
void say_progress_end(bool stays);

/* Flushes standard output. Returns whether everything was written, now and before. */
bool say_try_flush(void);

/* The same, but reports a failure. */
bool say_flushed(void);

/* Flushes standard output and returns the exit status: the given one, or EX_IOERR. A reader that left is no failure. */
int say_end(int status);
