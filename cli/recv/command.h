/*
 * A shell's command for one message. The message is its standard input: a file in memory, so that a
 * command that reads slowly or not at all, or leaves its input to a child, holds up nothing and is never
 * written to.
 */
#pragma once

#include <sys/types.h>

#include "protocol.h"

struct message;

/*
 * Starts /bin/sh -c TEXT with `input` as standard input and UDSD_CHANNEL, UDSD_PATTERN and UDSD_COUNT of
 * the message in its environment. Returns 0 or -errno.
 */
int command_start(const char *text, const struct message *m, struct slice input, pid_t *ret_pid);
