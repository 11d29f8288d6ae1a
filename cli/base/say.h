/*
 * Messages to people: lines on stderr that begin with "udsctl: ". They may contain bytes that a peer chose; control
 * characters become "?". Saying never blocks: what stderr does not take now waits. Lines that find 1 MiB there are
 * lost, and counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Call first. */
void say_init(void);
void say_set_verbose(bool verbose);

enum say_level {
	SAY_VERBOSE, /* written with --verbose */
	SAY_NOTICE,  /* for a person in front of a terminal: written to a terminal, or with --verbose */
	SAY_ALWAYS,  /* errors and results */
};

/* Returns whether lines of this level are written. */
bool say_at(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define say(...) say_at(SAY_ALWAYS, __VA_ARGS__)
#define say_notice(...) say_at(SAY_NOTICE, __VA_ARGS__)
#define say_verbose(...) say_at(SAY_VERBOSE, __VA_ARGS__)

/* An error: another process works with this file; pid 0: which one is not known. */
void say_in_use(const char *what, const char *path, pid_t pid);

/* Writes bytes of somebody else as they are, in order with the lines. None is lost, so the caller sets a bound to what
 * waits: with the two functions below. */
void say_bytes(const void *p, size_t len);

/* Whether something waits. */
bool say_is_waiting(void);

/* Whether so much waits (512 KiB) that nothing should begin that adds to it. */
bool say_is_full(void);

/* From now on lines are not written; the last one is in `text`, without "udsctl: ". size 0: lines are written again. */
void say_capture(char *text, size_t size);

/* Whether stderr is a terminal that can clear a line. */
bool say_is_on_terminal(void);

/*
 * On such a terminal: a line that takes the place of the last such line, cut to the width of the terminal; nothing
 * while the program is in the background. Elsewhere a line like any other.
 */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the progress line, or removes it. */
void say_progress_end(bool stays);

/* cb is called when a line has to wait; then call say_flush() when this descriptor is writable. cb NULL: nobody is. */
typedef void say_wait_cb(void *arg);
void say_on_wait(say_wait_cb *cb, void *arg);
int say_fd(void);

/* Writes lines that wait. Returns whether none are left. */
bool say_flush(void);

/* A signal is to end udsctl: what stdout and stderr do not take at once need not be written. */
void say_hurry(void);
bool say_may_wait(void);

/* At the end of udsctl, when no loop is left: writes all lines that wait. */
void say_end(void);
