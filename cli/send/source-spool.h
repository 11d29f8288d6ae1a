/* Opens the spool that the command line names, and tells people what was wrong with it or left in it. */
#pragma once

#include <stdbool.h>

struct send_options;
struct spool;

/* Returns EX_OK, or an exit status after saying what went wrong. *ret_lost: some messages were damaged. */
int source_spool_open(const struct send_options *o, struct spool **ret_spool, bool *ret_lost);
