/*
 * Standard error of commands. What a command writes there goes on to that of udsctl, as it comes; and its last line
 * tells why it has failed. It is read only while that of udsctl takes it: so a command that writes faster waits, as if
 * it wrote there itself. What is in the pipe when it ends is kept in memory; so that this has a bound, no command
 * should be started while much of it waits.
 *
 * A command may leave processes behind that go on to write there. They are read until all of them have closed it, or
 * udsctl ends; but those of 64 commands at most, of the last ones.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "timer.h"

struct event;
struct last_words;
struct loop;

/* Of a last line, in bytes; the rest is left out. */
#define LAST_WORDS_MAX ((size_t)1000)

/* Those of all commands. */
struct last_words_list {
	struct loop *loop;
	TAILQ_HEAD(, last_words) all;
	size_t n_left;      /* whose command has ended */
	struct timer again; /* standard error of udsctl was full */
	bool was_full;      /* so that no command was started */
	void (*may_start_cb)(void *arg);
	void *arg;
};

/* may_start_cb: now a command may be started, which last_words_may_start() has denied; NULL if
 * that is never asked. */
void last_words_init(struct last_words_list *list, struct loop *loop, void (*may_start_cb)(void *arg), void *arg);

/* Passes on what is there, and closes all. */
void last_words_deinit(struct last_words_list *list);

/* Whether standard error of udsctl has taken enough of what was written before. */
bool last_words_may_start(struct last_words_list *list);

/* Of a command that is to be started; *ret_fd, which the caller closes, is its standard error. Returns 0 or -errno. */
int last_words_open(struct last_words_list *list, struct last_words **ret_words, int *ret_fd);

/* The command was not started, or nobody is to read on. */
void last_words_close(struct last_words_list *list, struct last_words *words);

/* What the command, which goes on, has written until now is no reason any more. */
void last_words_forget(struct last_words *words);

/*
 * The command has ended, and what it wrote is passed on. Writes the last line that is not empty, as much as goes into
 * `size` bytes with its NUL, in UTF-8 and without control characters; "" if there is none. Frees `words`, at last.
 */
void last_words_end(struct last_words_list *list, struct last_words *words, char *ret_text, size_t size);
