/*
 * The names of commands: finds the row of a name in a table, and the subcommands of a command. A table is sorted by
 * name, so that subcommands follow their command, and ends with a row without a name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

/* The row with a full name ("ping", "client|id"), in any case, or NULL. */
const struct command *command_find(const struct command *table, struct slice name);

/* The first subcommand of a command, and the next one of the same command; NULL if there is none. */
const struct command *command_first_sub(const struct command *row);
const struct command *command_next_sub(const struct command *row);

/* The subcommand with a name, in any case, or NULL. */
const struct command *command_find_sub(const struct command *row, struct slice name);

bool command_is_sub(const struct command *row);

/* "id" of "client|id". */
const char *command_sub_name(const struct command *row);

/* Whether a glob pattern, in any case, matches a name that is in small letters. */
bool command_name_matches(struct slice pattern, const char *name);

struct command_name_text {
	char text[48];
};

/* A name in capital letters; a long one is cut. */
struct command_name_text command_name_upper(const char *name);
