/*
 * Starts a command. For one message, its standard input is a file in memory that holds the message, not a pipe: a
 * command that reads slowly, or not at all, or that leaves its input to a child, cannot block udsctl.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "protocol.h"

/* Linux takes no string of an environment that is longer than 128 KiB, so commands would not start. */
#define COMMAND_VALUE_MAX ((size_t)100 * 1024)

struct command_variable {
	const char *name;
	struct slice value; /* p NULL, a NUL in it, or longer than COMMAND_VALUE_MAX: the variable is not set */
};

struct command {
	const char *path;  /* of the program */
	char *const *argv; /* ends with NULL */
	struct slice input;
	int input_fd; /* its standard input in place of these bytes, if it is not 0 */
	/* n of them take the place of all variables of these names, and of all that begin with `prefix` (or NULL). */
	const struct command_variable *variables;
	size_t n;
	const char *prefix;
	/* Descriptors that become its standard output and error; 0: it has those of udsctl. */
	int output, error;
	/* In a process group of its own, and killed when udsctl dies. */
	bool is_bound;
};

/* The path of a program, which is looked for in PATH if the name has no slash. Returns 0 or -errno; the caller frees
 * it. */
int command_find(const char *name, char **ret_path);

/* Says that a verb cannot run the command, with this errno, and returns the exit status, which is that of a shell. */
int command_report(const char *verb, const char *name, int error);

/* Lets udsctl have as many open descriptors as it may: for many commands at once. Commands have the limit from before.
 */
void command_allow_many(void);

/* Returns 0 or -errno; the caller waits for *ret_pid. */
int command_start(const struct command *command, pid_t *ret_pid);
