/*
 * The command line of a verb: a table of rows says which options there are and which field of the verb's own options
 * struct each one sets. The forms are those of getopt_long(3). An option with an argument may be given again only if it
 * is a list, or global. A mistake is reported in one line, with the nearest name that exists; the caller then ends with
 * EX_USAGE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* What all verbs have in common. The options struct of a verb begins with it. */
struct options {
	struct addr_list addr;           /* of the daemon */
	char reason[ADDR_PATH_MAX + 64]; /* why this one, for people */
	const char *socket;              /* as given with --socket, or NULL */
	bool verbose;
	bool help;
	bool version;
	bool json;
	bool has_timeout;
	uint64_t timeout; /* ms; 0: no limit */
	char **args;      /* what is not an option, n_args of them */
	size_t n_args;
	size_t n_behind; /* the last so many of them stood behind "--" */
};

struct option_list {
	const char **texts; /* n of them */
	size_t n;
};

struct option_rate {
	uint64_t count, period; /* so many in so many ms; count 0: no limit */
};

struct option_limit {
	uint64_t ms; /* 0: off */
	bool given;
};

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_NAME,     /* the same, not empty */
	OPTION_LIST,     /* struct option_list: one more text, not empty */
	OPTION_RATE,     /* struct option_rate */
	OPTION_SIZE,     /* uint64_t, bytes, at least 1 */
	OPTION_TIMEOUT,  /* struct options.timeout; the offset does not matter */
	OPTION_LIMIT,    /* struct option_limit */
	OPTION_COUNT,    /* uint64_t, at least 1; without an argument 1 */
	OPTION_DURATION, /* uint64_t, ms, at least 1; a number alone: seconds; without an argument 1s */
};

struct option_row {
	const char *name;     /* NULL ends a table */
	char letter;          /* 0: none */
	const char *argument; /* what the help calls it; NULL: none; "[=NAME]": may be left out */
	const char *help;
	enum option_kind kind;
	size_t offset; /* of the field in the verb's options struct, which is zero at first */
};

/* Rows that several verbs have. */
/* clang-format off */
#define OPTION_JSON_ROW                                                                                                \
	{ "json", 0, NULL, "print JSON, one object per line", OPTION_FLAG, offsetof(struct options, json) }
#define OPTION_TIMEOUT_ROW                                                                                             \
	{ "timeout", 0, "DURATION", "give up after this long without an answer (5s)", OPTION_TIMEOUT, 0 }
/* clang-format on */

struct verb {
	const char *name;
	const char *arguments; /* for --help, "[CHANNEL]..."; NULL: none */
	const char *summary;   /* one line */
	const struct option_row *rows;
	const char *examples; /* for --help, each line ends with a newline; or NULL */
	size_t args_min, args_max;
	size_t n_names;                  /* so many arguments, if given, are names: not empty */
	size_t options_size;             /* of the verb's options struct */
	int (*run)(const void *options); /* gets that struct; returns the exit status */
	/* Reports a mistake in the command line, returns the exit status; NULL: it is said, and EX_USAGE. */
	int (*mistake)(const char *text);
};

/* The options that stand before or behind any verb. */
extern const struct option_row options_global[];

/* Allocates the options of the verb; the common ones are a copy of *common. */
struct options *options_new(const struct verb *verb, const struct options *common);
void options_free(struct options *o, const struct verb *verb);

/*
 * Parses the options of `verb` and the global ones from argv[1] on; with verb NULL only the global ones,
 * up to the first argument that is not an option. Returns the index of the first argument in argv (which is reordered
 * for a verb), or -1 after reporting a mistake.
 */
int options_parse(struct options *o, const struct verb *verb, int argc, char **argv);

/* Whether not both of two options are given that exclude each other, by their names. Says so if they are. */
bool options_are_apart(const char *verb, const char *a, bool has_a, const char *b, bool has_b);

/* A duration as users give it, in ms; a number alone is in seconds. Returns 0 or negative. */
int options_parse_duration(const char *text, uint64_t *ret_ms);

/* --timeout in ms, or the default where it is not given. */
static inline uint64_t
options_timeout(const struct options *o, uint64_t by_default)
{
	return o->has_timeout ? o->timeout : by_default;
}
