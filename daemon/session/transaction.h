/*
 * What a session has asked for between MULTI and EXEC: copies of the commands, bounded in bytes. They run in one
 * go, so that nothing that others publish comes in between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "command.h"

struct queued_command {
	STAILQ_ENTRY(queued_command) link;
	const struct command *row;
	size_t argc;
	struct slice argv[]; /* of bytes that follow them */
};

struct transaction {
	STAILQ_HEAD(, queued_command) commands;
	size_t n;        /* how many there are, or were before it failed */
	size_t bytes;    /* that the commands take, as limited */
	bool has_failed; /* a command was refused: EXEC will be */
};

/* Between MULTI and EXEC from now on. Returns 0 or -ENOMEM. */
int transaction_begin(struct session *s);

/* Keeps a command, and replies; what does not fit makes the transaction fail. */
void transaction_add(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                     size_t argc);

/* EXEC will be refused. */
void transaction_fail(struct session *s);

/* The session's transaction is over, if there is one. */
void transaction_end(struct session *s);

/* Takes NULL. */
void transaction_free(struct transaction *transaction);
