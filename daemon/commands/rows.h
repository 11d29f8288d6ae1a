/* Finding rows in a table of commands; and words for them. A table is sorted by name and ends with a row without one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

/* The row of a full name ("ping", "client|id"), in any case, or NULL. */
const struct command *rows_find(const struct command *table, struct slice name);

/* The first subcommand of a row, or the next one of the same command; NULL: none. */
const struct command *rows_first_sub(const struct command *row);
const struct command *rows_next_sub(const struct command *row);

/* The subcommand of a name, or NULL. */
const struct command *rows_find_sub(const struct command *row, struct slice name);

bool rows_is_sub(const struct command *row);

/* "id" of "client|id". */
const char *rows_sub_name(const struct command *row);

/* Whether a glob pattern, in any case, matches a name in small letters. */
bool rows_is_match(struct slice pattern, const char *name);

/* A short text by value. */
struct rows_text {
	char text[48];
};

/* A name in capitals, as people write it. */
struct rows_text rows_upper(const char *name);
