/*
 * Which blocks of streams the commands of a transaction will look into. EXEC cannot wait for the disk once it runs, as
 * all others would wait with it: so it fetches them before it begins, and keeps them in memory until it ends.
 *
 * That is a guess where a command depends on those before it, and takes more rather than less. What it could not know
 * is refused when its command runs (keyspace_wait_cold()).
 */
#pragma once

#include "transaction.h"

/*
 * Looks at one command, in the order in which they will run. COMMAND_DONE: what it needs is in memory, unless
 * needs.is_too_much says that it never will be; COMMAND_WAIT: the session waits, for the disk or for another EXEC that
 * fetches; COMMAND_MORE: the turn is over. Then it is called again with the same command; but when the session has
 * waited for something else in between, or is_anew says so, it begins with the first command, with zeroed needs.
 */
enum command_result exec_needs_fetch(struct bus *bus, struct session *s, struct transaction *transaction,
                                     const struct queued_command *command, bool *ret_is_anew);

/* The transaction does not run yet: what was kept for it may go. */
void exec_needs_drop(struct bus *bus, struct session *s);
