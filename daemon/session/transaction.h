/*
 * The commands of a session between MULTI and EXEC: copies, with a limit in bytes. EXEC runs them in one go, so that
 * no message of another client comes in between.
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
	struct slice argv[]; /* their bytes follow in the same allocation */
};

struct transaction {
	STAILQ_HEAD(, queued_command) commands;
	size_t n;        /* number of commands, also after a failure */
	size_t bytes;    /* memory of the commands */
	bool has_failed; /* a command was refused, so EXEC will be too */
};

/* Begins a transaction. Returns 0 or -ENOMEM. */
int transaction_begin(struct session *s);

/* Adds a copy of a command and replies QUEUED. If it does not fit, the transaction fails and an error is replied. */
void transaction_add(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                     size_t argc);

/* Makes EXEC fail, and frees the commands. */
void transaction_fail(struct session *s);

/* Ends and frees the session's transaction, if there is one. */
void transaction_end(struct session *s);

/* Takes NULL. */
void transaction_free(struct transaction *transaction);
