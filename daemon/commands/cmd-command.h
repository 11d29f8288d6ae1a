/* What the handlers of COMMAND share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "rows.h"

/* Commands that COMMAND INFO and DOCS tell of in one answer. */
#define CMD_COMMAND_NAMES_MAX 256

/* Whether so few commands are asked for that the answer stays small; else an error is replied. */
bool cmd_command_check_count(struct bus *bus, struct session *s, size_t argc);

size_t cmd_command_count_subs(const struct command *row);

/* Commands, without subcommands. */
size_t cmd_command_count_all(const struct bus *bus);

/* The next command after a command, or NULL. */
const struct command *cmd_command_next(const struct command *row);
