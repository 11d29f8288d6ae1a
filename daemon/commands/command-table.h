/* The table of all commands. */
#pragma once

#include "command.h"

/* Sorted by name, so that subcommands follow their command. Ends with a row without a name. */
extern const struct command command_table[];
