/* Which arguments of a command are keys, read from the `keys` of its row. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

struct command_keys {
	struct slice flags; /* separated by blanks: "RW update" */
	struct slice notes; /* or empty */
	/* The keys are this argument, or all from there on; */
	size_t index;
	bool is_open;
	/* or, if the keyword is not empty, the first half of what stands behind it, looked for from `index` on. */
	struct slice keyword;
};

/* Reads the next specification of *text, which moves on behind it. Returns false at the end. Takes a *text of NULL. */
bool command_keys_next(const char **text, struct command_keys *ret_keys);

/* The keys among the arguments: argv[*ret_first] and so on, their number is returned; 0 if there are none. */
size_t command_keys_find(const struct command_keys *keys, const struct slice *argv, size_t argc, size_t *ret_first);
