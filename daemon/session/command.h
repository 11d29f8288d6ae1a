/*
 * What a command is: one row of the table of commands, and one handler. Commands that Redis has answer as Redis 7.2
 * does (https://redis.io/docs/latest/commands/).
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
	/* It cannot go on yet and has changed nothing. The session is in state WAITING; the command runs again later.
	 */
	COMMAND_WAIT,
	/* Its turn is over, and it goes on in a later pass: the handler runs again, with the same sessions.place. */
	COMMAND_MORE,
};

/* Where a handler that returned COMMAND_MORE goes on. Zeroed when a command runs for the first time. */
struct place {
	size_t next; /* where it goes on, as the handler says, such as the number of an argument; 0: it begins */
	void *state; /* or NULL; freed by `free` if the session ends */
	void (*free)(struct bus *bus, void *state);
};

enum {
	/* Flags that Redis has, in the order in which COMMAND INFO lists them. */
	COMMAND_ADMIN = 1 << 0,
	COMMAND_PUBSUB = 1 << 1,
	COMMAND_NOSCRIPT = 1 << 2,
	COMMAND_LOADING = 1 << 3,
	COMMAND_STALE = 1 << 4,
	COMMAND_SKIP_SLOWLOG = 1 << 5,
	COMMAND_FAST = 1 << 6,
	COMMAND_NO_AUTH = 1 << 7,
	COMMAND_NO_MULTI = 1 << 8, /* refused between MULTI and EXEC */
	COMMAND_ALLOW_BUSY = 1 << 9,
	COMMAND_SHOWN_FLAGS = 10, /* the number of flags above */

	/* Categories that do not follow from the flags above. */
	COMMAND_DANGEROUS = 1 << 10,
	COMMAND_CONNECTION = 1 << 11,
	COMMAND_TRANSACTION = 1 << 12,

	COMMAND_IN_SUBSCRIBE = 1 << 13, /* allowed to a RESP2 client that has subscriptions */
	COMMAND_UNQUEUED = 1 << 14,     /* runs at once between MULTI and EXEC */
	COMMAND_NEEDS_ADMIN = 1 << 15,  /* refused unless the client is an administrator */
	COMMAND_MAY_WAIT = 1 << 16,     /* the handler may return COMMAND_WAIT */
	COMMAND_SHARD_ONE = 1 << 17,    /* the first argument is a shard channel, which Redis treats as a key */
	COMMAND_SHARD_ALL = 1 << 18,    /* all arguments are shard channels */
	COMMAND_LINEAR = 1 << 19,       /* the cost grows with the number of channels, clients or arguments */
	/*
	 * Neither shows nor changes what others share, so it runs while the EXEC of another client is paused. QUIT has
	 * it, too: its client could as well just close the connection.
	 */
	COMMAND_BLIND = 1 << 20,
};

struct command {
	const char *name; /* lower case; a subcommand is "client|id" */
	/* Number of arguments including the name (and the subcommand); negative: at least that many. */
	int arity;
	unsigned int flags;
	const char *group, *since;
	const char *tips;   /* of COMMAND INFO, separated by blanks */
	const char *syntax; /* of the arguments; cmd-command-docs.c has the grammar */
	const char *summary;
	/* The handler. NULL: the command is only a container of subcommands. argv[0] is the command's name, also for a
	   subcommand. */
	enum command_result (*run)(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
};

/* Upper bound of the number of rows. */
#define COMMAND_ROWS_MAX 160

/* Counters of one row. */
struct command_stats {
	uint64_t calls;
	uint64_t rejected;    /* not run: wrong arguments, or not allowed now */
	uint64_t failed;      /* ran and replied an error */
	uint64_t timed;       /* calls that were timed */
	uint64_t nanoseconds; /* sum over the timed calls, without the work at the end of the pass */
};

/* Arguments for "%.*s" in an error reply; shows no more of an argument than Redis does. */
#define COMMAND_SHOWN(arg) ((arg).len < 128 ? (int)(arg).len : 128), (const char *)(arg).p
