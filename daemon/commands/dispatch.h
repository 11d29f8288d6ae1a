/* From the arguments of a command to its handler: finds the row, checks it, and runs, queues or refuses it. */
#pragma once

#include <stddef.h>

#include "command.h"

/* Handles one command and replies. argc is at least 1. */
enum command_result dispatch(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);

/* Makes a job of a command for which dispatch() has returned COMMAND_MORE; see job_begin(). */
void dispatch_keep(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);

/* Goes on with the command of a session that has_job. */
enum command_result dispatch_continue(struct bus *bus, struct session *s);
