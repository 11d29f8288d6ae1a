/*
 * The command that answers one request: it reads the payload, what it writes is the answer. What it writes to standard
 * error goes to that of udsctl.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "buf.h"
#include "protocol.h"
#include "timer.h"

struct command;
struct event;
struct loop;

/* The longest text of a failure, in bytes, with its NUL. */
#define TASK_TEXT_MAX ((size_t)1000)

/* The reading end of a pipe from the command. */
struct task_pipe {
	int fd;              /* -1: none */
	struct event *event; /* NULL: none */
};

struct task {
	LIST_ENTRY(task) link; /* the owner's */
	uint64_t id;           /* of the request */
	uint64_t connection;   /* that it came on; the owner's */
	pid_t pid;
	struct loop *loop;
	struct task_pipe output, errors;
	struct buf answer;
	size_t answer_max; /* bytes */
	char line[TASK_TEXT_MAX],
	    last[TASK_TEXT_MAX]; /* of standard error: what has come of a line; the last that is whole */
	size_t line_len;
	struct timer errors_again; /* standard error of udsctl was full */
	struct timer limit;        /* the deadline; then SIGKILL */
	bool is_stopped, is_late, is_too_long;
};

/*
 * Starts the command, whose descriptors are set here. ms: until the deadline, when it gets SIGTERM. Returns 0 or
 * -errno. The owner waits for the end of (*ret_task)->pid.
 */
int task_start(struct loop *loop, const struct command *command, uint64_t ms, size_t answer_max,
               struct task **ret_task);

/*
 * The command has ended with this status of waitpid(2): reads what is left in its pipes. Returns true with its answer,
 * or false with the reason why it failed; both are valid until the task is freed.
 */
bool task_end(struct task *task, int status, struct slice *ret_answer);

/* Sends SIGTERM, and some seconds later SIGKILL, to all processes of the command. */
void task_stop(struct task *task);

void task_free(struct task *task);
