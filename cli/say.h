/*
 * What udsctl tells people: lines on stderr that begin with its name. Bytes that a peer chose may stand
 * in them; control characters are replaced.
 */
#pragma once

#include <stdbool.h>

void say_init(bool verbose);

/* Errors and results: always written. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a person in front of a terminal should know: written to a terminal, or with --verbose. */
void say_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Written with --verbose. */
void say_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line on the terminal that the next line overwrites; nothing where stderr is not a terminal. */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the progress line away. */
void say_progress_end(void);

/* Flushes standard output; says so where that fails. Returns whether all of it got out. */
bool say_flushed(void);
