/*
 * A command of the bus: one row of the table (table.c), and one handler. Redis's commands
 * answer as Redis 7.2 does (https://redis.io/docs/latest/commands/).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	/* What Redis tells of a command, in the order in which COMMAND INFO lists it. */
	COMMAND_ADMIN = 1 << 0,
	COMMAND_PUBSUB = 1 << 1,
	COMMAND_NOSCRIPT = 1 << 2,
	COMMAND_LOADING = 1 << 3,
	COMMAND_STALE = 1 << 4,
	COMMAND_SKIP_SLOWLOG = 1 << 5,
	COMMAND_FAST = 1 << 6,
	COMMAND_NO_AUTH = 1 << 7,
	COMMAND_NO_MULTI = 1 << 8, /* is refused between MULTI and EXEC */
	COMMAND_ALLOW_BUSY = 1 << 9,
	COMMAND_SHOWN_FLAGS = 10, /* so many of them */

	/* Categories that do not follow from the flags above. */
	COMMAND_DANGEROUS = 1 << 10,
	COMMAND_CONNECTION = 1 << 11,
	COMMAND_TRANSACTION = 1 << 12,

	COMMAND_IN_SUBSCRIBE = 1 << 13, /* allowed to a RESP2 client that is subscribed */
	COMMAND_UNQUEUED = 1 << 14,     /* runs at once between MULTI and EXEC */
	COMMAND_NEEDS_ADMIN = 1 << 15,  /* is refused to who is not an administrator */
	COMMAND_MAY_WAIT = 1 << 16,     /* its handler may return COMMAND_WAIT */
	COMMAND_SHARD_ONE = 1 << 17,    /* its first argument is a shard channel, which Redis calls a key */
	COMMAND_SHARD_ALL = 1 << 18,    /* all its arguments are */
	COMMAND_LINEAR = 1 << 19,       /* its cost grows with what it is about */
};

struct command {
	const char *name; /* lower case; of a subcommand "client|id" */
	/* Number of arguments with the name (and the subcommand); negative: at least so many. */
	int arity;
	unsigned int flags;
	const char *group, *since;
	const char *tips;   /* words, as COMMAND INFO lists them */
	const char *syntax; /* of the arguments */
	const char *summary;
	/* NULL: it only has subcommands. argv[0] is the command's name, also for a subcommand. */
	enum command_result (*run)(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
};

/* The most rows that there may be. */
#define COMMAND_ROWS_MAX 80

/* What is counted of each row. */
struct command_stats {
	uint64_t calls;
	uint64_t rejected;    /* was not run: wrong arguments, or not now */
	uint64_t failed;      /* ran, and replied an error */
	uint64_t timed;       /* calls of which the time was taken */
	uint64_t nanoseconds; /* that these took, without what the end of the pass did for them */
};

/* For "%.*s" in an error: an argument, of which no more is shown than Redis would. */
#define COMMAND_SHOWN(arg) ((arg).len < 128 ? (int)(arg).len : 128), (const char *)(arg).p
