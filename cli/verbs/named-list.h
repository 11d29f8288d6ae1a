/*
 * A verb that lists what the daemon has by name, with figures: as a table, as JSON, or only the names. The daemon lists
 * in no order, so all is read before the first is printed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "grid.h"
#include "options.h"

struct named_list_options {
	struct options common;
	bool names; /* print only these, for completions */
};

#define NAMED_LIST_NAMES_ROW                                                                                           \
	{                                                                                                              \
		"names", 0, NULL, "print only the names", OPTION_FLAG, offsetof(struct named_list_options, names)      \
	}

enum named_list_kind {
	NAMED_LIST_COUNT,
	NAMED_LIST_SIZE,
	NAMED_LIST_MICROSECONDS,
	NAMED_LIST_TEXT,
	NAMED_LIST_USER,
};

/* A field of the answer, and of the JSON; those with a title are columns of the table. */
struct named_list_figure {
	struct grid_column column;
	const char *field;
	enum named_list_kind kind;
};

struct named_list {
	const char *title;   /* of the column of names */
	const char *command; /* behind UDSD; takes a pattern, the first argument */
	const struct named_list_figure *figures;
	size_t n; /* at most NAMED_LIST_FIGURES_MAX */
};

#define NAMED_LIST_FIGURES_MAX ((size_t)16)

/* False where --names and --json are both given, which it says. */
bool named_list_is_usage(const struct options *o, bool names);

/* options: struct named_list_options. Returns the exit status. */
int named_list_run(const struct named_list *list, const void *options);
