/*
 * The commands of the bus: each is one row of the table in command.c and one handler. Redis's commands
 * answer as Redis 7.2 does (https://redis.io/docs/latest/commands/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

struct bus;
struct session;

enum command_result {
	COMMAND_DONE,
	/* It cannot go on yet and has done nothing: the session is in state WAITING, and the same command is run again
	   later. */
	COMMAND_WAIT,
};

enum {
	COMMAND_IN_SUBSCRIBE = 1 << 0, /* allowed to a RESP2 client that is subscribed */
	COMMAND_FAST = 1 << 1,         /* takes constant time */
	COMMAND_PUBSUB = 1 << 2,       /* moves messages */
};

struct command {
	const char *name; /* lower case; a subcommand's without its command */
	/* Number of arguments with the name (and the subcommand); negative: at least so many. */
	int arity;
	unsigned int flags;
	const char *since;
	const char *summary;
	/* argv[0] is the command's name, whichever table the row stands in. */
	enum command_result (*run)(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
	const struct command *subcommands; /* ends with a row without a name; NULL: none */
};

/* Ends with a row without a name. */
extern const struct command command_table[];

/* Runs one command. argc is at least 1. */
enum command_result command_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);

/* The row of a name, in any case, or NULL. */
const struct command *command_find(const struct command *table, struct slice name);

/* Whether an argument is the given word, in any case. */
bool command_is_word(struct slice arg, const char *word);

/* A short text by value. */
struct command_text {
	char text[48];
};

/* The name in capitals, as people write it. */
struct command_text command_upper_name(const struct command *row);
