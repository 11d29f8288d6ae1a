/*
 * Runs a shell command for one message. The command's standard input is a file in memory that holds the message, not a
 * pipe: a command that reads slowly, or not at all, or that leaves its input to a child, cannot block udsctl.
 */
#pragma once

#include <sys/types.h>

#include "protocol.h"

struct message;

/*
 * Starts /bin/sh -c TEXT with `input` as standard input and UDSD_CHANNEL, UDSD_PATTERN, UDSD_COUNT and
 * UDSD_ID of the message in its environment. Returns 0 or -errno; the caller waits for *ret_pid.
 */
int command_start(const char *text, const struct message *m, struct slice input, pid_t *ret_pid);
