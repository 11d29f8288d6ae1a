/* What the handlers of COMMAND share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "command-names.h"

/* Upper bound of the names in one COMMAND INFO or DOCS. */
#define CMD_COMMAND_NAMES_MAX 256

/* Returns whether at most CMD_COMMAND_NAMES_MAX names follow the subcommand; otherwise replies an error. */
bool cmd_command_require_count(struct bus *bus, struct session *s, size_t argc);

size_t cmd_command_count_subs(const struct command *row);

/* Number of commands, without subcommands. */
size_t cmd_command_count_all(struct bus *bus);

/* The next command that is no subcommand, or NULL. */
const struct command *cmd_command_next(const struct command *row);

/* The specifications of the keys; and the first key, the last one and the step, which libraries used before. */
void cmd_command_reply_specs(struct bus *bus, struct session *s, const struct command *row);
void cmd_command_reply_range(struct bus *bus, struct session *s, const struct command *row);
