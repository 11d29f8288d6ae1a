/* The command that is run for each message: a bounded queue of messages, and up to so many commands at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct handler;
struct loop;
struct message;

struct handler_options {
	const char *command;  /* for /bin/sh -c */
	uint64_t jobs;        /* that may run at once, at least 1 */
	uint64_t queue_bytes; /* that wait for their command before the queue is full */
	bool stop_on_error;   /* after the first command that fails no other is started */
};

/* A command has ended. */
typedef void handler_cb(void *arg);

/* The command stays the caller's. */
struct handler *handler_new(struct loop *loop, const struct handler_options *options, handler_cb *ended, void *arg);

/* Commands that still run go on by themselves. */
void handler_free(struct handler *h);

/* Queues a message with `input` for the command's standard input, and starts what may be started. */
void handler_take(struct handler *h, const struct message *m, struct slice input);

/* No other command is started: what is queued is dropped, and counted. */
void handler_stop(struct handler *h);

bool handler_is_full(const struct handler *h);

/* Whether nothing is queued and nothing runs. */
bool handler_is_idle(const struct handler *h);

uint64_t handler_running(const struct handler *h);
uint64_t handler_failed(const struct handler *h);

/* Messages that were taken and for which no command was started. */
uint64_t handler_unhandled(const struct handler *h);
