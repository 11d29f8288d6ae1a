/*
 * The command line: options from a table of rows for each verb, in the forms of getopt_long(3). A mistake
 * is reported in one line, with the nearest name that there is, and ends with EX_USAGE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct options {
	struct addr addr;   /* of the daemon */
	const char *socket; /* as it was given with --socket, or NULL */
	bool verbose;
	bool help;
	bool version;

	bool null;
	bool whole;
	bool wait_receiver;
	bool summary;
	bool json;
	bool stop_on_error;
	bool has_timeout;
	uint64_t timeout; /* ms; 0: for ever */
	uint64_t queue_bytes;
	uint64_t count;        /* 0: not given */
	const char *hello;     /* or NULL */
	const char *exec;      /* or NULL */
	const char *format;    /* or NULL */
	uint64_t jobs;         /* 0: not given */
	uint64_t exec_bytes;   /* 0: not given */
	const char **patterns; /* n_patterns of them */
	size_t n_patterns;

	const char **files; /* n_files of them */
	size_t n_files;
	uint64_t rate, rate_period; /* so many in so many ms; rate 0: no limit */
	const char *spool;          /* or NULL */
	uint64_t spool_bytes;       /* 0: not given */
	bool spool_sync;
	bool progress, no_progress;
	bool names, ids; /* only these, for completions */
	bool batch;
	const char *sort;           /* column; or NULL */
	const char *user;           /* name or uid; or NULL */
	const char *channel;        /* pattern; or NULL */
	uint64_t pid;               /* 0: not given */
	uint64_t interval;          /* ms; 0: not given */
	uint64_t warning, critical; /* ms; 0: not given */

	char **args; /* what is not an option, n_args of them */
	size_t n_args;
};

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_PATTERN,  /* one more of struct options.patterns */
	OPTION_FILE,     /* one more of struct options.files */
	OPTION_RATE,     /* struct options.rate and rate_period */
	OPTION_SIZE,     /* uint64_t, bytes, at least 1 */
	OPTION_TIMEOUT,  /* struct options.timeout */
	OPTION_COUNT,    /* uint64_t, at least 1 */
	OPTION_DURATION, /* uint64_t, ms, at least 1; without an argument 1s */
};

struct option_row {
	const char *name;     /* NULL ends a table */
	char letter;          /* 0: none */
	const char *argument; /* what the help calls it; NULL: none; "[=NAME]": may be left out */
	const char *help;
	enum option_kind kind;
	size_t offset; /* in struct options */
};

struct verb {
	const char *name; /* NULL ends the table */
	const char *arguments;
	const char *summary; /* one line */
	const struct option_row *options;
	size_t args_min, args_max;
	int (*run)(const struct options *o); /* returns the exit status */
};

/* The options that stand before or behind any verb. */
extern const struct option_row options_global[];

/*
 * Parses the options of `verb` and the global ones from argv[1] on; with verb NULL only the global ones,
 * up to the first argument that is none. May be called for one and then the other with the same *o.
 * Returns the index of the first argument in argv (which is reordered for a verb), or -1 after reporting
 * a mistake.
 */
int options_parse(struct options *o, const struct verb *verb, int argc, char **argv);

/*
 * Finds the socket: --socket, $UDSD_SOCKET, the user's own, the service's. Sets o->addr; returns 0, or -1
 * after reporting a mistake.
 */
int options_find_socket(struct options *o);

void options_deinit(struct options *o);
