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
#include "last-words.h"
#include "pipe-end.h"
#include "protocol.h"
#include "timer.h"

struct command;
struct loop;

struct task {
	LIST_ENTRY(task) link; /* the owner's */
	uint64_t id;           /* of the request */
	bool is_unwanted;      /* its answer, the owner's */
	pid_t pid;
	struct loop *loop;
	struct pipe_end output;
	struct last_words_list *words_list;
	struct last_words *words; /* its standard error */
	char why[LAST_WORDS_MAX + 1];
	struct buf answer;
	size_t answer_max;  /* bytes */
	struct timer limit; /* the deadline; then SIGKILL */
	bool is_stopped, is_late, is_too_long;
};

/*
 * Starts the command, whose descriptors are set here. ms: until the deadline, when it gets SIGTERM. Returns 0 or
 * -errno. The owner waits for the end of (*ret_task)->pid.
 */
int task_start(struct loop *loop, struct last_words_list *words, const struct command *command, uint64_t ms,
               size_t answer_max, struct task **ret_task);

/*
 * The command has ended with this status of waitpid(2): reads what is left in its pipes. Returns true with its answer,
 * or false with the reason why it failed; both are valid until the task is freed.
 */
bool task_end(struct task *task, int status, struct slice *ret_answer);

/* Sends SIGTERM, and some seconds later SIGKILL, to all processes of the command. */
void task_stop(struct task *task);

/* What it still writes to standard error is left to the list. */
void task_free(struct task *task);
