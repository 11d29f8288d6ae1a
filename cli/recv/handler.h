/* Runs a command for each message: a queue of messages with a limit, and up to a number of commands at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct handler;
struct loop;
struct message;

struct handler_options {
	const char *command;  /* for /bin/sh -c; belongs to the caller and must outlive the handler */
	uint64_t jobs;        /* the most commands that run at once, at least 1 */
	uint64_t queue_bytes; /* from this size on the queue is full */
	bool stop_on_error;   /* after the first command that fails, start no other */
};

struct handler_counts {
	uint64_t running;   /* commands now */
	uint64_t failed;    /* commands that failed or could not be started */
	uint64_t unhandled; /* messages for which no command was started */
};

/* A command has ended, or starting one has been tried again. */
typedef void handler_cb(void *arg);

struct handler *handler_new(struct loop *loop, const struct handler_options *options, handler_cb *ended, void *arg);

/* Does not end or wait for commands that still run. */
void handler_free(struct handler *h);

/* Copies the message and `input`, the command's standard input, to the queue; starts commands up to the limit. */
void handler_take(struct handler *h, const struct message *m, struct slice input);

/* Starts no other command. Messages in the queue are removed, and counted as unhandled. */
void handler_stop(struct handler *h);

bool handler_is_full(const struct handler *h);

/* Whether the queue is empty and no command runs. */
bool handler_is_idle(const struct handler *h);

/* So many of the first messages are handled: their commands have ended, with --stop-on-error all of them well. */
uint64_t handler_handled(const struct handler *h);

struct handler_counts handler_counts(const struct handler *h);
