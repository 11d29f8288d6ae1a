/* Opening the spool that the command line names, and telling people what it was like. */
#pragma once

#include <stdbool.h>

struct send_options;
struct spool;

/* Returns EX_OK, or an exit status after saying what went wrong. *ret_lost: some messages were damaged. */
int spool_open_for(const struct send_options *o, struct spool **ret_spool, bool *ret_lost);
