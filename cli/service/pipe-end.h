/* udsctl's end of a pipe to or from a command, which the loop watches. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

struct loop;

struct pipe_end {
	int fd;              /* -1: none */
	struct event *event; /* NULL: none; of a writing end it is not added */
};

/* Makes a pipe; *ret_fd is the end for the command, which the caller closes. Returns 0 or -errno. */
int pipe_end_open(struct pipe_end *end, struct loop *loop, bool writes, event_callback_fn cb, void *arg, int *ret_fd);

/* No-op where it is closed. */
void pipe_end_close(struct pipe_end *end);
