/* Opens the spool that the command line names, and tells people what was wrong with it or left in it. */
#pragma once

#include <stdbool.h>

struct doubt;
struct send_options;
struct spool;

/*
 * input: a descriptor, or -1. Returns EX_OK, or an exit status after saying what went wrong. *ret_doubt: about the
 * first lines of the input. *ret_lost: some messages were damaged.
 */
int source_spool_open(const struct send_options *o, int input, struct spool **ret_spool, struct doubt *ret_doubt,
                      bool *ret_lost);
