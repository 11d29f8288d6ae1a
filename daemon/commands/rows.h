/*
 * Lookup in a table of commands. A table is sorted by name, so that subcommands follow their command, and ends with a
 * row without a name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

/* The row with a full name ("ping", "client|id"), in any case, or NULL. */
const struct command *rows_find(const struct command *table, struct slice name);

/* The first subcommand of a command, and the next one of the same command; NULL if there is none. */
const struct command *rows_first_sub(const struct command *row);
const struct command *rows_next_sub(const struct command *row);

/* The subcommand with a name, in any case, or NULL. */
const struct command *rows_find_sub(const struct command *row, struct slice name);

bool rows_is_sub(const struct command *row);

/* "id" of "client|id". */
const char *rows_sub_name(const struct command *row);

/* Whether a glob pattern, in any case, matches a name that is in small letters. */
bool rows_is_match(struct slice pattern, const char *name);

struct rows_text {
	char text[48];
};

/* A name in capital letters; a long one is cut. */
struct rows_text rows_upper(const char *name);
