/* Standard error of a command that serves: its last line tells the caller why it has failed. See last-words.h. */
#pragma once

#include "last-words.h"

/* The longest text of a failure, in bytes, with its NUL. */
#define ERRORS_TEXT_MAX (LAST_WORDS_MAX + 1)

struct errors {
	struct last_words_list list;
	struct last_words *words;   /* of the command that runs, or NULL */
	char last[ERRORS_TEXT_MAX]; /* of the one that has ended; or "" */
};

void errors_init(struct errors *e, struct loop *loop);
void errors_deinit(struct errors *e);

/* A command starts; *ret_fd, which the caller closes, is its standard error. Returns 0 or -errno. */
int errors_open(struct errors *e, int *ret_fd);

/* The command was not started. Nothing happens if it has ended. */
void errors_close(struct errors *e);

/* The command has ended: reads what is left, which may lack the end of its line. */
void errors_finish(struct errors *e);

/* What was written until now is no reason any more. */
void errors_forget(struct errors *e);
