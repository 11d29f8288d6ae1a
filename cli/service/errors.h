/*
 * Standard error of a command: what it writes there goes to that of udsctl, and its last line tells why it has failed.
 * It is read only while that of udsctl takes it, so a command that writes faster waits as if it wrote there itself.
 */
#pragma once

#include <stddef.h>

#include "pipe-end.h"
#include "timer.h"

struct loop;

/* The longest text of a failure, in bytes, with its NUL. */
#define ERRORS_TEXT_MAX ((size_t)1000)

struct errors {
	struct pipe_end pipe;
	struct timer again; /* standard error of udsctl was full */
	char line[ERRORS_TEXT_MAX];
	char last[ERRORS_TEXT_MAX]; /* the last line that was whole and not empty; "" while there is none */
	size_t line_len;            /* of the next one, in `line` */
};

void errors_init(struct errors *e, struct loop *loop);
void errors_deinit(struct errors *e);

/* A command starts; *ret_fd, which the caller closes, is its standard error. Returns 0 or -errno. */
int errors_open(struct errors *e, struct loop *loop, int *ret_fd);

/* The command has ended: reads what is left, which may lack the end of its line. */
void errors_finish(struct errors *e);

/* What was written until now is no reason any more. */
void errors_forget(struct errors *e);
