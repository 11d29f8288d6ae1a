/* The command of a process that answers lines, and the pipes to it and from it. */
#pragma once

#include <event2/event.h>
#include <sys/types.h>

#include "pipe-end.h"

struct last_words;
struct last_words_list;
struct loop;
struct server_plan;

struct process_pipes {
	pid_t pid;
	struct pipe_end input, output;
	struct last_words *words; /* its standard error; NULL: the command does not run */
};

void process_pipes_init(struct process_pipes *pipes);

/*
 * Starts the command. write_cb and read_cb are called with `arg` when its input, whose event is not added yet, or its
 * output is ready. Returns 0 or -errno.
 */
int process_pipes_start(struct process_pipes *pipes, struct loop *loop, const struct server_plan *plan,
                        struct last_words_list *words, event_callback_fn write_cb, event_callback_fn read_cb,
                        void *arg);

/* Closes input and output; standard error is left to the list. */
void process_pipes_close(struct process_pipes *pipes);
